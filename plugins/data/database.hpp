#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "storage.hpp"

namespace data {

// What the setting `database` names, and what stands in for an empty one: the environment, or a file of the group in
// the state folder. Throws std::invalid_argument, with the cure.
std::string database_of(const std::string& setting, std::string_view group);

// Whether it takes several writers at once.
bool is_postgres(std::string_view database);

// For people: without the password.
std::string shown(const std::string& database);

// Connects. Throws Failure.
std::unique_ptr<Storage> open(const std::string& database, std::chrono::milliseconds timeout,
                              Missing missing = Missing::make);

}  // namespace data
