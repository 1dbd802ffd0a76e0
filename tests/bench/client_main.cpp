// bench_client: the load generator of scripts/bench. Prints one line of JSON.
//   bench_client echo      (--raw ADDR | --login ADDR) [OPTION VALUE]...   closed-loop round trips
//   bench_client broadcast --login ADDR [OPTION VALUE]...                  one client chats, all receive
//   bench_client idle      --login ADDR [OPTION VALUE]...                  memory of admitted, silent clients
// Options: --connections N (1), --size BYTES of a whole frame (64), --ms DURATION (2000), --warm-up MS (300),
// --pid PROCESS to watch.
#include <sys/resource.h>

#include <boost/json.hpp>
#include <charconv>
#include <cstdio>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>

#include "bench/load.hpp"
#include "bench/meter.hpp"
#include "client.pb.h"
#include "echo.pb.h"
#include "support/player.hpp"

namespace {

using namespace cm;
using std::chrono::milliseconds;

constexpr std::size_t kHeader = 4;
constexpr std::size_t kWarmClients = 200;

class Arguments {
 public:
  Arguments(int argc, char** argv) {
    if (argc % 2 != 0) throw std::runtime_error("an option has no value");
    for (int i = 2; i < argc; i += 2) values_[argv[i]] = argv[i + 1];
  }
  [[nodiscard]] std::string text(const std::string& name) const {
    const auto it = values_.find(name);
    return it == values_.end() ? std::string() : it->second;
  }
  [[nodiscard]] long number(const std::string& name, long otherwise) const {
    const std::string value = text(name);
    if (value.empty()) return otherwise;
    long number = 0;
    const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (ec != std::errc() || *end != '\0' || number < 0) throw std::runtime_error(name + " is no number: " + value);
    return number;
  }

 private:
  std::map<std::string, std::string> values_;
};

// A message with a text in it, its frame `size` bytes long.
template <class Message>
std::string sized_frame(std::size_t size) {
  Message message;
  for (std::size_t content = size > kHeader + 2 ? size - kHeader - 2 : 1; content > 0; --content) {
    message.set_content(std::string(content, 'x'));
    const std::string body = message.SerializeAsString();
    if (body.size() + kHeader <= size) return test::frame(test::id_of<Message>(), body);
  }
  throw std::runtime_error("--size is too small");
}

void print(const bench::Result& result) {
  const auto us = [&](double share) { return static_cast<double>(result.latency.percentile(share)) / 1000.0; };
  const auto each = static_cast<double>(result.messages);
  boost::json::object out{{"messages", result.messages},
                          {"seconds", result.seconds},
                          {"per_second", each / result.seconds},
                          {"p50_us", us(0.50)},
                          {"p99_us", us(0.99)},
                          {"p999_us", us(0.999)},
                          {"cpu_us", static_cast<double>(result.spent.cpu_ns) / 1000.0 / each}};
  if (result.spent.instructions) out["instructions"] = static_cast<double>(*result.spent.instructions) / each;
  std::cout << boost::json::serialize(out) << '\n';
}

std::vector<test::Client> enter_all(const Arguments& arguments, std::size_t count) {
  std::vector<test::Client> clients;
  clients.reserve(count);
  const auto ticket = test::await_ticket(arguments.text("--login"));
  while (clients.size() < count) clients.push_back(test::enter(ticket));
  return clients;
}

// How long the answer to a request is, seen once.
std::size_t answer_size(test::Client& client, const std::string& request) {
  client.send_raw(request);
  const auto answer = client.read();
  if (!answer || answer->is<proto::NoticeACK>()) {
    throw std::runtime_error("no answer" + (answer ? ": " + answer->as<proto::NoticeACK>().text() : std::string()));
  }
  return answer->body.size() + kHeader;
}

void echo(const Arguments& arguments) {
  const auto count = static_cast<std::size_t>(arguments.number("--connections", 1));
  const auto request = sized_frame<proto::EchoREQ>(static_cast<std::size_t>(arguments.number("--size", 64)));
  std::vector<test::Client> clients;
  if (const std::string raw = arguments.text("--raw"); !raw.empty()) {
    clients.reserve(count);
    while (clients.size() < count) clients.emplace_back(raw);
  } else {
    clients = enter_all(arguments, count);
  }
  print(bench::echo_load(clients, request, answer_size(clients.front(), request),
                         milliseconds(arguments.number("--warm-up", 300)), milliseconds(arguments.number("--ms", 2000)),
                         static_cast<pid_t>(arguments.number("--pid", 0))));
}

void broadcast(const Arguments& arguments) {
  auto clients = enter_all(arguments, static_cast<std::size_t>(arguments.number("--connections", 1000)));
  const auto request = sized_frame<proto::ChatREQ>(static_cast<std::size_t>(arguments.number("--size", 64)));
  // Everybody hears the line; who said it gets an answer besides.
  clients.front().send_raw(request);
  std::size_t heard = 0;
  std::size_t answer = 0;
  while (heard == 0 || answer == 0) {
    const auto frame = clients.front().read();
    if (!frame || frame->is<proto::NoticeACK>()) throw std::runtime_error("no chat");
    (frame->is<proto::ChatACK>() ? heard : answer) = frame->body.size() + kHeader;
  }
  for (std::size_t i = 1; i < clients.size(); ++i) (void)clients[i].expect<proto::ChatACK>();
  print(bench::broadcast_load(clients, request, heard, answer, milliseconds(arguments.number("--warm-up", 300)),
                              milliseconds(arguments.number("--ms", 2000)),
                              static_cast<pid_t>(arguments.number("--pid", 0))));
}

// A first few clients fill what is there once; only the others are counted.
void idle(const Arguments& arguments) {
  const auto count = static_cast<std::size_t>(arguments.number("--connections", 10'000));
  const auto pid = static_cast<pid_t>(arguments.number("--pid", 0));
  const auto warm = enter_all(arguments, kWarmClients);
  const auto before = bench::Meter::resident(pid);
  const auto clients = enter_all(arguments, count);
  const auto after = bench::Meter::resident(pid);
  const double each = (static_cast<double>(after) - static_cast<double>(before)) / static_cast<double>(count);
  std::cout << boost::json::serialize(
                   boost::json::object{{"clients", count}, {"bytes_each", each}, {"resident", after}})
            << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  try {
    const std::string mode = argc > 1 ? argv[1] : "";
    const Arguments arguments(argc, argv);
    if (mode == "echo") {
      echo(arguments);
    } else if (mode == "broadcast") {
      broadcast(arguments);
    } else if (mode == "idle") {
      idle(arguments);
    } else {
      throw std::runtime_error("say echo, broadcast or idle");
    }
  } catch (const std::exception& e) {
    std::cerr << "bench_client: " << e.what() << '\n';
    return 1;
  }
  return 0;
}
