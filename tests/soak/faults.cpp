// Throws a million exceptions out of every kind of hook of one service, while players chat and echo with others, and
// says whether the host counted each and nobody else noticed.
#include <atomic>
#include <boost/json.hpp>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "echo.pb.h"
#include "support/asker.hpp"
#include "support/deployment.hpp"

namespace {

using namespace cm::test;
namespace fs = std::filesystem;

Asker::Question echo_question() {
  const auto content = [](std::uint64_t number) {
    proto::EchoREQ req;
    req.set_content(std::to_string(number));
    return req.SerializeAsString();
  };
  const auto good = [](std::uint64_t number, const std::string& body) {
    proto::EchoACK ack;
    return ack.ParseFromString(body) && ack.content() == std::to_string(number);
  };
  return {id_of<proto::EchoREQ>(), id_of<proto::EchoACK>(), content, good};
}

// Sends what makes the thrower throw in one hook after the other; each is answered by a notice that it failed.
class Provoker {
 public:
  explicit Provoker(const std::string& login) : client_(enter(login)), thread_([this] { run(); }) {}
  Provoker(const Provoker&) = delete;
  Provoker& operator=(const Provoker&) = delete;
  ~Provoker() { (void)end(); }
  std::string end() {
    ending_ = true;
    if (thread_.joinable()) thread_.join();
    return failure_;
  }
  [[nodiscard]] std::uint64_t provoked() const { return provoked_; }

 private:
  static constexpr int kAtOnce = 16;
  void run() try {
    const auto id = message_id("badThrowREQ");
    while (!ending_) {
      for (int i = 0; i < kAtOnce; ++i) client_.send(id, "");
      for (int i = 0; i < kAtOnce; ++i) {
        (void)client_.expect_notice(proto::NoticeACK::MessageFailed, seconds(60));
        ++provoked_;
      }
    }
  } catch (const std::exception& e) {
    failure_ = e.what();
  }
  Client client_;
  std::atomic<std::uint64_t> provoked_{0};
  std::atomic<bool> ending_{false};
  std::string failure_;
  std::thread thread_;
};

struct Thrower {
  std::uint64_t faults = 0;
  std::string last;
};
Thrower thrower_of(Host& host) {
  const auto plugins = host.query({"plugins"});
  for (const auto& plugin : plugins.as_array()) {
    if (plugin.at("name").as_string() != "thrower") continue;
    const auto& service = plugin.at("services").at(0).as_object();
    Thrower thrower{service.at("faults").to_number<std::uint64_t>(), {}};
    if (const auto* last = service.if_contains("last_fault")) thrower.last = std::string(last->as_string());
    return thrower;
  }
  throw std::runtime_error("the thrower is not loaded");
}

std::uint64_t wanted_of(int argc, char** argv) {
  std::uint64_t wanted = 1'000'000;
  if (argc < 2) return wanted;
  const std::string_view text = argv[argc - 1];
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), wanted);
  if (std::string_view(argv[1]) != "--faults" || ec != std::errc() || end != text.data() + text.size() || wanted == 0) {
    throw std::runtime_error("it takes --faults N");
  }
  return wanted;
}

bool soak(std::uint64_t wanted) {
  TempDir folder;
  const fs::path plugins = folder / "plugins";
  copy_plugins(plugins);
  fs::copy_file(test_plugins() / "thrower.so", plugins / "thrower.so");
  Deployment mesh(Shape::embedded, {.plugin_dir = plugins, .arguments = {}, .env = {}});
  Host& host = mesh.host("agent");
  Client ann = mesh.player();
  Asker echo(mesh.login_address(), echo_question());
  std::vector<std::unique_ptr<Provoker>> provokers;
  for (int i = 0; i < 4; ++i) provokers.push_back(std::make_unique<Provoker>(mesh.login_address()));
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::string> wrong;
  Thrower thrower;
  std::uint64_t chats = 0;
  while ((thrower = thrower_of(host)).faults < wanted) {
    chat(ann, "line " + std::to_string(++chats));
    if (chats % 5 == 1) {  // a settings change and a client's end throw, too
      mesh.set("thrower/loudness", std::to_string(chats + 1));
      Client passer_by = mesh.player();
      passer_by.send(message_id("badThrowREQ"), "");
      (void)passer_by.expect_notice(proto::NoticeACK::MessageFailed);
    }
    std::fprintf(stderr, "\r%llu exceptions   ", static_cast<unsigned long long>(thrower.faults));
  }
  std::fprintf(stderr, "\n");
  std::uint64_t provoked = 0;
  for (const auto& provoker : provokers) {
    if (const auto failure = provoker->end(); !failure.empty()) wrong.push_back("a player who provokes: " + failure);
    provoked += provoker->provoked();
  }
  if (const auto failure = echo.end(); !failure.empty()) wrong.push_back("a player who echoes: " + failure);
  chat(ann, "the last line");
  thrower = thrower_of(host);
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::printf("%llu exceptions in %.0f s, of %llu messages; %llu echoes and %llu chat lines went on beside them\n",
              static_cast<unsigned long long>(thrower.faults), took, static_cast<unsigned long long>(provoked),
              static_cast<unsigned long long>(echo.answered()), static_cast<unsigned long long>(chats + 1));
  std::printf("the last one, as the host tells it: %s\n", thrower.last.c_str());
  const std::string log = host.log();
  for (const char* hook : {"on_message of bad.Throw", "on_timer handler", "on_reply handler", "on_channel handler",
                           "on_job handler", "on_settings", "on_client_closed"}) {
    if (log.find("fault in " + std::string(hook)) == std::string::npos)
      wrong.push_back("no fault in " + std::string(hook));
  }
  if (thrower.faults < provoked) wrong.push_back("fewer faults were counted than messages failed");
  if (const int code = host.stop(); code != 0) wrong.push_back("the host ended with " + std::to_string(code));
  for (const auto& what : wrong) std::printf("WRONG: %s\n", what.c_str());
  std::puts(wrong.empty() ? "PASS" : "FAIL");
  return wrong.empty();
}

}  // namespace

int main(int argc, char** argv) try { return soak(wanted_of(argc, argv)) ? 0 : 1; } catch (const std::exception& e) {
  std::cerr << "soak: " << e.what() << '\n';
  return 1;
}
