#pragma once

#include <cellmesh/plugin.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "answers.hpp"
#include "rules.hpp"

// Social: who is online and where, and what players say to each other.
//
//   directory.cpp  who is online, as the agents tell it
//   chat.cpp       what is said to all and to a channel
//   channels.cpp   their members and their last lines
//   records.cpp    what is stored of a player, read and written task by task
//   friends.cpp    friends, blocks, and who is told who is online
//   mail.cpp       what one player says to another, online or not
//
// One social service serves a mesh: with several, the one whose id is the lowest, the others stand by.
class Social : public cellmesh::Service<Social, proto::SocialSettings> {
 public:
  void start();
  void stop();
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
  cellmesh::Status on(const proto::JoinChannelREQ& req, cellmesh::Client client) { return hear(req, client); }
  cellmesh::Status on(const proto::LeaveChannelREQ& req, cellmesh::Client client) { return hear(req, client); }
  cellmesh::Status on(const proto::FriendREQ& req, cellmesh::Client client) { return hear(req, client); }

 private:
  using Client = cellmesh::Client;
  using ServiceId = cellmesh::ServiceId;
  using Status = cellmesh::Status;
  using Player = proto::SocialPlayer;
  using Channel = proto::SocialChannel;
  using Record = proto::SocialRecord;
  using Task = proto::SocialTask;

  // --- directory.cpp

  void enter(const proto::OnlineREQ::Entry& entry, ServiceId agent, bool again);
  void leave(const std::string& uid, bool comes_back);
  void drop_all_of(ServiceId agent, std::optional<std::uint64_t> but_of_round);
  void replace(Client older);
  void on_who_is(const proto::WhoIsACK& ack, Status status, Client client);
  void handle_waiting(Client client);
  // False when no more may wait.
  bool wait_for_uid(Client client, std::uint32_t id, const google::protobuf::MessageLite& message);

  // Handles a client's message, at once or when it is known whose it is.
  template <typename Message>
  Status hear(const Message& message, Client client) {
    if (request().from()) return Status::refused;  // clients only, not a service on behalf of one
    if (standing_by_) {
      clients().unbind(client);
      return Status::unavailable;
    }
    if (const auto* known = clients_.find(client)) {
      take(message, std::string(known->uid()), client);
    } else if (!wait_for_uid(client, cellmesh::MessageTraits<Message>::id, message)) {
      refuse(message, client, proto::TooFast, "too many messages wait here, try again", retry_ms);
    }
    return Status::ok;
  }

  // Handles it if its sender may send so much.
  template <typename Message>
  void take(const Message& req, const std::string& uid, Client client) {
    constexpr bool chat = std::is_same_v<Message, proto::ChatREQ>;
    auto& player = *online_.edit(uid);
    const auto wait = social::take(chat ? *player.mutable_chat() : *player.mutable_requests(),
                                   chat ? chat_rate() : requests_rate(), now());
    if (wait > 0) return refuse(req, client, proto::TooFast, "too fast", wait);
    handle(req, uid, client);
  }

  [[nodiscard]] social::Rate chat_rate() const {
    return {static_cast<double>(settings().chat_per_sec()), static_cast<double>(settings().chat_burst())};
  }
  [[nodiscard]] social::Rate requests_rate() const {
    return {static_cast<double>(settings().requests_per_sec()), static_cast<double>(settings().requests_burst())};
  }
  // Whether one of the two is not full.
  template <typename Buckets>
  [[nodiscard]] bool spent(const Buckets& of) const {
    return social::missing(of.chat(), chat_rate(), now()) > 0 ||
           social::missing(of.requests(), requests_rate(), now()) > 0;
  }
  void forget_spent();

  template <typename Message>
  void refuse(const Message& req, Client client, proto::ResultCode why, const std::string& text,
              std::uint32_t retry_after_ms = 0) {
    auto ack = social::answer_to(req);
    ack.set_result(why);
    ack.set_text(text);
    ack.set_retry_after_ms(retry_after_ms);
    clients().send(client, ack);
  }

  static Client client_of(const Player& player) { return {ServiceId(player.agent()), player.session()}; }
  static Client client_of(const Task& task) { return {ServiceId(task.agent()), task.session()}; }
  // Those of them that are online.
  template <typename Uids>
  [[nodiscard]] std::vector<Client> clients_of(const Uids& uids) const {
    std::vector<Client> all;
    for (const auto& uid : uids) {
      if (const auto* player = online_.find(uid)) all.push_back(client_of(*player));
    }
    return all;
  }

  // --- chat.cpp

  void handle(const proto::ChatREQ& req, const std::string& uid, Client client);
  void handle(const proto::WhoREQ& req, const std::string& uid, Client client);
  void say_to_all(const proto::ChatREQ& req, const std::string& uid, Client client);
  Status send_to_all(const proto::ChatACK& said, const std::string& uid);
  void say_to_channel(const proto::ChatREQ& req, const std::string& uid, Client client);
  void done(const proto::ChatREQ& req, Client client, std::uint64_t id, const std::string& text = {});
  [[nodiscard]] proto::ChatACK line(const proto::ChatREQ& req, const std::string& uid);
  // Grows with every message, also across restarts.
  std::uint64_t next_id();

  // --- channels.cpp

  void handle(const proto::JoinChannelREQ& req, const std::string& uid, Client client);
  void handle(const proto::LeaveChannelREQ& req, const std::string& uid, Client client);
  void join(const std::string& name, const std::string& uid, Client client, const std::string& text);
  [[nodiscard]] bool in_enough_channels(const Player& player) const;
  void refuse_channel(const proto::JoinChannelREQ& req, Client client);
  void tell_joined(const std::string& name, Client client, const std::string& text);
  void leave_channel(const std::string& name, const std::string& uid);
  bool load_channel(const std::string& name, Channel& channel);
  void on_channel_loaded(const proto::LoadDataACK& ack, Status status, const std::string& name);
  void remember(Channel& channel, const proto::ChatACK& said);
  void trim(Channel& channel) const;
  void forget_channel_if_unused(const std::string& name);
  static void add_write(proto::SaveDataREQ& req, const std::string& name, const Channel& channel);
  void save_channels_soon();
  void save_channels();
  void on_channels_saved(const proto::SaveDataACK& ack, Status status, const std::string& names);

  void store_channels_at_last();

  // --- records.cpp

  // Appends to what is to be done with a record; false when there is too much already.
  bool add_task(const std::string& uid, Task task);
  // Does what can be done now.
  void run(const std::string& uid);
  enum class Step : std::uint8_t { done, waits };
  Step step(const std::string& uid, Record& record);
  bool load_record(const std::string& uid, Record& record);
  void on_record_loaded(const proto::LoadDataACK& ack, Status status, const std::string& uid);
  // Writes `next`: the first task is done again when it is written.
  Step store(const std::string& uid, Record& record, const proto::SocialData& next);
  void on_record_stored(const proto::SaveDataACK& ack, Status status, const std::string& uid);
  // The first task cannot be done: its sender is told.
  void fail(Record& record, proto::ResultCode why, const std::string& text, std::uint32_t retry_after_ms = 0);
  void fail_all(const std::string& uid, Record& record);
  void forget_record_if_unused(const std::string& uid);
  void try_late_soon();
  void try_late();

  // --- friends.cpp

  void handle(const proto::FriendREQ& req, const std::string& uid, Client client);
  Step change_friends(const std::string& uid, Record& record, const Task& task);
  bool ask_whether_known(const std::string& uid, Record& record, const std::string& other);
  void on_known(const proto::LoadDataACK& ack, Status status, const std::string& uid);
  void take_effect(const std::string& uid, const Task& task);
  void tell_friends(const std::string& uid, const Record& record, const Task& task);
  void watch(const std::string& uid, const proto::SocialData& data, bool on);
  void follow(const std::string& uid, const proto::SocialData& before, const proto::SocialData& after);
  void forget_watchers_if_none(const std::string& uid);
  void show(const std::string& uid, bool online);
  [[nodiscard]] bool visible(const std::string& uid, const std::string& to) const;

  // --- mail.cpp

  void say_to_one(const proto::ChatREQ& req, const std::string& uid, Client client);
  void begin_session(const std::string& uid, Record& record);
  Status send_mail(const std::string& uid, Record& record);
  Step send_on(const std::string& uid, Record& record, const Task& task);
  Step say(const std::string& uid, Record& record, const Task& task);
  Step put_into_mailbox(const std::string& uid, Record& record, const Task& task);
  void on_handed_over(const proto::WhoIsACK& ack, Status status, const std::string& uid, std::uint64_t last_id);
  Step empty_mailbox(const std::string& uid, Record& record, const Task& task);

  // --- social.cpp

  void stand_by_or_serve();
  void report_load_soon();
  void report_load();

  static constexpr std::uint32_t retry_ms = 500;

  cellmesh::Table<std::string, Player> online_{*this, "online"};
  cellmesh::Table<Client, proto::SocialClient> clients_{*this, "clients"};
  cellmesh::Table<Client, proto::SocialWaiting> waiting_{*this, "waiting"};
  cellmesh::Table<ServiceId, proto::SocialAgent> agents_{*this, "agents"};
  cellmesh::Table<std::string, Channel> channels_{*this, "channels"};
  cellmesh::Table<std::string, Record> records_{*this, "records"};
  cellmesh::Table<std::string, proto::SocialWatchers> watchers_{*this, "watchers"};
  cellmesh::Table<std::string, proto::SocialSpent> spent_{*this, "spent"};
  std::uint64_t last_id_ = 0;
  bool standing_by_ = false;
  cellmesh::TimerId load_timer_;   // runs while a report is due
  cellmesh::TimerId save_timer_;   // runs while a channel's lines are not stored
  cellmesh::TimerId late_timer_;   // runs while a player's record could not be read
  cellmesh::TimerId spent_timer_;  // runs while somebody who left has used up something
  cellmesh::Counter said_ = counter("said");
  cellmesh::Counter kept_ = counter("kept");
  cellmesh::Counter replaced_ = counter("replaced");
  cellmesh::Counter failed_ = counter("data_failures");
  cellmesh::Gauge online_gauge_ = gauge("online");
};
