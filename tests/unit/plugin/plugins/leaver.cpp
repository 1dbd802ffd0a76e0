// A plugin for tests, written against the C ABI alone and built without cellmesh_add_plugin(), which leaves things
// behind.
//   MANIFEST    file with the bytes of its manifest
//   WITH_RULES  it needs a library that has rules_value()
// Messages: 1 is answered with its body, 2 with rules_value(). The others leave something and are answered:
//   10 a std::thread, 11 a pthread, 12 a C11 thread, each detached, 13 what std::async made; their body is two file
//      descriptors: one to say "here" to, one to wait on;
//   20 a pthread key with a destructor, 21 one of C11, 22 an exit handler, 23 a handler of SIGUSR2, 24 a timer that
//   calls
//      a function, 25 a thread_local object.
#include <cellmesh/abi/message.h>
#include <cellmesh/abi/plugin.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include <cstring>
#include <future>
#include <string>
#include <thread>

__asm__(".pushsection .cellmesh.manifest,\"a\",@progbits\n.incbin \"" MANIFEST "\"\n.popsection\n");

#ifdef WITH_RULES
extern "C" int rules_value();
#else
static int rules_value() { return 0; }
#endif

namespace {

int count = 0;
void destroy(void* value) {
  ++count;
  free(value);
}
void run_at_exit(int /*status*/, void* /*argument*/) { ++count; }
void on_signal(int /*signal*/) { ++count; }
void on_timer(sigval /*value*/) { ++count; }

struct ThreadObject {
  ~ThreadObject() { ++count; }
  int value = 1;
};

struct Pipes {
  int here;
  int go;
};

void wait_on(Pipes pipes) {
  char byte = 0;
  if (write(pipes.here, "!", 1) != 1) return;
  while (read(pipes.go, &byte, 1) < 0) {
  }
  ++count;
}

void* wait_in_c(void* data) {
  const Pipes pipes = *static_cast<Pipes*>(data);
  free(data);
  wait_on(pipes);
  return nullptr;
}
int wait_in_c11(void* data) { return wait_in_c(data) == nullptr ? 0 : 1; }

void leave(unsigned what, const cm_message* m) {
  Pipes pipes{};
  if (m->body_size == sizeof pipes) memcpy(&pipes, m->body, sizeof pipes);
  const auto on_heap = [&] {
    auto* copy = static_cast<Pipes*>(malloc(sizeof pipes));
    *copy = pipes;
    return copy;
  };
  switch (what) {
    case 10:
      std::thread([pipes] { wait_on(pipes); }).detach();
      return;
    case 11: {
      pthread_t thread;
      if (pthread_create(&thread, nullptr, wait_in_c, on_heap()) == 0) pthread_detach(thread);
      return;
    }
    case 12: {
      thrd_t thread;
      if (thrd_create(&thread, wait_in_c11, on_heap()) == thrd_success) thrd_detach(thread);
      return;
    }
    case 13:
      new std::future<void>(std::async(std::launch::async, [pipes] { wait_on(pipes); }));
      return;
    case 20: {
      pthread_key_t key;
      pthread_key_create(&key, destroy);
      pthread_setspecific(key, malloc(1));
      return;
    }
    case 21: {
      tss_t key;
      tss_create(&key, destroy);
      tss_set(key, malloc(1));
      return;
    }
    case 22:
      on_exit(run_at_exit, nullptr);
      return;
    case 23:
      signal(SIGUSR2, on_signal);
      return;
    case 24: {
      timer_t timer;
      sigevent event{};
      event.sigev_notify = SIGEV_THREAD;
      event.sigev_notify_function = on_timer;
      timer_create(CLOCK_MONOTONIC, &event, &timer);
      return;
    }
    case 25: {
      thread_local ThreadObject object;
      count += object.value;
      return;
    }
    default:
      return;
  }
}

void* create(const cm_host* host) { return const_cast<cm_host*>(host); }
void destroy_service(void* /*self*/) {}
cm_status start(void* /*self*/) { return CM_OK; }
void stop(void* /*self*/) {}

cm_status on_message(void* self, const cm_message* m) {
  const auto* host = static_cast<const cm_host*>(self);
  const auto* messages = static_cast<const cm_host_message*>(host->get_extension(host, CM_EXT_MESSAGE));
  std::string answer(reinterpret_cast<const char*>(m->body), m->body_size);
  if (m->id == 2) answer = std::to_string(rules_value());
  if (m->id >= 10) leave(m->id, m);
  return messages->reply(host, &m->request, 50, reinterpret_cast<const uint8_t*>(answer.data()), answer.size());
}
const void* get_extension(void* /*self*/, const char* /*id*/) { return nullptr; }

const cm_service_kind kind = {sizeof kind, 0,    "leaver",   create,       destroy_service,
                              start,       stop, on_message, get_extension};
const cm_service_kind* const kinds[] = {&kind};

}  // namespace

extern "C" __attribute__((visibility("default"))) const cm_plugin cellmesh_plugin;
const cm_plugin cellmesh_plugin = {sizeof(cm_plugin), CM_ABI_MAJOR, 0, nullptr, nullptr, 1, 0, kinds};
