// SPDX-License-Identifier: MIT
//
// The one header that a robot's author includes:
//
//   #include <cellmesh/robot.hpp>
//
//   class Talker : public cellmesh::Robot<Talker> {
//    public:
//     void start() { login(); }
//     void on_connected() { every<&Talker::talk>(1s); }
//     void talk() {
//       proto::ChatREQ req;
//       req.set_content("hello");
//       send(req);
//     }
//     void on(const proto::ChatACK& ack) { check("it is polite", ack.content() == "hello"); }
//   };
//   CELLMESH_ROBOT(Talker)
//
// Build it with cellmesh_add_plugin(talker ROBOT ...); `cellmesh bots --plugin talker.so --count 1000` runs it.
#ifndef CELLMESH_ROBOT_HPP
#define CELLMESH_ROBOT_HPP

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "abi/robot.h"
#include "plugin.hpp"

namespace cellmesh {

// Why a robot's connection ended. Since 1.1.
struct RobotEnd {
  cm_robot_stage stage = 0;          // CM_ROBOT_LOGIN, CM_ROBOT_VERIFY or CM_ROBOT_PLAY: how far it had come
  std::int32_t code = 0;             // the result of the login or the verify, or the last notice's; 0: none was told
  std::uint32_t retry_after_ms = 0;  // as the server said; 0: it did not
  std::string_view text;             // for people; valid until the hook returns
};

// How a robot logs in. Since 1.1.
struct RobotLogin {
  std::string uid = {};       // empty: the robot's name
  std::string platform = {};  // empty: guest
  std::string secret = {};
  bool create = false;  // a new account
};

// One player of `cellmesh bots`: `class Talker : public cellmesh::Robot<Talker>`, or with settings, which `--set
// NAME=VALUE` changes, `Robot<Talker, proto::TalkerSettings>`. What a Service has of timers, settings, log, counters
// and hooks a robot has as well; there are no other services, clients and channels. Its own hooks, all optional, all
// public:
//
//   void on(const M&);                         the server sent this
//   void on_connected();                       it is in: verified, or connected where it asked for no more
//   void on_closed(const cellmesh::RobotEnd&); it is not, or not any more
//   void on_finish();                          the run ends: begin nothing new, see to what is open, then call done()
//
// An exception that leaves a hook is counted as a fault, and fails the run. All functions: [service thread], since 1.1.
template <typename T, typename Settings = void>
class Robot : public Service<T, Settings> {
 public:
  // Which of how many it is; the run's seed; a uid that no other robot of the run has, the same in each run of a seed.
  [[nodiscard]] std::uint64_t number() const { return info().number; }
  [[nodiscard]] std::uint64_t count() const { return info().count; }
  [[nodiscard]] std::uint64_t seed() const { return info().seed; }
  [[nodiscard]] std::string name() const {
    const cm_robot_info own = info();
    return own.name != nullptr ? own.name : "";
  }

  // Goes the way of a player: the login service, the agent that it names, the verify. on_connected() or on_closed()
  // follows, one of the two. A connection that it has is closed before.
  Status login(const RobotLogin& how = {}) {
    cm_robot_login raw{};
    raw.struct_size = sizeof raw;
    raw.create = how.create ? 1 : 0;
    raw.uid = how.uid.empty() ? nullptr : how.uid.c_str();
    raw.platform = how.platform.empty() ? nullptr : how.platform.c_str();
    raw.secret = how.secret.empty() ? nullptr : how.secret.c_str();
    return detail::ask(ext(), &cm_host_robot::login, host(), &raw);
  }
  // Connects to `tcp://host:port`, or by tls, ws or wss, and nothing more: for servers with a login of their own.
  // Status::invalid for what is no address.
  Status connect(const std::string& url) { return detail::ask(ext(), &cm_host_robot::connect, host(), url.c_str()); }

  // Sends to the server. Status::unavailable: not connected; backpressure: it does not read; too_large.
  template <Message M>
  Status send(const M& message) {
    return core().with_bytes(message, [&](const std::uint8_t* data, std::size_t size) {
      return detail::ask(ext(), &cm_host_robot::send, host(), MessageTraits<M>::id, data, size);
    });
  }

  // Ends the connection, or the way to it; cut() does so with a reset. No on_closed() follows.
  void close() { end(0); }
  void cut() { end(1); }

  // A clock for latencies. [any thread]
  [[nodiscard]] std::chrono::microseconds clock() const {
    return std::chrono::microseconds(ext() != nullptr ? static_cast<std::int64_t>(ext()->now_us(host())) : 0);
  }
  // A latency for the series of that name; of something that began at `since` by clock().
  void measure(const std::string& series, std::chrono::microseconds took) {
    if (ext() != nullptr) {
      ext()->measure(host(), series.c_str(), took.count() > 0 ? static_cast<std::uint64_t>(took.count()) : 0);
    }
  }
  void measure_since(const std::string& series, std::chrono::microseconds since) { measure(series, clock() - since); }

  // Something went wrong that is no fault of the robot: counted by kind.
  void failed(const std::string& kind, const std::string& text = {}) {
    if (ext() != nullptr) ext()->failed(host(), kind.c_str(), text.c_str());
  }
  // A check of the run, by name. One that does not hold, with why, fails the run.
  void check(const std::string& name, bool held, const std::string& why = {}) {
    if (ext() != nullptr) ext()->check(host(), name.c_str(), held ? 1 : 0, why.c_str());
  }

  // What is said in a topic is to be heard by all who joined it: once, in order, all of it; see cm_host_robot. `key` is
  // what line_key() made. A line must be heard once it is settled as taken, and must not once as refused.
  Status join(const std::string& topic) { return detail::ask(ext(), &cm_host_robot::join, host(), topic.c_str()); }
  Status leave(const std::string& topic) { return detail::ask(ext(), &cm_host_robot::leave, host(), topic.c_str()); }
  [[nodiscard]] std::uint64_t line_key(std::uint32_t own_count) const { return number() << 32U | own_count; }
  Status said(const std::string& topic, std::uint64_t key) {
    return detail::ask(ext(), &cm_host_robot::said, host(), topic.c_str(), key);
  }
  Status settled(const std::string& topic, std::uint64_t key, bool taken) {
    return detail::ask(ext(), &cm_host_robot::settled, host(), topic.c_str(), key, std::int32_t{taken});
  }
  Status heard(const std::string& topic, std::uint64_t key, std::uint64_t order = 0, bool old = false) {
    return detail::ask(ext(), &cm_host_robot::heard, host(), topic.c_str(), key, order, std::int32_t{old});
  }

  // What must stand in the game's database at the end, when the run is given it: in the row `key` of `table`, a message
  // M, the number `field` is at least `least` and at most `most`.
  Status expect_row(const std::string& table, const std::string& key, const std::string& message,
                    const std::string& field, std::uint64_t least, std::uint64_t most) {
    return detail::ask(ext(), &cm_host_robot::expect_row, host(), table.c_str(), key.c_str(), message.c_str(),
                       field.c_str(), least, most);
  }

  // It has come to its end.
  void done() {
    if (ext() != nullptr) ext()->done(host());
  }

 protected:
  Robot()
      : ext_(static_cast<const cm_host_robot*>(
            detail::Access::core(*this).host->get_extension(detail::Access::core(*this).host, CM_EXT_ROBOT))) {}
  ~Robot() = default;

 private:
  detail::Core& core() const { return detail::Access::core(const_cast<Robot&>(*this)); }
  [[nodiscard]] const cm_host_robot* ext() const { return ext_; }
  [[nodiscard]] const cm_host* host() const { return core().host; }
  [[nodiscard]] cm_robot_info info() const {
    cm_robot_info own{};
    own.struct_size = sizeof own;
    static_cast<void>(detail::ask(ext(), &cm_host_robot::info, host(), &own));
    return own;
  }
  void end(std::int32_t abort) {
    if (ext() != nullptr) ext()->close(host(), abort);
  }

  const cm_host_robot* const ext_;  // null: its host has none
};

namespace detail {

// names_<hook><T>, as in hooks.hpp.
#define CELLMESH_NAMES_HOOK(hook)                     \
  struct HasOnly_##hook {                             \
    int hook;                                         \
  };                                                  \
  template <typename T>                               \
  struct HasBoth_##hook : T, HasOnly_##hook {};       \
  template <typename T>                               \
  constexpr bool names_##hook() {                     \
    if constexpr (std::is_final_v<T>) {               \
      return false;                                   \
    } else {                                          \
      return !requires { &HasBoth_##hook<T>::hook; }; \
    }                                                 \
  }

CELLMESH_NAMES_HOOK(on_connected)
CELLMESH_NAMES_HOOK(on_closed)
CELLMESH_NAMES_HOOK(on_finish)
#undef CELLMESH_NAMES_HOOK

template <typename T>
concept HasOnConnected = requires(T& robot) {
  robot.on_connected();
};
template <typename T>
concept HasOnClosed = requires(T& robot, const RobotEnd& end) {
  robot.on_closed(end);
};
template <typename T>
concept HasOnFinish = requires(T& robot) {
  robot.on_finish();
};

// A robot as its host sees it: a service, and the hooks of cm_plugin_robot beside.
template <typename T, typename Messages>
class RobotProvider {
 public:
  static const cm_service_kind kind;

 private:
  using Base = Provider<T, Messages>;
  static_assert(std::is_base_of_v<Robot<T, SettingsOf<T>>, T>,
                "CELLMESH_ROBOT(X) needs `class X : public cellmesh::Robot<X>`");
  static_assert(HasOnConnected<T> || !names_on_connected<T>(), "the hook is public: `void on_connected()`");
  static_assert(HasOnClosed<T> || !names_on_closed<T>(),
                "the hook is public: `void on_closed(const cellmesh::RobotEnd&)`");
  static_assert(HasOnFinish<T> || !names_on_finish<T>(), "the hook is public: `void on_finish()`");

  // What the host knows as `self` begins with the robot.
  template <typename F>
  static void hook(void* self, F work) noexcept {
    T& robot = *static_cast<T*>(self);
    static_cast<void>(fenced(Access::core(robot).host, [&] { work(robot); }));
  }

  static void on_connected(void* self) noexcept {
    hook(self, []([[maybe_unused]] T& robot) {
      if constexpr (HasOnConnected<T>) robot.on_connected();
    });
  }
  static void on_closed(void* self, const cm_robot_end* end) noexcept {
    hook(self, [&]([[maybe_unused]] T& robot) {
      if constexpr (HasOnClosed<T>) {
        robot.on_closed(RobotEnd{end->stage, end->code, end->retry_after_ms, end->text != nullptr ? end->text : ""});
      }
    });
  }
  static void on_finish(void* self) noexcept {
    hook(self, []([[maybe_unused]] T& robot) {
      if constexpr (HasOnFinish<T>) robot.on_finish();
    });
  }

  static const void* get_extension(void* self, const char* id) noexcept {
    static constexpr cm_plugin_robot robot{sizeof(cm_plugin_robot), 0, &on_connected,
                                           HasOnClosed<T> ? &on_closed : nullptr,
                                           HasOnFinish<T> ? &on_finish : nullptr};
    return std::string_view(id) == CM_EXT_ROBOT ? &robot : Base::kind.get_extension(self, id);
  }
};

template <typename T, typename Messages>
constexpr cm_service_kind RobotProvider<T, Messages>::kind{sizeof(cm_service_kind),
                                                           0,
                                                           Provider<T, Messages>::kind.kind,
                                                           Provider<T, Messages>::kind.create,
                                                           Provider<T, Messages>::kind.destroy,
                                                           Provider<T, Messages>::kind.start,
                                                           Provider<T, Messages>::kind.stop,
                                                           Provider<T, Messages>::kind.on_message,
                                                           &get_extension};

template <typename T, typename Messages>
struct RobotKinds {
  static constexpr std::array<const cm_service_kind*, 1> list{&RobotProvider<T, Messages>::kind};
};

template <typename T, typename Messages>
constexpr cm_plugin make_robot() {
  return cm_plugin{
      sizeof(cm_plugin), CM_ABI_MAJOR, CM_ABI_MINOR, nullptr, nullptr, 1, 0, RobotKinds<T, Messages>::list.data()};
}

}  // namespace detail
}  // namespace cellmesh

// Makes the library a plugin that holds this robot; stands once, at global scope, in place of CELLMESH_PLUGIN().
// Since 1.1.
#define CELLMESH_ROBOT(Class)                            \
  CELLMESH_CHECK_PROVIDES(Class)                         \
  extern "C" constinit const cm_plugin cellmesh_plugin = \
      ::cellmesh::detail::make_robot<Class, ::cellmesh::gen::Messages>();

#endif
