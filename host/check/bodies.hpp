#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "check/random.hpp"
#include "plugin/manifest.hpp"

namespace cm::check {

// Message bodies made from the .proto files that the manifest carries.
class Bodies {
 public:
  explicit Bodies(const plugin::Manifest& manifest);
  Bodies(const Bodies&) = delete;
  Bodies& operator=(const Bodies&) = delete;
  ~Bodies();

  // Why the descriptors cannot be used; empty when they can.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] bool knows(std::string_view message) const;

  // A body that parses as the message, with fields of all sorts of values; of a message that it does not know, bytes
  // of the shape that all messages have.
  std::string valid(std::string_view message, Random& random) const;
  // The longest of several, none of them empty unless the message has no fields.
  std::string long_valid(std::string_view message, Random& random) const;
  // Whether both are the same message, whatever the order of what it repeats; of one that it does not know, of the same
  // bytes.
  [[nodiscard]] bool equal(std::string_view message, const std::string& a, const std::string& b) const;
  // For people.
  [[nodiscard]] std::string text(std::string_view message, const std::string& body) const;

 private:
  struct Types;
  std::unique_ptr<Types> types_;
  std::string problem_;
};

// A field that fills a body: number 1, bytes, `size` bytes with all that it takes.
std::string filled(std::size_t size);

// "a1b2c3..., 12 bytes", for people.
std::string in_hex(std::string_view bytes);

}  // namespace cm::check
