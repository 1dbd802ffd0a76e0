#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include <boost/system/result.hpp>

namespace cm::base {

// What went wrong, as a sentence for a person: the cause, and the cure where there is one.
struct Error {
  std::string text;
  // Not made of a text alone: a Result<std::string> could not tell its value from its error.
  Error() = default;
  Error(std::in_place_t, std::string sentence) : text(std::move(sentence)) {}
};

inline Error error(std::string text) { return {std::in_place, std::move(text)}; }

// Found by boost::system::result::value() on an error.
[[noreturn]] inline void throw_exception_from_error(const Error& e, const boost::source_location&) {
  throw std::runtime_error(e.text);
}

template <class T>
using Result = boost::system::result<T, Error>;
using Status = Result<void>;

}  // namespace cm::base
