#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "data.pb.h"

namespace data {

constexpr std::size_t max_table = 32;
constexpr std::size_t max_key = 200;
constexpr std::size_t max_value = 256 * std::size_t{1024};
constexpr int max_rows = 100;                                    // of a load or a save
constexpr std::size_t max_bytes = 3 * std::size_t{1024} * 1024;  // of one
constexpr std::size_t max_list_rows = 1000;
constexpr std::size_t max_list_bytes = std::size_t{1024} * 1024;

// What is wrong with a request, for people; empty: nothing is.
std::string problem(const proto::LoadDataREQ& req);
std::string problem(const proto::SaveDataREQ& req);
std::string problem(const proto::ListDataREQ& req);

}  // namespace data
