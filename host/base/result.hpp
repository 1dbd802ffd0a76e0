#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include <boost/system/result.hpp>

namespace cm::base {

// What went wrong, as a sentence for a person: the cause, and the cure where there is one.
struct Error {
  std::string text;
};

inline Error error(std::string text) { return Error{std::move(text)}; }

// Found by boost::system::result::value() on an error.
[[noreturn]] inline void throw_exception_from_error(const Error& e, const boost::source_location&) {
  throw std::runtime_error(e.text);
}

template <class T>
using Result = boost::system::result<T, Error>;
using Status = Result<void>;

}  // namespace cm::base
