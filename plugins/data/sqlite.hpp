#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "storage.hpp"

namespace data {

// Opens the file, which `missing` lets be made with its folder, and brings its schema up to date. Throws Failure.
std::unique_ptr<Storage> open_sqlite(const std::string& path, std::chrono::milliseconds timeout, Missing missing);

}  // namespace data
