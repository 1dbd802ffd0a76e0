#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "storage.hpp"

namespace data {

// Connects to what a URI names, and brings its schema up to date. Throws Failure.
std::unique_ptr<Storage> open_postgres(const std::string& uri, std::chrono::milliseconds timeout, Missing missing);

// The URI without its password and its parameters, for people; empty when it is none that PostgreSQL understands.
std::string shown_postgres(const std::string& uri);

}  // namespace data
