// What a message costs from the mailbox to the plugin's handler and back, beside a plain virtual call, and what of it
// is the fence.
#include <benchmark/benchmark.h>

#include <cellmesh/plugin.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

#include "echo.cellmesh.hpp"
#include "plugin/service.hpp"
#include "routing/destination.hpp"

namespace {

using namespace cm;

class Echo : public cellmesh::Service<Echo> {
 public:
  static constexpr std::string_view kind = "echo";
  void on(const proto::EchoREQ& req, cellmesh::Sender from) {
    proto::EchoACK ack;
    ack.set_content(req.content());
    from.reply(ack);
  }
};

class Counter : public cellmesh::Service<Counter> {
 public:
  static constexpr std::string_view kind = "counter";
  void on(const proto::EchoREQ& req, cellmesh::Sender /*from*/) { bytes += req.content().size(); }
  static inline std::size_t bytes = 0;
};

class Thrower : public cellmesh::Service<Thrower> {
 public:
  static constexpr std::string_view kind = "thrower";
  void on(const proto::EchoREQ& /*req*/, cellmesh::Sender /*from*/) { throw std::runtime_error("thrown by on"); }
};

using Messages = cellmesh::MessageList<proto::EchoREQ, proto::EchoACK>;
template <typename T>
const cm_service_kind& kind_of() {
  return cellmesh::detail::Provider<T, Messages>::kind;
}

std::string request() {
  proto::EchoREQ req;
  req.set_content(std::string(64, 'x'));
  return req.SerializeAsString();
}

// A handler as a class in the same program would have it.
struct Handler {
  Handler() = default;
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  virtual ~Handler() = default;
  virtual void on(const proto::EchoREQ& req) = 0;
};
struct CountingHandler final : Handler {
  void on(const proto::EchoREQ& req) override { bytes += req.content().size(); }
  std::size_t bytes = 0;
};

void VirtualCall(benchmark::State& state) {
  const std::unique_ptr<Handler> handler = std::make_unique<CountingHandler>();
  Handler* called = handler.get();
  proto::EchoREQ req;
  req.ParseFromString(request());
  for (auto _ : state) {
    benchmark::DoNotOptimize(called);
    called->on(req);
  }
}
BENCHMARK(VirtualCall);

void VirtualCallAndParse(benchmark::State& state) {
  const std::unique_ptr<Handler> handler = std::make_unique<CountingHandler>();
  Handler* called = handler.get();
  const std::string body = request();
  proto::EchoREQ req;
  for (auto _ : state) {
    benchmark::DoNotOptimize(called);
    req.ParseFromString(body);
    called->on(req);
  }
}
BENCHMARK(VirtualCallAndParse);

// A host that has nothing: for hooks that ask for nothing.
struct NoHost {
  NoHost() {
    host.struct_size = sizeof host;
    host.service_id = "bench#0@bench";
    host.kind = "bench";
    host.group = "bench";
    host.get_extension = [](const cm_host*, const char*) -> const void* { return nullptr; };
    host.report_fault = [](const cm_host*, const char* what) { benchmark::DoNotOptimize(what); };
  }
  cm_host host{};
};

template <typename T>
void hook(benchmark::State& state) {
  const NoHost host;
  const cm_service_kind& kind = kind_of<T>();
  void* self = kind.create(&host.host);
  const std::string body = request();
  cm_message message{};
  message.struct_size = sizeof message;
  message.id = cellmesh::MessageTraits<proto::EchoREQ>::id;
  message.request.from = 7;
  message.body = reinterpret_cast<const std::uint8_t*>(body.data());
  message.body_size = body.size();
  for (auto _ : state) benchmark::DoNotOptimize(kind.on_message(self, &message));
  kind.destroy(self);
}
void HookParseAndFence(benchmark::State& state) { hook<Counter>(state); }
BENCHMARK(HookParseAndFence);
void HookThatThrows(benchmark::State& state) { hook<Thrower>(state); }
BENCHMARK(HookThatThrows);

// The fence alone around a call that is not inlined.
[[gnu::noinline]] void add(std::size_t& bytes) { benchmark::DoNotOptimize(bytes += 64); }
void CallBare(benchmark::State& state) {
  std::size_t bytes = 0;
  for (auto _ : state) add(bytes);
}
BENCHMARK(CallBare);
void CallFenced(benchmark::State& state) {
  const NoHost host;
  std::size_t bytes = 0;
  for (auto _ : state) benchmark::DoNotOptimize(cellmesh::detail::fenced(&host.host, [&] { add(bytes); }));
}
BENCHMARK(CallFenced);

// Who asked: counts the answers.
class Caller final : public routing::Destination {
 public:
  explicit Caller(int wanted) : wanted_(wanted) {}
  routing::Delivery deliver(const routing::Envelope& e) override {
    if (e.kind != routing::Kind::reply) return routing::Delivery::sent;
    const std::lock_guard lock(mutex_);
    if (++answers_ == wanted_) changed_.notify_one();
    return routing::Delivery::sent;
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return answers_ == wanted_; });
    answers_ = 0;
  }

 private:
  const int wanted_;
  std::mutex mutex_;  // guards answers_
  std::condition_variable changed_;
  int answers_ = 0;
};

// A real service on its thread: calls into its mailbox, 64 at a time, until the answers are back.
void MailboxToHandlerAndBack(benchmark::State& state) {
  constexpr int kAtOnce = 64;
  routing::Names names;
  routing::Registry registry(names);
  const auto caller = std::make_shared<Caller>(kAtOnce);
  routing::ServiceEntry entry;
  entry.ref = names.service("caller#0@bench");
  entry.kind = names.kind_of(entry.ref);
  entry.host = "elsewhere";
  entry.mailbox = caller;
  (void)registry.put(entry);
  plugin::Surroundings surroundings{.registry = registry,
                                    .frontends = nullptr,
                                    .pool = std::make_shared<plugin::BlockingPool>(plugin::BlockingPool::Limits{}),
                                    .identity = {"bench", 0, "bench", "bench", "bench"},
                                    .patience = {},
                                    .mailbox = {},
                                    .faulty = {},
                                    .kv = nullptr};
  auto manifest = std::make_shared<plugin::Manifest>();
  manifest->name = "echo";
  auto generation = std::make_shared<plugin::Generation>(1, std::move(manifest));
  const auto service = std::make_shared<plugin::Service>(surroundings, generation, kind_of<Echo>(), std::nullopt);
  if (!service->start({})) {
    state.SkipWithError("the service does not start");
    return;
  }
  const std::string body = request();
  routing::Envelope call;
  call.kind = routing::Kind::call;
  call.msg_id = cellmesh::MessageTraits<proto::EchoREQ>::id;
  call.to = service->ref();
  call.from = entry.ref;
  call.body = std::as_bytes(std::span(body));
  for (auto _ : state) {
    for (int i = 0; i < kAtOnce; ++i) {
      ++call.call;
      (void)service->mailbox()->deliver(call);
    }
    caller->wait();
  }
  state.SetItemsProcessed(state.iterations() * kAtOnce);
  state.counters["a message"] = benchmark::Counter(static_cast<double>(state.iterations() * kAtOnce),
                                                   benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  (void)service->stop();
}
BENCHMARK(MailboxToHandlerAndBack)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
