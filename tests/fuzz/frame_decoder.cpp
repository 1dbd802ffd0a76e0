// libFuzzer: bytes as a client may send them.
#include "frame_decoder_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cm::fuzz::check_frame_decoder(std::as_bytes(std::span(data, size)));
  return 0;
}
