#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "storage.hpp"

namespace data {

// Opens the file, which is made with its folder when it is not there, and brings its schema up to date. Throws Failure.
std::unique_ptr<Storage> open_sqlite(const std::string& path, std::chrono::milliseconds timeout);

}  // namespace data
