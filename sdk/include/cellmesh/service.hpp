// SPDX-License-Identifier: MIT
//
// Service<T>: what a plugin's author derives from. The hooks that T may have stand in hooks.hpp.
#ifndef CELLMESH_SERVICE_HPP
#define CELLMESH_SERVICE_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include "audit.hpp"
#include "client.hpp"
#include "clients.hpp"
#include "core.hpp"
#include "directory.hpp"
#include "gateway.hpp"
#include "kv.hpp"
#include "listeners.hpp"
#include "log.hpp"
#include "metrics.hpp"
#include "runner.hpp"
#include "settings.hpp"
#include "status.hpp"
#include "table.hpp"

namespace cellmesh {

namespace detail {
struct Access;
}

// How a call is made: `call<&Game::on_saved>({.client = from, .timeout = 2s}, data, req)`. Since 1.0.
struct CallOptions {
  Client client = {};                    // on whose behalf: the receiver's on(msg, Client) gets it
  std::chrono::milliseconds timeout{0};  // until the answer is Status::timeout; 0: 5 s
};

// A call on behalf of a client: `call<&Agent::on_verified>(on_behalf(client), game, req, client)`. Since 1.0.
inline CallOptions on_behalf(Client client, std::chrono::milliseconds timeout = {}) { return {client, timeout}; }

// The service that sent a message, as a handler `on(const M&, cellmesh::Sender)` gets it; valid until the handler
// returns: to answer later keep Service::request(). Since 1.0.
class Sender {
 public:
  Sender(detail::Core& core, const cm_request& request) : core_(&core), request_(&request) {}

  [[nodiscard]] ServiceId id() const { return ServiceId(request_->from); }
  // Whether it waits for an answer (it used `call`).
  [[nodiscard]] bool waits() const { return request_->call != 0; }
  // Answers it. What it returns is that of Service::reply.
  template <Message M>
  Status reply(const M& answer) const {
    return core_->reply(*request_, answer);
  }

 private:
  detail::Core* core_;
  const cm_request* request_;
};

// One kind of service: `class Chat : public cellmesh::Service<Chat>`, or with a settings message,
// `Service<Agent, proto::AgentSettings>`. The host makes its instances, each on a thread of its own: all functions here
// are [service thread] unless they say otherwise, and may be used from the constructor on, those that send from start()
// on. An exception that leaves a constructor or a hook is logged and counted as a fault of the service; a fault in
// the constructor or in start() refuses it. Since 1.0.
template <typename T, typename Settings = void>
class Service {
 public:
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // This service's id, "game#0@dev"; its parts; and its handle. Valid as long as the service. [any thread]
  [[nodiscard]] std::string_view id() const { return core_.host->service_id; }
  [[nodiscard]] std::string_view group() const { return core_.host->group; }
  [[nodiscard]] std::uint32_t index() const { return core_.host->index; }
  [[nodiscard]] ServiceId self() const { return ServiceId(core_.host->self); }

  // [any thread]
  [[nodiscard]] Log log() const { return core_.logger(); }

  // Writes a record to the host's audit stream (`--audit-file`, else its log at any level), for what must be accounted
  // for, such as money: `audit({{"uid", uid}, {"what", "price"}, {"amount", -100}})`. A host before 1.2 has no such
  // stream: the record is then an info line in the log, and Status::unavailable comes back. Since 1.2.
  Status audit(std::initializer_list<AuditField> fields) const {
    return detail::write_audit(core_.host, core_.audit, core_.logger(), fields);
  }

  // The counter or gauge of this name (1 to 100 of a-z, 0-9 and _), made on first use. One that the host refused (a bad
  // name, more than 1,000) counts nothing.
  [[nodiscard]] Counter counter(const std::string& name) const {
    return {core_.host, core_.metrics, metric_handle(name)};
  }
  [[nodiscard]] Gauge gauge(const std::string& name) const { return {core_.host, core_.metrics, metric_handle(name)}; }

  // Says that this service cannot do its work now, and why: one line for operators, cause and remedy, cut at 500 bytes.
  // Until it is healthy() again nobody picks it, on any host; clients that are bound to it stay, and whoever names it
  // reaches it. Consul and `cellmesh ctl services` show the reason, and its host is not ready. Status::invalid for an
  // empty reason, unavailable where the host is older than 1.2.
  //
  // A service starts healthy, and so does its next generation: one that is not says so in resumed(). Since 1.2.
  Status unhealthy(std::string_view reason) const {
    return detail::ask(core_.health, &cm_host_health::unhealthy, core_.host, std::string(reason).c_str());
  }
  // Ends what unhealthy() said. Does nothing if it is healthy. Since 1.2.
  Status healthy() const { return detail::ask(core_.health, &cm_host_health::healthy, core_.host); }

  // Views of what their headers describe; as short-lived as an expression, or kept as long as the service.
  [[nodiscard]] Clients clients() const { return Clients(core_); }
  [[nodiscard]] Directory directory() const { return Directory(core_); }
  [[nodiscard]] Gateway gateway() const { return Gateway(core_); }
  [[nodiscard]] Kv kv() const { return Kv(core_); }
  [[nodiscard]] Listeners listeners() const { return Listeners(core_); }

  // The settings as they are now; a reference to them shows the next ones after a change.
  [[nodiscard]] const auto& settings() const requires(!std::is_void_v<Settings>) { return holder_.current_settings(); }

  // Sends to a service. Status::ok: it will arrive unless its host dies; unavailable, backpressure (nothing was
  // queued), too_large, invalid.
  template <Message M>
  Status send(ServiceId to, const M& message) {
    return core_.with_bytes(message, [&](const std::uint8_t* data, std::size_t size) {
      return detail::ask(core_.message, &cm_host_message::send, core_.host, to.handle(), MessageTraits<M>::id, data,
                         size);
    });
  }

  // Sends a request to a service. Its answer arrives exactly once, in the named member
  // `void on_x(const AnswerACK&, cellmesh::Status, cookie...)`, with the cookie given here; a status other than ok
  // comes with an empty answer. On anything but Status::ok from here no answer will come: unavailable, backpressure,
  // too_large, invalid (a cookie over CM_MAX_COOKIE bytes).
  template <auto Handler, Message M, typename... Values>
  [[nodiscard("on anything but Status::ok no answer will come")]]  //
  Status
  call(const CallOptions& options, ServiceId to, const M& request, const Values&... cookie) {
    using Runner = CheckedRunner<Handler, detail::ReplyRunner>;
    const char* name = detail::Registered<T, Handler, detail::HandlerKind::reply, Runner>::name();
    const detail::PackedCookie<typename Runner::Cookie> packed(cookie...);
    if (packed.overflow()) return core_.refuse_cookie(name);
    const cm_client client = options.client.raw();
    return core_.with_bytes(request, [&](const std::uint8_t* data, std::size_t size) {
      return detail::ask(core_.message, &cm_host_message::call, core_.host, to.handle(), MessageTraits<M>::id, data,
                         size, options.client ? &client : nullptr, detail::to_ms32(options.timeout), name,
                         packed.data(), packed.size());
    });
  }
  template <auto Handler, Message M, typename... Values>
  [[nodiscard("on anything but Status::ok no answer will come")]]  //
  Status
  call(ServiceId to, const M& request, const Values&... cookie) {
    return call<Handler>(CallOptions{}, to, request, cookie...);
  }

  // The request being handled, to be answered later: plain data, may be a cookie. Between messages (in a timer, say) it
  // is one that nobody waits for.
  [[nodiscard]] Request request() const { return core_.current != nullptr ? Request(*core_.current) : Request(); }

  // Answers the request being handled: to the service that waits for it, else to the client that sent it, else to the
  // service that sent it. Status::not_found when there is none, or nobody is there any more; unavailable,
  // backpressure, too_large as for send().
  template <Message M>
  Status reply(const M& answer) {
    if (core_.current == nullptr) return no_request();
    return core_.reply(*core_.current, answer);
  }
  // Answers a kept request.
  template <Message M>
  Status reply(const Request& request, const M& answer) {
    return core_.reply(request.raw(), answer);
  }

  // Answers a call with a status other than ok instead of a message: its handler gets it. Status::not_found when
  // nobody waits, invalid for Status::ok.
  Status reply_status(Status status) {
    return core_.current != nullptr ? reply_status(request(), status) : no_request();
  }
  Status reply_status(const Request& request, Status status) {
    return detail::ask(core_.message, &cm_host_message::reply_status, core_.host, &request.raw(),
                       static_cast<cm_status>(status));
  }

  // Calls `void on_x(cookie...)` once, after `delay`; every `period`, the first time after one. Late ones are not made
  // up for. No timer (false) when the host refused it: a cookie over CM_MAX_COOKIE bytes, over 100,000 timers; the log
  // says so.
  template <auto Handler, typename Rep, typename Period, typename... Values>
  TimerId after(std::chrono::duration<Rep, Period> delay, const Values&... cookie) {
    return start_timer<Handler>(detail::to_ms(delay), 0, cookie...);
  }
  template <auto Handler, typename Rep, typename Period, typename... Values>
  TimerId every(std::chrono::duration<Rep, Period> period, const Values&... cookie) {
    const std::uint64_t ms = detail::to_ms(period) > 0 ? detail::to_ms(period) : 1;
    return start_timer<Handler>(ms, ms, cookie...);
  }

  // Names a handler that nothing in this version starts any more, so that what an older version left waiting for it
  // still arrives: without it a reload from that version is refused. Stands in any function, load() for example.
  template <auto Handler>
  void keep_timer() const {
    keep<Handler, detail::TimerRunner, detail::HandlerKind::timer>();
  }
  template <auto Handler>
  void keep_reply() const {
    keep<Handler, detail::ReplyRunner, detail::HandlerKind::reply>();
  }
  template <auto Handler>
  void keep_channel() const {
    keep<Handler, detail::ChannelRunner, detail::HandlerKind::channel>();
  }
  template <auto Handler>
  void keep_job() const {
    keep<Handler, detail::JobRunner, detail::HandlerKind::job>();
  }

  // After it returns the timer does not fire any more. Status::not_found when it is over already.
  Status cancel(TimerId timer) { return detail::ask(core_.timer, &cm_host_timer::cancel, core_.host, timer.handle()); }

  // A clock that only goes forward. [any thread]
  [[nodiscard]] std::chrono::milliseconds now() const {
    const std::uint64_t ms = core_.timer != nullptr ? core_.timer->now_ms(core_.host) : 0;
    return std::chrono::milliseconds(static_cast<std::int64_t>(ms));
  }

  // Sends to every subscriber of a channel of the hub (1 to 200 bytes of UTF-8). Status::unavailable when no hub is up,
  // backpressure, too_large.
  template <Message M>
  Status publish(const std::string& channel, const M& message) {
    return core_.with_bytes(message, [&](const std::uint8_t* data, std::size_t size) {
      return detail::ask(core_.channel, &cm_host_channel::publish, core_.host, channel.c_str(), MessageTraits<M>::id,
                         data, size);
    });
  }

  // From now on messages of the channel arrive in `void on_x(const NewsACK&, cellmesh::ChannelInfo, cookie...)`, which
  // takes the place of the channel's handler before. Status::ok also when no hub is up: it is made when one comes, and
  // again when it restarts. invalid: a bad name or cookie; backpressure: over 10,000 subscriptions.
  template <auto Handler, typename... Values>
  Status subscribe(const std::string& channel, const Values&... cookie) {
    using Runner = CheckedRunner<Handler, detail::ChannelRunner>;
    const char* name = detail::Registered<T, Handler, detail::HandlerKind::channel, Runner>::name();
    const detail::PackedCookie<typename Runner::Cookie> packed(cookie...);
    if (packed.overflow()) return core_.refuse_cookie(name);
    return detail::ask(core_.channel, &cm_host_channel::subscribe, core_.host, channel.c_str(), name, packed.data(),
                       packed.size());
  }
  // The same, for messages of any type: they arrive in on(const M&, cellmesh::Sender) or on(const M&), as if their
  // publisher had sent them.
  Status subscribe(const std::string& channel) {
    return detail::ask(core_.channel, &cm_host_channel::subscribe, core_.host, channel.c_str(), "",
                       static_cast<const std::uint8_t*>(nullptr), std::size_t{0});
  }

  // Status::not_found when there is no such subscription.
  Status unsubscribe(const std::string& channel) {
    return detail::ask(core_.channel, &cm_host_channel::unsubscribe, core_.host, channel.c_str());
  }

  // Runs `static Out work(const In&)` on the host's blocking pool (a database, a hash), away from this service's
  // thread; In and Out are protobuf messages or std::string. Its end arrives in `void on_x(const Out&,
  // cellmesh::Status, cookie...)`: Status::fault when it threw. The work sees its input only, never the service. On
  // anything but Status::ok from here it does not run: backpressure (the pool's queue is full), too_large, invalid.
  template <auto Work, auto Handler, typename In, typename... Values>
  [[nodiscard("on anything but Status::ok the job does not run")]]  //
  Status
  offload(const In& input, const Values&... cookie) {
    using Traits = detail::WorkTraits<decltype(Work)>;
    static_assert(Traits::valid, "work is `static Out work(const In&)`, In and Out protobuf messages or std::string");
    using Runner = CheckedRunner<Handler, detail::JobRunner>;
    static_assert(std::is_same_v<typename Runner::Out, typename Traits::Out>,
                  "the handler's first argument must be what the work returns");
    const char* name = detail::Registered<T, Handler, detail::HandlerKind::job, Runner>::name();
    const detail::PackedCookie<typename Runner::Cookie> packed(cookie...);
    if (packed.overflow()) return core_.refuse_cookie(name);
    const auto run = [&](const std::uint8_t* data, std::size_t size) {
      return detail::ask(core_.offload, &cm_host_offload::run, core_.host, &detail::run_job<Work>, data, size, name,
                         packed.data(), packed.size());
    };
    if constexpr (std::is_base_of_v<google::protobuf::MessageLite, typename Traits::In>) {
      static_assert(std::is_same_v<typename Traits::In, In>, "the input must be what the work takes");
      return core_.with_bytes(input, run);
    } else {
      static_assert(std::is_convertible_v<const In&, std::string_view>, "the input must be what the work takes");
      const std::string_view text = input;
      return run(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    }
  }

 protected:
  // Made by its host only: throws when it is not.
  Service() : core_(host_of_this_thread()) { holder_.load_settings(core_); }
  ~Service() = default;

 private:
  friend struct detail::Access;

  // Runner<T, Handler>, after a look at what Handler is.
  template <auto Handler, template <typename, auto> typename Runner>
  static constexpr auto check_runner() {
    using Traits = detail::MemberTraits<decltype(Handler)>;
    static_assert(Traits::valid, "a handler is a member function: call<&Game::on_player>(...)");
    if constexpr (Traits::valid) {
      static_assert(std::is_base_of_v<typename Traits::Class, T>, "a handler is a member function of this service");
      return std::type_identity<Runner<T, Handler>>{};
    }
  }
  template <auto Handler, template <typename, auto> typename Runner>
  using CheckedRunner = typename decltype(check_runner<Handler, Runner>())::type;

  template <auto Handler, template <typename, auto> typename Runner, detail::HandlerKind Kind>
  void keep() const {
    static_cast<void>(detail::Registered<T, Handler, Kind, CheckedRunner<Handler, Runner>>::name());
  }

  template <auto Handler, typename... Values>
  TimerId start_timer(std::uint64_t delay_ms, std::uint64_t period_ms, const Values&... cookie) {
    using Runner = CheckedRunner<Handler, detail::TimerRunner>;
    const char* name = detail::Registered<T, Handler, detail::HandlerKind::timer, Runner>::name();
    const detail::PackedCookie<typename Runner::Cookie> packed(cookie...);
    cm_timer timer = 0;
    const Status status = packed.overflow() ? core_.refuse_cookie(name)
                                            : detail::ask(core_.timer, &cm_host_timer::start, core_.host, delay_ms,
                                                          period_ms, name, packed.data(), packed.size(), &timer);
    if (status == Status::ok) return TimerId(timer);
    log().error("no timer for {}: {}", name, status);
    return TimerId();
  }

  Status no_request() const {
    log().warn("reply() between messages answers nobody; keep `request()` and use reply(request, answer)");
    return Status::not_found;
  }

  [[nodiscard]] cm_metric metric_handle(const std::string& name) const {
    return core_.metrics != nullptr ? core_.metrics->get(core_.host, name.c_str()) : 0;
  }

  static const cm_host* host_of_this_thread() {
    if (detail::creating == nullptr) throw std::logic_error("a service is made by its host, which loads the plugin");
    return detail::creating;
  }

  mutable detail::Core core_;
  detail::SettingsHolder<Settings> holder_;
};

}  // namespace cellmesh

#endif
