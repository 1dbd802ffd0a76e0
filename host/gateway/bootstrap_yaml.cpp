#include "gateway/bootstrap_yaml.hpp"

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "base/closest.hpp"

namespace cm::gateway {
namespace {

constexpr std::uintmax_t kLargestFile = 1U << 20U;
constexpr std::string_view kList = "plugins";
constexpr std::string_view kShorthand = "consul";  // `consul: http://...` is its url alone

using Values = std::map<std::string, BootstrapValue>;

class Reader {
 public:
  Reader(const std::string& file, std::span<const std::string_view> keys) : file_(file), keys_(keys) {}

  base::Result<Values> read(const std::string& text) {
    try {
      const std::vector<YAML::Node> documents = YAML::LoadAll(text);
      if (documents.size() > 1) return base::error(file_ + " holds several YAML documents; leave one");
      if (!documents.empty() && !documents.front().IsNull()) {
        if (!documents.front().IsMap()) {
          return base::error(file_ +
                             " is no map of keys to values; write lines such as `consul: http://127.0.0.1:8500`");
        }
        if (auto status = read_map(documents.front(), ""); status.has_error()) return status.error();
      }
    } catch (const YAML::Exception& e) {
      return base::error(file_ + line(e.mark) + " is no YAML: " + e.msg + "; see the README for an example");
    }
    return std::move(values_);
  }

 private:
  base::Status read_map(const YAML::Node& map, const std::string& prefix) {
    for (const auto& entry : map) {
      if (!entry.first.IsScalar()) return base::error(file_ + line(entry.first.Mark()) + ": a key must be a word");
      const std::string key = prefix + entry.first.Scalar();
      const std::string place = file_ + line(entry.first.Mark()) + ": " + key;
      if (auto status = read_entry(key, place, entry.second); status.has_error()) return status;
    }
    return {};
  }

  base::Status read_entry(const std::string& key, const std::string& place, const YAML::Node& value) {
    if (is_section(key) && value.IsMap()) return read_map(value, key + ".");
    const std::string known = key == kShorthand ? key + ".url" : key;
    if (!is_key(known)) return base::error(place + " is no key of the bootstrap file" + cure(key));
    std::string text;
    if (value.IsScalar()) {
      text = value.Scalar();
    } else if (value.IsSequence() && key == kList) {
      for (const auto& item : value) {
        if (!item.IsScalar()) return base::error(place + " must be a list of names, such as [agent, login]");
        text += (text.empty() ? "" : ",") + item.Scalar();
      }
    } else if (value.IsNull()) {
      return base::error(place + " has no value; write one after the colon, or take the line out");
    } else {
      return base::error(place + " must be a single value, not a " + (value.IsMap() ? "map" : "list"));
    }
    if (!values_.emplace(known, BootstrapValue{std::move(text), place}).second) {
      return base::error(place + " stands there twice; take one out");
    }
    return {};
  }

  [[nodiscard]] bool is_key(std::string_view key) const {
    for (const auto known : keys_) {
      if (known == key) return true;
    }
    return false;
  }

  [[nodiscard]] bool is_section(const std::string& key) const {
    for (const auto known : keys_) {
      if (known.starts_with(key + ".")) return true;
    }
    return false;
  }

  [[nodiscard]] std::string cure(std::string_view key) const {
    const std::string meant = base::did_you_mean(key, keys_);
    if (!meant.empty()) return meant;
    std::string all;
    for (const auto known : keys_) all += (all.empty() ? "" : ", ") + std::string(known);
    return "; there are: " + all;
  }

  static std::string line(const YAML::Mark& mark) {
    return mark.is_null() ? "" : " line " + std::to_string(mark.line + 1);
  }

  const std::string& file_;
  const std::span<const std::string_view> keys_;
  Values values_;
};

}  // namespace

base::Result<std::map<std::string, BootstrapValue>> read_bootstrap_yaml(const std::string& file,
                                                                        std::span<const std::string_view> keys) {
  std::error_code ec;
  const auto size = std::filesystem::file_size(file, ec);
  std::ifstream in(file, std::ios::binary);
  if (ec || !in) {
    return base::error("cannot read the bootstrap file " + file + (ec ? ": " + ec.message() : "") +
                       "; give one that exists with --bootstrap");
  }
  if (size > kLargestFile)
    return base::error("the bootstrap file " + file + " is larger than 1 MiB; it is meant to have a few lines");
  std::ostringstream text;
  text << in.rdbuf();
  return Reader(file, keys).read(text.str());
}

}  // namespace cm::gateway
