#pragma once

namespace cm::test {

// What codegen_probe gives for its extension kProbe, beside the cellmesh ABI: a word is noted for everything that its
// objects live through.
struct Probe {
  void (*note_to)(void (*note)(const char* word));
  void (*touch_thread_local)();
  void (*touch_static)();
  // What usually keeps a library of gcc's from unloading; the length of what it made of `text`.
  unsigned long (*use_templates)(const char* text);
  // A message of the lite runtime, there and back.
  bool (*use_messages)();
};
inline constexpr const char* kProbe = "test.probe/1";

}  // namespace cm::test
