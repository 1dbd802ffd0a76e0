#pragma once

#include <cstddef>
#include <vector>

#include "routing/envelope.hpp"

namespace cm::mesh {

// Envelopes that wait, first in, first out, in one buffer. One thread.
class EnvelopeStore {
 public:
  void push(const routing::Envelope& envelope);
  // The first; its body is valid until the next push or pop. Not when empty().
  [[nodiscard]] routing::Envelope front() const;
  void pop();
  void clear();

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_.size() - read_; }

 private:
  std::vector<std::byte> bytes_;
  std::size_t read_ = 0;
  std::size_t count_ = 0;
};

}  // namespace cm::mesh
