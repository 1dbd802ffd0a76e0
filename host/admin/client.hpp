#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "base/result.hpp"

namespace cm::admin {

// Asks the host behind an admin socket for one thing and waits for its answer, so long at most. An error is the host's
// own sentence, or says why the host could not be asked.
base::Result<boost::json::value> ask(const std::string& path, std::string_view command, const boost::json::object& args,
                                     std::chrono::milliseconds timeout = std::chrono::seconds(40));

}  // namespace cm::admin
