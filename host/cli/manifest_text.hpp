#pragma once

#include <string>

#include <boost/json/object.hpp>

#include "plugin/manifest.hpp"

namespace cm::cli {

// What a plugin says of itself, for people and for programs.
std::string manifest_text(const plugin::Manifest& manifest);
boost::json::object manifest_json(const plugin::Manifest& manifest);

}  // namespace cm::cli
