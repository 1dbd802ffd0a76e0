#include <cellmesh/abi/plugin.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "probe.hpp"
#include CELLMESH_PLUGIN_MESSAGES

namespace {

void (*note)(const char* word) = nullptr;
void say(const char* word) {
  if (note != nullptr) note(word);
}

// Touched for the first time by the destructor of another.
struct Late {
  Late() { say("late made"); }
  ~Late() { say("late gone"); }
};
Late& late() {
  thread_local Late object;
  return object;
}

struct Local {
  std::vector<std::string> memory{"a string that is too long for its small buffer"};
  Local() { say("local made"); }
  ~Local() {
    late();
    say("local gone");
  }
};
Local& local() {
  thread_local Local object;
  return object;
}

struct Static {
  const char* word;
  explicit Static(const char* w) : word(w) {}
  ~Static() { say(word); }
};
Static first("first static gone");
Static second("second static gone");

__attribute__((destructor)) void author_end() { say("author's end"); }

void note_to(void (*to)(const char* word)) { note = to; }
void touch_thread_local() { local().memory.emplace_back("another one"); }
void touch_static() {
  static const Static on_demand("static on demand gone");
  std::atexit([] { say("atexit ran"); });
}
unsigned long use_templates(const char* text) {
  const auto shared = std::make_shared<std::string>(text);
  return std::regex_replace(*shared, std::regex("l+"), "r").size();
}
bool use_messages() {
  proto::probe::ProbeREQ request;
  request.set_text("hello");
  request.mutable_server()->set_port(7);
  (*request.mutable_parts())["a"].set_x(1);
  proto::probe::ProbeREQ copy;
  return copy.ParseFromString(request.SerializeAsString()) && copy.server().port() == 7 &&
         copy.parts().at("a").x() == 1;
}

const void* get_extension(void* /*self*/, const char* id) {
  static constexpr cm::test::Probe probe{&note_to, &touch_thread_local, &touch_static, &use_templates, &use_messages};
  return std::strcmp(id, cm::test::kProbe) == 0 ? &probe : nullptr;
}

constexpr cm_service_kind kind{sizeof(cm_service_kind), 0, "probe", nullptr, nullptr, nullptr, nullptr, nullptr,
                               &get_extension};
constexpr const cm_service_kind* kinds[] = {&kind};

static_assert(cellmesh::MessageTraits<proto::probe::FixedACK>::id == 4711);
static_assert(cellmesh::gen::Messages::size > 10);

}  // namespace

extern "C" const cm_plugin cellmesh_plugin = {
    sizeof(cm_plugin), CM_ABI_MAJOR, CM_ABI_MINOR, nullptr, nullptr, 1, 0, kinds};
