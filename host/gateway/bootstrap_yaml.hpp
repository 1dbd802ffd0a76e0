#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace cm::gateway {

// A value before it is checked, and the place that it came from, for the error sentence.
struct BootstrapValue {
  std::string text;
  std::string place;
};

// Reads a bootstrap file: a map of these keys (`consul.url` is `url` under `consul`) to single values, `plugins` may
// be a list. Refused with file, line and cure: what is no YAML, an unknown or a repeated key, a value that is none.
base::Result<std::map<std::string, BootstrapValue>> read_bootstrap_yaml(const std::string& file,
                                                                        std::span<const std::string_view> keys);

}  // namespace cm::gateway
