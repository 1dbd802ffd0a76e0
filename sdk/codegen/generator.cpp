#include "generator.hpp"

#include <google/protobuf/compiler/cpp/generator.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "strip.hpp"
#include "writers.hpp"

namespace cm::codegen {

namespace pb = google::protobuf;
using Files = std::vector<const pb::FileDescriptor*>;

namespace {

enum class Language { cpp, c, js };

struct Parameters {
  std::optional<Runtime> runtime;
  Language language = Language::cpp;
  std::string module;
  PluginInfo plugin;
};

// MAJOR.MINOR.PATCH, numbers of at most six digits.
bool is_version(const std::string& text) {
  int parts = 1;
  int digits = 0;
  for (const char c : text) {
    if (c == '.') {
      if (digits == 0) return false;
      ++parts;
      digits = 0;
    } else if (c < '0' || c > '9' || ++digits > 6) {
      return false;
    }
  }
  return parts == 3 && digits > 0;
}

bool is_shared_prefix(const std::string& text) {
  return !text.empty() && text.size() <= 200 && text.front() != '/' && text.find("//") == std::string::npos &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  std::string_view("_.@#-/").find(c) != std::string_view::npos;
         });
}

void set(Parameters& p, const std::string& key, const std::string& value, Problems& problems) {
  const bool names = key == "plugin" || key == "module" || key == "provides" || key == "requires";
  if (names && !is_name(value)) {
    problems.general(key + "=" + value + ": " + kNameRule);
  } else if (key == "runtime" && (value == "lite" || value == "full")) {
    p.runtime = value == "lite" ? Runtime::lite : Runtime::full;
  } else if (key == "language" && (value == "c" || value == "cpp" || value == "js")) {
    p.language = value == "c" ? Language::c : value == "js" ? Language::js : Language::cpp;
  } else if (key == "module") {
    p.module = value;
  } else if (key == "plugin") {
    p.plugin.name = value;
  } else if (key == "version" && is_version(value)) {
    p.plugin.version = value;
  } else if (key == "provides") {
    p.plugin.provides.push_back(value);
  } else if (key == "requires") {
    p.plugin.requires_kinds.push_back(value);
  } else if (key == "shares" && is_shared_prefix(value)) {
    p.plugin.shares.push_back(value);
  } else if (key == "shares") {
    problems.general(
        "shares=" + value +
        ": a prefix is words of A-Z, a-z, 0-9, '_', '.', '@', '#' and '-' with slashes between them, as token_keys/");
  } else if (key == "gateway" && value == "true") {
    p.plugin.gateway = true;
  } else if (key == "robot" && value == "true") {
    p.plugin.robot = true;
  } else if (key == "version") {
    problems.general("version=" + value + ": a version is MAJOR.MINOR.PATCH, as 1.4.0");
  } else {
    problems.general("unknown parameter " + key + "=" + value +
                     "; known are language=c|cpp|js, runtime=lite|full, module, plugin, version, provides, requires, "
                     "shares, gateway=true and robot=true");
  }
}

Parameters parse(const std::string& text, Problems& problems) {
  Parameters p;
  std::vector<std::pair<std::string, std::string>> pairs;
  pb::compiler::ParseGeneratorParameter(text, &pairs);
  for (const auto& [key, value] : pairs) set(p, key, value, problems);
  if (!p.plugin.name.empty()) {
    if (p.plugin.version.empty()) p.plugin.version = "0.0.0";
    if (p.plugin.provides.empty()) p.plugin.provides.push_back(p.plugin.name);
  }
  const bool js = p.language == Language::js;
  if (js != !p.module.empty() || (js && (p.runtime || !p.plugin.name.empty()))) {
    problems.general("language=js and module=NAME, which names its file, go together, without runtime= and plugin=");
  }
  if (p.language == Language::c && (p.runtime || p.plugin.name.empty())) {
    problems.general("language=c is for a plugin and without classes; name it with plugin=, and leave out runtime=");
  }
  return p;
}

void write(pb::compiler::GeneratorContext& context, const std::string& name, const std::string& text) {
  const std::unique_ptr<pb::io::ZeroCopyOutputStream> file(context.Open(name));
  pb::io::CodedOutputStream(file.get()).WriteString(text);
}

bool write_classes(const StrippedFiles& stripped, pb::compiler::GeneratorContext* context, std::string* error) {
  const pb::compiler::cpp::CppGenerator generator;
  const auto& files = stripped.files();
  return std::all_of(files.begin(), files.end(),
                     [&](const auto* file) { return generator.Generate(file, "", context, error); });
}

}  // namespace

bool Generator::Generate(const pb::FileDescriptor* file, const std::string& parameter,
                         pb::compiler::GeneratorContext* context, std::string* error) const {
  return GenerateAll({file}, parameter, context, error);
}

bool Generator::GenerateAll(const Files& files, const std::string& parameter, pb::compiler::GeneratorContext* context,
                            std::string* error) const {
  Problems problems;
  const auto parameters = parse(parameter, problems);
  const auto model = read_model(files, problems);
  const auto language = parameters.language;
  const auto constants = language == Language::c ? c_constants(model, problems) : std::vector<CConstant>();
  const auto module = language == Language::js ? js_module(files, model, problems) : std::string();
  std::optional<StrippedFiles> stripped;
  if (parameters.runtime) stripped.emplace(files, *parameters.runtime, problems);
  if (!problems.none()) {
    *error = problems.text();
    return false;
  }
  if (stripped && !write_classes(*stripped, context, error)) return false;
  const auto& plugin = parameters.plugin;
  if (language == Language::js) {
    write(*context, parameters.module + ".js", module);
  } else if (language == Language::c) {
    write(*context, plugin.name + ".plugin.h", c_header(constants, plugin));
  } else {
    for (const auto* file : files) write(*context, base_name(*file) + ".cellmesh.hpp", traits_header(*file, model));
    if (!plugin.name.empty()) write(*context, plugin.name + ".plugin.hpp", plugin_header(files, model, plugin));
  }
  if (!plugin.name.empty()) {
    write(*context, plugin.name + ".manifest.c", manifest_source(manifest(files, model, plugin)));
  }
  return true;
}

}  // namespace cm::codegen
