// Manifests read out of ELF files, good and broken ones, made here byte by byte.
#include <cellmesh/abi/version.h>
#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "cellmesh/manifest.pb.h"
#include "plugin/collisions.hpp"
#include "plugin/manifest.hpp"

namespace cm::plugin::test {
namespace {

namespace fs = std::filesystem;
using testing::Test;

cellmesh::Manifest good() {
  cellmesh::Manifest m;
  m.set_format(1);
  m.set_name("chat");
  m.set_version("1.2.3");
  m.set_abi_major(1);
  m.set_abi_minor(0);
  m.set_sdk_version("1.0.0");
  m.add_provides("chat");
  m.add_requires_kinds("data");
  auto* message = m.add_messages();
  message->set_id(500);
  message->set_name("my.SayREQ");
  message->set_service("chat");
  message->set_route(2);
  auto* settings = m.add_settings();
  settings->set_kind("chat");
  settings->set_message("my.ChatSettings");
  auto* field = settings->add_fields();
  field->set_name("limit");
  field->set_number(1);
  field->set_type(cellmesh::Manifest::INT32);
  field->set_default_value("7");
  field->set_min(0);
  field->set_max(10);
  return m;
}

// A file with an ELF header, one loaded segment, the manifest's section and its name table.
struct Elf {
  Elf64_Ehdr head{};
  Elf64_Phdr segment{};
  std::vector<Elf64_Shdr> sections = std::vector<Elf64_Shdr>(3);
  std::string names{"\0.shstrtab\0.cellmesh.manifest\0", 30};
  std::string manifest;

  explicit Elf(std::string bytes) : manifest(std::move(bytes)) {
    std::memcpy(head.e_ident, ELFMAG, SELFMAG);
    head.e_ident[EI_CLASS] = ELFCLASS64;
    head.e_ident[EI_DATA] = ELFDATA2LSB;
    head.e_type = ET_DYN;
#if defined(__x86_64__)
    head.e_machine = EM_X86_64;
#else
    head.e_machine = EM_AARCH64;
#endif
    head.e_phoff = sizeof head;
    head.e_phnum = 1;
    head.e_phentsize = sizeof segment;
    head.e_shentsize = sizeof(Elf64_Shdr);
    head.e_shnum = 3;
    head.e_shstrndx = 1;
    segment.p_type = PT_LOAD;
    segment.p_filesz = sizeof head;
    const std::uint64_t at = sizeof head + sizeof segment;
    sections[1] = {.sh_name = 1,
                   .sh_type = SHT_STRTAB,
                   .sh_flags = 0,
                   .sh_addr = 0,
                   .sh_offset = at,
                   .sh_size = names.size(),
                   .sh_link = 0,
                   .sh_info = 0,
                   .sh_addralign = 1,
                   .sh_entsize = 0};
    sections[2] = sections[1];
    sections[2].sh_name = 11;
    sections[2].sh_type = SHT_PROGBITS;
    sections[2].sh_offset = at + names.size();
    sections[2].sh_size = manifest.size();
    head.e_shoff = sections[2].sh_offset + manifest.size();
  }
  [[nodiscard]] std::string bytes() const {
    std::string out(reinterpret_cast<const char*>(&head), sizeof head);
    out.append(reinterpret_cast<const char*>(&segment), sizeof segment).append(names).append(manifest);
    return out.append(reinterpret_cast<const char*>(sections.data()), sections.size() * sizeof(Elf64_Shdr));
  }
};

class ManifestTest : public Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "cm-manifest-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override { fs::remove_all(folder); }

  base::Result<Manifest> read(const std::string& content) {
    std::ofstream(folder / "x.so", std::ios::binary | std::ios::trunc) << content;
    return read_manifest(folder / "x.so");
  }
  // Why it is refused; empty when it is not.
  std::string refusal(const std::string& content) {
    const auto manifest = read(content);
    return manifest ? "" : manifest.error().text;
  }
  static std::string check(const cellmesh::Manifest& m) {
    const auto manifest = parse_manifest(m.SerializeAsString(), "x.so");
    if (!manifest) return manifest.error().text;
    const auto status = check_manifest(*manifest, "x.so");
    return status ? "" : status.error().text;
  }
  static bool has(const std::string& text, std::string_view part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
    EXPECT_NE(text.find("x.so"), std::string::npos) << text;
    return true;
  }
  fs::path folder;
};

TEST_F(ManifestTest, IsReadWithoutLoadingTheFile) {
  const auto m = read(Elf(good().SerializeAsString()).bytes());
  ASSERT_TRUE(m) << m.error().text;
  EXPECT_EQ(m->name, "chat");
  EXPECT_EQ(m->version, "1.2.3");
  EXPECT_EQ(m->provides, std::vector<std::string>{"chat"});
  EXPECT_EQ(m->requires_kinds, std::vector<std::string>{"data"});
  ASSERT_NE(m->message(500), nullptr);
  EXPECT_EQ(m->message(501), nullptr);
  ASSERT_NE(m->settings_of("chat"), nullptr);
  EXPECT_EQ(m->settings_of("chat")->fields[0].max, 10);
  const auto routes = m->routes_of("chat");
  ASSERT_EQ(routes.rules.size(), 1U);
  EXPECT_EQ(routes.rules[0].mode, routing::RouteMode::auth);
  EXPECT_TRUE(check_manifest(*m, "x.so"));
}

TEST_F(ManifestTest, EveryTruncationIsRefusedAndNoneIsRead) {
  const std::string whole = Elf(good().SerializeAsString()).bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(refusal(whole.substr(0, size)), "") << size;
  }
}

TEST_F(ManifestTest, EveryDamagedByteOfTheHeadersIsSurvived) {
  const std::string whole = Elf(good().SerializeAsString()).bytes();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char value : {'\x00', '\x7f', '\xff'}) {
      std::string damaged = whole;
      damaged[at] = value;
      (void)read(damaged);
    }
  }
}

TEST_F(ManifestTest, WhatIsNoPluginIsNamedWithItsCure) {
  has(refusal(""), "is not a shared library");
  has(refusal("#!/bin/sh\necho hello, world\n"), "build it with cellmesh_add_plugin()");
  Elf elf(good().SerializeAsString());
  elf.head.e_ident[EI_CLASS] = ELFCLASS32;
  has(refusal(elf.bytes()), "32-bit");
  elf.head.e_ident[EI_CLASS] = ELFCLASS64;
  elf.head.e_machine = EM_386;
  has(refusal(elf.bytes()), "built for i386 and this host runs on");
  elf = Elf(good().SerializeAsString());
  elf.head.e_type = ET_EXEC;
  has(refusal(elf.bytes()), "not a shared library");
  elf = Elf(good().SerializeAsString());
  elf.sections[2].sh_name = 1;
  has(refusal(elf.bytes()), "no cellmesh plugin (it has no section .cellmesh.manifest)");
  elf = Elf("\xff\xff\xff garbage");
  has(refusal(elf.bytes()), "does not parse");
  EXPECT_FALSE(read_manifest(folder / "absent.so"));
  EXPECT_FALSE(read_manifest(folder));
}

TEST_F(ManifestTest, LyingOffsetsAreRefused) {
  const auto with = [&](const std::function<void(Elf&)>& change) {
    Elf elf(good().SerializeAsString());
    change(elf);
    return refusal(elf.bytes());
  };
  has(with([](Elf& e) { e.sections[2].sh_size = 1ULL << 40U; }), "cut short");
  has(with([](Elf& e) { e.sections[2].sh_offset = ~0ULL; }), "cut short");
  has(with([](Elf& e) { e.segment.p_filesz = 1ULL << 40U; }), "cut short");
  has(with([](Elf& e) { e.segment.p_offset = ~0ULL - 10; }), "cut short");
  has(with([](Elf& e) { e.head.e_phoff = ~0ULL; }), "cut short");
  has(with([](Elf& e) { e.head.e_shoff = ~0ULL - 3; }), "cut short");
  has(with([](Elf& e) { e.head.e_shstrndx = 9; }), "cut short");
  has(with([](Elf& e) {
        e.head.e_shnum = 0;
        e.sections[0].sh_size = ~0ULL;
      }),
      "cut short");
  has(with([](Elf& e) { e.head.e_shoff = 0; }), "no section headers");
  has(with([](Elf& e) { e.head.e_shentsize = 7; }), "damaged");
}

TEST_F(ManifestTest, OtherVersionsAreNamedWithTheirCure) {
  auto m = good();
  m.set_format(2);
  has(check(m), "its manifest is of format 2 and this host reads 1; run a newer host");
  m = good();
  m.set_abi_major(2);
  const std::string own = "1." + std::to_string(CM_ABI_MINOR);
  has(check(m),
      "built for plugin ABI 2.0 and this host has " + own + "; build it again with an SDK of major version 1");
  m = good();
  m.set_abi_minor(9);
  has(check(m), "built for plugin ABI 1.9 and this host has " + own + "; run a newer host");
}

TEST_F(ManifestTest, ContradictionsAreRefused) {
  EXPECT_EQ(check(good()), "");
  auto m = good();
  m.clear_provides();
  has(check(m), "provides no kind of service");
  m = good();
  m.add_provides("bad kind");
  has(check(m), "\"bad kind\"");
  m = good();
  m.add_provides("chat");
  has(check(m), "twice");
  m = good();
  m.set_name("../evil");
  has(check(m), "its name is");
  m = good();
  m.mutable_messages(0)->set_id(70'000);
  has(check(m), "70000");
  m = good();
  *m.add_messages() = m.messages(0);
  m.mutable_messages(1)->set_name("my.Other");
  has(check(m), "my.SayREQ and my.Other have the same id 500");
  m = good();
  m.mutable_settings(0)->set_kind("other");
  has(check(m), "a kind that it does not provide");
  m = good();
  m.mutable_settings(0)->mutable_fields(0)->set_default_value("11");
  has(check(m), "the default of its setting chat/limit is none");
  m = good();
  m.mutable_settings(0)->mutable_fields(0)->set_secret(true);
  has(check(m), "its setting chat/limit is a secret, and not a text without default and choices");
  m = good();
  auto* list = m.mutable_settings(0)->mutable_fields(0);
  list->set_list(true);
  list->set_max_items(3);
  list->set_default_value("7, 8, 9, 10");
  has(check(m), "the default of its setting chat/limit is none");
  list->set_default_value("7, 8");
  EXPECT_EQ(check(m), "");
  list->set_max_items(1001);
  has(check(m), "its setting chat/limit is a list of up to 1001; the most is 1000");
  list->set_type(cellmesh::Manifest::STRING);
  has(check(m), "its setting chat/limit is a list, and not one of numbers");
  m = good();
  m.mutable_settings(0)->mutable_fields(0)->set_number(0);
  has(check(m), "field number");
  m = good();
  *m.mutable_settings(0)->add_fields() = m.settings(0).fields(0);
  has(check(m), "stands there twice");
}

TEST_F(ManifestTest, PluginsThatCannotStandBesideEachOtherAreNamed) {
  const auto make = [](const cellmesh::Manifest& m) { return *parse_manifest(m.SerializeAsString(), "y.so"); };
  const auto against = [&](const cellmesh::Manifest& m) {
    const auto status = check_pair(make(m), make(good()), "x.so");
    return status ? "" : status.error().text;
  };
  auto m = good();
  has(against(m), "the plugin chat is loaded already");
  m.set_name("talk");
  has(against(m), "provides the kind \"chat\", which the loaded plugin chat provides already");
  m.set_provides(0, "talk");
  EXPECT_EQ(against(m), "") << "the same message of the same .proto";
  m.mutable_messages(0)->set_name("my.Other");
  has(against(m), "its message my.Other has the id 500, as my.SayREQ of the loaded plugin chat");
  m.mutable_messages(0)->set_name("my.SayREQ");
  m.mutable_messages(0)->set_service("talk");
  has(against(m), "routes my.SayREQ (id 500) to \"talk\" and the loaded plugin chat routes it to \"chat\"");
  m.mutable_messages(0)->set_id(50227);
  const auto status = check_host_messages(make(m), "x.so");
  ASSERT_FALSE(status);
  has(status.error().text, "as proto.SvcStatusACK of cellmesh itself");
}

}  // namespace
}  // namespace cm::plugin::test
