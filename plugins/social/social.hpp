#pragma once

#include <cellmesh/plugin.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rules.hpp"

// Social: who is online and where, and what players say to each other. directory.cpp keeps who is online as the agents
// tell it, chat.cpp carries what is said.
class Social : public cellmesh::Service<Social, proto::SocialSettings> {
 public:
  void start();
  void save(proto::SocialState& state) const { state.set_last_id(last_id_); }
  void load(const proto::SocialState& state) { last_id_ = state.last_id(); }
  void resumed();

  void on_service(cellmesh::ServiceId service, bool up);
  void on_client_closed(cellmesh::Client client, cellmesh::CloseReason reason);

  // Of agents, and of whoever asks.
  cellmesh::Status on(const proto::OnlineREQ& req, cellmesh::Sender from);
  cellmesh::Status on(const proto::OfflineREQ& req, cellmesh::Sender from);
  void on(const proto::WhereREQ& req, cellmesh::Sender from);

  // Of clients.
  cellmesh::Status on(const proto::ChatREQ& req, cellmesh::Client client) { return hear(req, client); }
  cellmesh::Status on(const proto::WhoREQ& req, cellmesh::Client client) { return hear(req, client); }

 private:
  using Player = proto::SocialPlayer;

  // --- directory.cpp

  void enter(const proto::OnlineREQ::Entry& entry, cellmesh::ServiceId agent, bool again);
  void leave(const std::string& uid);
  void drop_all_of(cellmesh::ServiceId agent, std::optional<std::uint64_t> but_of_round);
  void replace(cellmesh::Client older);
  void on_who_is(const proto::WhoIsACK& ack, cellmesh::Status status, cellmesh::Client client);
  void handle_waiting(cellmesh::Client client, bool known);
  // False when no more may wait.
  bool wait_for_uid(cellmesh::Client client, std::uint32_t id, const google::protobuf::MessageLite& message);

  // Handles a client's message, at once or when it is known whose it is.
  template <typename Message>
  cellmesh::Status hear(const Message& message, cellmesh::Client client) {
    if (request().from()) return cellmesh::Status::refused;  // clients only, not a service on behalf of one
    if (const auto* known = clients_.find(client)) {
      handle(message, known->uid(), client);
    } else if (!wait_for_uid(client, cellmesh::MessageTraits<Message>::id, message)) {
      refuse(message, client, proto::TooFast, retry_ms, "too many messages wait here, try again");
    }
    return cellmesh::Status::ok;
  }

  static cellmesh::Client client_of(const Player& player) {
    return {cellmesh::ServiceId(player.agent()), player.session()};
  }

  // --- chat.cpp

  void handle(const proto::ChatREQ& req, const std::string& uid, cellmesh::Client client);
  void handle(const proto::WhoREQ& req, const std::string& uid, cellmesh::Client client);
  void refuse(const proto::ChatREQ& req, cellmesh::Client client, proto::ResultCode why, std::uint32_t retry_after_ms,
              const std::string& text);
  void refuse(const proto::WhoREQ& req, cellmesh::Client client, proto::ResultCode why, std::uint32_t retry_after_ms,
              const std::string& text);
  void say_to_all(const proto::ChatREQ& req, const std::string& uid, cellmesh::Client client);
  // True when a limit was met, and the client was told so.
  template <typename Message>
  bool too_fast(const Message& req, const std::string& uid, cellmesh::Client client);
  [[nodiscard]] proto::ChatACK line(const proto::ChatREQ& req, const std::string& uid);
  // Grows with every message, also across restarts.
  std::uint64_t next_id();

  void report_load_soon();
  void report_load();

  static constexpr std::uint32_t retry_ms = 500;
  static constexpr int most_waiting_of_client = 100;

  cellmesh::Table<std::string, Player> online_{*this, "online"};
  cellmesh::Table<cellmesh::Client, proto::SocialClient> clients_{*this, "clients"};
  cellmesh::Table<cellmesh::Client, proto::SocialWaiting> waiting_{*this, "waiting"};
  cellmesh::Table<cellmesh::ServiceId, proto::SocialAgent> agents_{*this, "agents"};
  std::uint64_t last_id_ = 0;
  cellmesh::TimerId load_timer_;  // runs while a report is due
  cellmesh::Counter said_ = counter("said");
  cellmesh::Counter replaced_ = counter("replaced");
  cellmesh::Gauge online_gauge_ = gauge("online");
};
