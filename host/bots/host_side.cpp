#include "bots/host_side.hpp"

#include <array>
#include <chrono>
#include <exception>
#include <string_view>
#include <utility>

#include "base/log.hpp"
#include "bots/robot.hpp"
#include "bots/run.hpp"
#include "cellmesh/abi/log.h"
#include "cellmesh/abi/metrics.h"

namespace cm::bots {
namespace {

constexpr std::size_t kMostName = 200;
constexpr std::size_t kMostText = 1024;
constexpr std::uint64_t kMostTopics = 1'000'000;

// Text of the plugin's, cut.
std::string_view cut(const char* text, std::size_t most) {
  return text == nullptr ? std::string_view() : std::string_view(text, ::strnlen(text, most));
}

// Runs fn(robot) for a call that must come on the run's thread.
template <class Fn>
cm_status on_thread(const cm_host* host, Fn&& fn) {
  Robot* robot = Robot::of(host);
  if (robot == nullptr) return CM_INVALID;
  if (!robot->run().on_this_thread()) return CM_WRONG_THREAD;
  try {
    return std::forward<Fn>(fn)(*robot);
  } catch (const std::exception& e) {
    robot->report_fault(e.what());
  } catch (...) {
    robot->report_fault("an exception of an unknown type left a function that was given to the host");
  }
  return CM_FAULT;
}

bool bad_bytes(const void* data, std::size_t size) { return data == nullptr && size != 0; }

// --- cellmesh.robot/1

cm_status info(const cm_host* host, cm_robot_info* out) {
  return on_thread(host, [&](Robot& robot) -> cm_status {
    if (out == nullptr || out->struct_size < sizeof *out) return CM_INVALID;
    out->number = robot.number();
    out->count = robot.run().config().count;
    out->seed = robot.run().config().seed;
    out->name = robot.name().c_str();
    return CM_OK;
  });
}

cm_status login(const cm_host* host, const cm_robot_login* how) {
  return on_thread(host, [&](Robot& robot) -> cm_status {
    if (how == nullptr || how->struct_size < sizeof *how) return CM_INVALID;
    robot.login(how->uid != nullptr ? std::string(cut(how->uid, kMostText)) : robot.name(),
                how->platform != nullptr ? std::string(cut(how->platform, kMostText)) : "guest",
                std::string(cut(how->secret, kMostText)), how->create != 0);
    return CM_OK;
  });
}

cm_status connect(const cm_host* host, const char* url) {
  return on_thread(host, [&](Robot& robot) -> cm_status {
    const auto address = net::Address::parse(cut(url, kMostText));
    if (!address) return CM_INVALID;
    robot.connect(*address);
    return CM_OK;
  });
}

cm_status send(const cm_host* host, uint16_t id, const uint8_t* body, size_t size) {
  return on_thread(host, [&](Robot& robot) -> cm_status {
    if (id == 0 || bad_bytes(body, size)) return CM_INVALID;
    if (size > CM_MAX_CLIENT_BODY) return CM_TOO_LARGE;
    return robot.send(id, std::as_bytes(std::span(body, size)));
  });
}

void close(const cm_host* host, int32_t abort) {
  (void)on_thread(host, [&](Robot& robot) {
    robot.close(abort != 0);
    return CM_OK;
  });
}

uint64_t now_us(const cm_host* /*host*/) {
  using namespace std::chrono;
  return static_cast<uint64_t>(duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count());
}

void measure(const cm_host* host, const char* series, uint64_t us) {
  (void)on_thread(host, [&](Robot& robot) {
    robot.run().stats().measure(cut(series, kMostName), us);
    return CM_OK;
  });
}

void failed(const cm_host* host, const char* kind, const char* text) {
  (void)on_thread(host, [&](Robot& robot) {
    robot.run().stats().error(cut(kind, kMostName), cut(text, kMostText));
    return CM_OK;
  });
}

void check(const cm_host* host, const char* name, int32_t held, const char* why) {
  (void)on_thread(host, [&](Robot& robot) {
    std::string example;
    if (held == 0) example = robot.name() + ": " + std::string(cut(why, kMostText));
    robot.run().stats().check(cut(name, kMostName), held != 0, example);
    return CM_OK;
  });
}

// work(deliveries, robot) about a topic.
template <class Work>
cm_status about(const cm_host* host, const char* topic, Work&& work) {
  return on_thread(host, [&](Robot& robot) -> cm_status {
    const std::string_view name = cut(topic, kMostName);
    if (name.empty()) return CM_INVALID;
    return work(robot.run().deliveries(), robot, name);
  });
}

cm_status join(const cm_host* host, const char* topic) {
  return about(host, topic, [](Deliveries& all, Robot& robot, std::string_view name) -> cm_status {
    if (all.topics() >= kMostTopics) return CM_BACKPRESSURE;
    all.join(robot.number(), name);
    return CM_OK;
  });
}

cm_status leave(const cm_host* host, const char* topic) {
  return about(host, topic, [](Deliveries& all, Robot& robot, std::string_view name) -> cm_status {
    all.leave(robot.number(), name);
    return CM_OK;
  });
}

cm_status said(const cm_host* host, const char* topic, uint64_t key) {
  return about(host, topic, [&](Deliveries& all, Robot& robot, std::string_view name) -> cm_status {
    if (key >> 32U != robot.number()) return CM_INVALID;
    if (all.topics() >= kMostTopics) return CM_BACKPRESSURE;
    return all.said(name, key) ? CM_OK : CM_BACKPRESSURE;
  });
}

cm_status settled(const cm_host* host, const char* topic, uint64_t key, int32_t taken) {
  return about(host, topic, [&](Deliveries& all, Robot& robot, std::string_view name) -> cm_status {
    if (key >> 32U != robot.number()) return CM_INVALID;
    all.settled(name, key, taken != 0);
    return CM_OK;
  });
}

cm_status heard(const cm_host* host, const char* topic, uint64_t key, uint64_t order, int32_t old) {
  return about(host, topic, [&](Deliveries& all, Robot& robot, std::string_view name) -> cm_status {
    all.heard(robot.number(), name, key, order, old != 0);
    return CM_OK;
  });
}

cm_status expect_row(const cm_host* host, const char* table, const char* key, const char* message, const char* field,
                     uint64_t least, uint64_t most) {
  return on_thread(host, [&](Robot& robot) -> cm_status {
    const RowKey row{std::string(cut(table, kMostName)), std::string(cut(key, kMostName))};
    const std::string_view name = cut(field, kMostName);
    if (row.table.empty() || row.key.empty() || name.empty() || least > most) return CM_INVALID;
    robot.run().expected_rows()[row][std::string(name)] = {std::string(cut(message, kMostName)), least, most};
    return CM_OK;
  });
}

void done(const cm_host* host) {
  (void)on_thread(host, [](Robot& robot) {
    robot.set_done();
    return CM_OK;
  });
}

constexpr cm_host_robot kRobot{sizeof(cm_host_robot),
                               0,
                               &info,
                               &login,
                               &connect,
                               &send,
                               &close,
                               &now_us,
                               &measure,
                               &failed,
                               &check,
                               &join,
                               &leave,
                               &said,
                               &settled,
                               &heard,
                               &expect_row,
                               &done};

// --- what a service has as well

cm_status timer_start(const cm_host* host, uint64_t delay_ms, uint64_t period_ms, const char* handler,
                      const uint8_t* cookie, size_t cookie_size, cm_timer* out) {
  return on_thread(host, [&](Robot& robot) -> cm_status {
    if (out != nullptr) *out = 0;
    const std::string_view name = cut(handler, kMostText + 1);
    if (name.empty() || name.size() > kMostText || cookie_size > CM_MAX_COOKIE || bad_bytes(cookie, cookie_size)) {
      return CM_INVALID;
    }
    const std::string_view bytes(reinterpret_cast<const char*>(cookie), cookie_size);
    return robot.start_timer(delay_ms, period_ms, name, bytes, out);
  });
}

cm_status timer_cancel(const cm_host* host, cm_timer timer) {
  return on_thread(host, [&](Robot& robot) { return robot.cancel_timer(timer); });
}

uint64_t timer_now(const cm_host* /*host*/) { return static_cast<uint64_t>(plugin::now_ms()); }

constexpr cm_host_timer kTimer{sizeof(cm_host_timer), 0, &timer_start, &timer_cancel, &timer_now};

void log_write(const cm_host* host, cm_log_level level, const char* text, size_t size) {
  Robot* robot = Robot::of(host);
  if (robot == nullptr || text == nullptr) return;
  try {
    robot->run().log(level, robot->number(), std::string_view(text, size));
  } catch (...) {  // no memory for a log line: it is lost
  }
}

int32_t log_enabled(const cm_host* /*host*/, cm_log_level level) {
  return base::log(base::Room::service).should_log(static_cast<spdlog::level::level_enum>(level)) ? 1 : 0;
}

constexpr cm_host_log kLog{sizeof(cm_host_log), 0, &log_write, &log_enabled};

cm_status settings_get(const cm_host* host, void (*sink)(void* ctx, const uint8_t* data, size_t size), void* ctx) {
  return on_thread(host, [&](Robot& robot) -> cm_status {
    if (sink == nullptr) return CM_INVALID;
    const std::string& settings = robot.run().config().settings;
    sink(ctx, reinterpret_cast<const uint8_t*>(settings.data()), settings.size());
    return CM_OK;
  });
}

constexpr cm_host_settings kSettings{sizeof(cm_host_settings), 0, &settings_get};

cm_metric metric_get(const cm_host* host, const char* name) {
  cm_metric metric = 0;
  (void)on_thread(host, [&](Robot& robot) {
    metric = robot.run().metrics().get(cut(name, kMostName));
    return metric != 0 ? CM_OK : CM_INVALID;
  });
  return metric;
}

void metric_add(const cm_host* host, cm_metric metric, int64_t n) {
  if (Robot* robot = Robot::of(host); robot != nullptr) robot->run().metrics().add(metric, n);
}

void metric_set(const cm_host* host, cm_metric metric, int64_t value) {
  if (Robot* robot = Robot::of(host); robot != nullptr) robot->run().metrics().set(metric, value);
}

constexpr cm_host_metrics kMetrics{sizeof(cm_host_metrics), 0, &metric_get, &metric_add, &metric_set};

}  // namespace

const void* host_extension(const cm_host* host, const char* id) {
  static constexpr std::array<std::pair<std::string_view, const void*>, 5> kAll{{{CM_EXT_ROBOT, &kRobot},
                                                                                 {CM_EXT_TIMER, &kTimer},
                                                                                 {CM_EXT_LOG, &kLog},
                                                                                 {CM_EXT_SETTINGS, &kSettings},
                                                                                 {CM_EXT_METRICS, &kMetrics}}};
  const Robot* robot = Robot::of(host);
  if (robot == nullptr || id == nullptr) return nullptr;
  for (const auto& [name, extension] : kAll) {
    if (name == id) return extension;
  }
  return nullptr;
}

void host_report_fault(const cm_host* host, const char* what) {
  Robot* robot = Robot::of(host);
  if (robot == nullptr || !robot->run().on_this_thread()) return;
  robot->report_fault(what != nullptr ? what : "it did not say why");
}

}  // namespace cm::bots
