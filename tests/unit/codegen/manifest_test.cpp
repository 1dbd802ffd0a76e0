#include <cellmesh/abi/plugin.h>
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>

#include <algorithm>

#include "cellmesh/manifest.pb.h"
#include "client.pb.h"
#include "elf_view.hpp"

namespace cm::test {
namespace {

using cellmesh::Manifest;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;

class PluginManifest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(manifest_.ParseFromString(ElfView(PROBE_PLUGIN).section(CM_MANIFEST_SECTION))); }

  [[nodiscard]] const Manifest::Message* message(const std::string& name) const {
    const auto found = std::find_if(manifest_.messages().begin(), manifest_.messages().end(),
                                    [&](const auto& m) { return m.name() == name; });
    return found == manifest_.messages().end() ? nullptr : &*found;
  }

  Manifest manifest_;
};

TEST_F(PluginManifest, SaysWhoItIs) {
  EXPECT_EQ(manifest_.format(), 1U);
  EXPECT_EQ(manifest_.name(), "codegen_probe");
  EXPECT_EQ(manifest_.version(), "2.3.4");
  EXPECT_EQ(manifest_.abi_major(), static_cast<unsigned>(CM_ABI_MAJOR));
  EXPECT_EQ(manifest_.abi_minor(), static_cast<unsigned>(CM_ABI_MINOR));
  EXPECT_FALSE(manifest_.sdk_version().empty());
  EXPECT_THAT(manifest_.provides(), ElementsAre("probe", "probe2"));
  EXPECT_THAT(manifest_.requires_kinds(), ElementsAre("hub", "agent"));
  EXPECT_THAT(manifest_.shares(), ElementsAre("probe_keys/"));
  EXPECT_TRUE(manifest_.gateway());
}

TEST_F(PluginManifest, ListsMessagesOfItsOwnAndOfSharedFiles) {
  const auto* own = message("proto.probe.ProbeREQ");
  ASSERT_NE(own, nullptr);
  EXPECT_EQ(own->service(), "probe");
  EXPECT_EQ(own->route(), 2U);
  const auto* shared = message("proto.ChatREQ");
  ASSERT_NE(shared, nullptr);
  EXPECT_EQ(shared->id(), 29052U);
  EXPECT_EQ(shared->service(), "social");
  ASSERT_NE(message("proto.probe.FixedACK"), nullptr);
  EXPECT_EQ(message("proto.probe.FixedACK")->id(), 4711U);
  EXPECT_EQ(message("proto.probe.FixedACK")->route(), 0U);
  EXPECT_EQ(message("proto.probe.FixedACK")->since(), 0U);
  ASSERT_NE(message("proto.ChatDoneACK"), nullptr);
  EXPECT_EQ(message("proto.ChatDoneACK")->since(), 2U);
  ASSERT_NE(message("proto.probe.ProbeREQ.Part"), nullptr);
  EXPECT_EQ(message("proto.probe.ProbeREQ.PartsEntry"), nullptr) << "a map's entry is no message";
  EXPECT_EQ(message("proto.probe.ProbeSettings"), nullptr) << "settings are never sent";
}

TEST_F(PluginManifest, HoldsTheSettingsOfItsOwnKindsAlone) {
  ASSERT_EQ(manifest_.settings_size(), 1) << "those of the agent, whose .proto it uses, are not its own";
  const auto& settings = manifest_.settings(0);
  EXPECT_EQ(settings.kind(), "probe");
  EXPECT_EQ(settings.message(), "proto.probe.ProbeSettings");
  ASSERT_EQ(settings.fields_size(), 6);
  const auto& on = settings.fields(0);
  EXPECT_EQ(on.type(), Manifest::BOOL);
  EXPECT_EQ(on.default_value(), "false");
  const auto& level = settings.fields(1);
  EXPECT_EQ(level.name(), "level");
  EXPECT_EQ(level.number(), 2U);
  EXPECT_EQ(level.type(), Manifest::INT32);
  EXPECT_EQ(level.default_value(), "-3");
  EXPECT_EQ(level.min(), -5);
  EXPECT_EQ(level.max(), 5);
  EXPECT_EQ(level.help(), "How much.");
  const auto& rate = settings.fields(2);
  EXPECT_TRUE(rate.has_min());
  EXPECT_FALSE(rate.has_max());
  EXPECT_TRUE(rate.restart());
  EXPECT_THAT(settings.fields(3).choices(), ElementsAre("slow", "fast"));
  EXPECT_FALSE(settings.fields(3).list());
  const auto& steps = settings.fields(4);
  EXPECT_EQ(steps.type(), Manifest::UINT64);
  EXPECT_TRUE(steps.list());
  EXPECT_EQ(steps.min_items(), 1U);
  EXPECT_EQ(steps.max_items(), 9U);
  EXPECT_EQ(steps.min(), 1);
  EXPECT_EQ(settings.fields(5).default_value(), "");
  EXPECT_EQ(settings.fields(5).max_items(), 1000U);
}

TEST_F(PluginManifest, DecodesItsMessages) {
  google::protobuf::DescriptorPool pool;
  for (const auto& file : manifest_.descriptors().file()) ASSERT_NE(pool.BuildFile(file), nullptr) << file.name();
  const auto* type = pool.FindMessageTypeByName("proto.ChatREQ");
  ASSERT_NE(type, nullptr);
  google::protobuf::DynamicMessageFactory factory(&pool);
  const std::unique_ptr<google::protobuf::Message> decoded(factory.GetPrototype(type)->New());
  proto::ChatREQ chat;
  chat.set_content("hello");
  ASSERT_TRUE(decoded->ParseFromString(chat.SerializeAsString()));
  EXPECT_EQ(decoded->ShortDebugString(), "content: \"hello\"");
}

TEST(PluginLibrary, ExportsOneSymbol) { EXPECT_THAT(ElfView(PROBE_PLUGIN).exported(), ElementsAre(CM_PLUGIN_SYMBOL)); }

TEST(PluginLibrary, HasNoSymbolThatIsUniqueInTheProcess) {
  const ElfView library(PROBE_PLUGIN);
  for (const auto& symbol : library.dynamic_symbols()) {
    if (symbol.st_shndx == SHN_UNDEF) continue;
    EXPECT_NE(ELF64_ST_BIND(symbol.st_info), STB_GNU_UNIQUE) << library.name(symbol);
  }
}

TEST(PluginLibrary, TakesExitFunctionsItself) {
  const ElfView library(PROBE_PLUGIN);
  for (const auto& symbol : library.dynamic_symbols()) {
    EXPECT_NE(library.name(symbol), "__cxa_atexit");
    EXPECT_NE(library.name(symbol), "__cxa_thread_atexit");
    EXPECT_NE(library.name(symbol), "__cxa_thread_atexit_impl");
  }
}

TEST(PluginLibrary, NeedsTheLiteRuntimeOnly) {
  std::vector<std::string> protobuf;
  for (const auto& name : ElfView(PROBE_PLUGIN).needed()) {
    if (name.starts_with("libprotobuf")) protobuf.push_back(name);
  }
  ASSERT_EQ(protobuf.size(), 1U);
  EXPECT_TRUE(protobuf.front().starts_with("libprotobuf-lite.so")) << protobuf.front();
}

}  // namespace
}  // namespace cm::test
