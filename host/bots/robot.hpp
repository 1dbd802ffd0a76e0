#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "bots/connection.hpp"
#include "cellmesh/abi/plugin.h"
#include "cellmesh/abi/robot.h"
#include "cellmesh/abi/settings.h"
#include "cellmesh/abi/timer.h"

namespace cm::bots {

class Run;

// One robot: the plugin's instance, the cm_host that it was given, and its connection. Owned by its run, which is one
// thread.
class Robot final : public Connection::User {
 public:
  Robot(Run& run, std::uint64_t number);
  Robot(const Robot&) = delete;
  Robot& operator=(const Robot&) = delete;
  ~Robot();

  // Creates and starts the plugin's robot. False when it refuses.
  bool start();
  // The run ends.
  void finish();

  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] bool online() const { return stage_ == Stage::playing; }
  [[nodiscard]] bool was_online() const { return was_online_; }
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] const std::string& trouble() const { return trouble_; }  // the last one

  // --- what the plugin asks for, checked by host_side.cpp
  [[nodiscard]] static Robot* of(const cm_host* host) {
    return host != nullptr ? static_cast<Robot*>(host->host_data) : nullptr;
  }
  [[nodiscard]] Run& run() { return run_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  void login(std::string uid, std::string platform, std::string secret, bool create);
  void connect(const net::Address& to);
  cm_status send(std::uint16_t id, std::span<const std::byte> body);
  void close(bool abort);
  cm_status start_timer(std::uint64_t delay_ms, std::uint64_t period_ms, std::string_view handler,
                        std::string_view cookie, cm_timer* out);
  cm_status cancel_timer(cm_timer timer);
  void report_fault(std::string_view what);
  void set_done();

  // --- of the engine
  void on_timer(std::uint64_t number, const std::string* handler, const std::string& cookie);
  void on_open() override;
  void on_frame(std::uint16_t id, std::span<const std::byte> body) override;
  void on_end(const std::string& why) override;

 private:
  enum class Stage : std::uint8_t { idle, logging_in, verifying, connecting, playing };
  struct Entrance;  // what is known on the way in

  template <class Work>
  cm_status hook(const char* name, std::string_view detail, Work&& work);
  void open(Stage stage, const net::Address& to);
  void on_login(std::span<const std::byte> body);
  void on_verified(std::span<const std::byte> body);
  void on_notice(std::span<const std::byte> body);
  void enter();
  void deliver(std::uint16_t id, std::span<const std::byte> body);
  // The connection is over: counts it and tells the robot.
  void lose(const std::string& kind, const std::string& why, std::int32_t code = 0, std::uint32_t retry_after_ms = 0);
  void drop(bool abort);
  void stop_timers();

  Run& run_;
  const std::uint64_t number_;
  const std::string name_;
  const std::string id_;
  cm_host host_{};
  void* self_ = nullptr;
  const cm_plugin_robot* robot_ = nullptr;  // null: it does not implement them
  const cm_plugin_timer* timer_ = nullptr;

  Stage stage_ = Stage::idle;
  std::shared_ptr<Connection> connection_;
  std::unique_ptr<Entrance> entrance_;
  std::uint64_t stage_timer_ = 0;
  std::size_t timers_ = 0;
  std::int32_t notice_ = 0;  // the last one that announced an end
  std::string notice_text_;
  std::string trouble_;
  bool was_online_ = false;
  bool counted_online_ = false;
  bool done_ = false;
  bool finishing_ = false;
  const char* hook_ = nullptr;  // that runs now
  std::string_view hook_detail_;
  bool faulted_ = false;
};

}  // namespace cm::bots
