// libFuzzer: bytes as a client may send them to a WebSocket.
#include "websocket_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cm::fuzz::ws::check(std::as_bytes(std::span(data, size)));
  return 0;
}
