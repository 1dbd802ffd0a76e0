#pragma once

#include <algorithm>
#include <cellmesh/plugin.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "answers.hpp"
#include "rules.hpp"

// Social: who is online and where, and what players say to each other.
//
//   leader.cpp     which of several social services leads, and what a change of that brings
//   lease.cpp      the row of the data service that only one of them can hold
//   lines.cpp      how a line gets to the agents, so that it outlives the leader
//   directory.cpp  who is online, as the agents tell it
//   chat.cpp       what is said to all and to a channel
//   channels.cpp   their members and their last lines
//   records.cpp    what is stored of a player, read and written task by task
//   friends.cpp    friends, blocks, and who is told who is online
//   mail.cpp       what one player says to another, online or not
//
// One social service serves a mesh. With several, one leads until it ends, and the others follow: they are told by the
// agents who is online and in which channels, and by the leader which lines are on their way. README.md says how.
class Social : public cellmesh::Service<Social, proto::SocialSettings> {
 public:
  void start();
  void stop();
  void save(proto::SocialState& state) const { state = state_; }
  void load(const proto::SocialState& state);
  void resumed();

  void on_service(cellmesh::ServiceId service, bool up);
  void on_client_closed(cellmesh::Client client, cellmesh::CloseReason reason);

  // Of agents, and of whoever asks.
  cellmesh::Status on(const proto::OnlineREQ& req, cellmesh::Sender from);
  cellmesh::Status on(const proto::OfflineREQ& req, cellmesh::Sender from);
  void on(const proto::WhereREQ& req, cellmesh::Sender from);

  // Of other social services.
  void on(const proto::FollowREQ& req, cellmesh::Sender from);
  void on(const proto::HandOverREQ& req, cellmesh::Sender from);
  cellmesh::Status on(const proto::ForwardREQ& req, cellmesh::Sender from);

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
  using Line = proto::SocialLine;

  // --- directory.cpp

  void enter(const proto::OnlineREQ::Entry& entry, ServiceId agent, bool again);
  void leave(const std::string& uid, bool comes_back);
  void drop_all_of(ServiceId agent, std::optional<std::uint64_t> but_of_round);
  void replace(Client older);
  void on_who_is(const proto::WhoIsACK& ack, Status status, Client client);
  void handle_waiting(Client client);
  // Keeps a message until it is known whose it is, or who leads. Returns false if no more may wait.
  bool keep(Client client, std::uint32_t id, const std::string& body);
  bool wait_for_uid(Client client, std::uint32_t id, const std::string& body);
  bool ask_who_is(Client client);
  void forward(Client client);
  void forget_gone(std::chrono::milliseconds after);

  template <typename Message>
  Status hear(const Message& message, Client client) {
    if (request().from()) return Status::refused;  // clients only, not a service on behalf of one
    receive(message, client);
    return Status::ok;
  }

  // Handles a client's message, at once or when it is known whose it is; passes it on to the leader.
  template <typename Message>
  void receive(const Message& message, Client client) {
    constexpr std::uint32_t id = cellmesh::MessageTraits<Message>::id;
    if (!leads()) {
      if (!keep(client, id, message.SerializeAsString())) return refuse_to_wait(message, client);
      return forward(client);
    }
    if (const auto* known = clients_.find(client)) {
      take(message, std::string(known->uid()), client);
    } else if (!wait_for_uid(client, id, message.SerializeAsString())) {
      refuse_to_wait(message, client);
    }
  }
  // Calls `f` with the client's message of that id.
  template <typename F>
  static void parse(std::uint32_t id, const std::string& body, F&& f) {
    const auto as = [&](auto message) {
      if (id == cellmesh::MessageTraits<decltype(message)>::id && message.ParseFromString(body)) f(message);
    };
    as(proto::ChatREQ());
    as(proto::WhoREQ());
    as(proto::JoinChannelREQ());
    as(proto::LeaveChannelREQ());
    as(proto::FriendREQ());
  }

  // Handles it if its sender may send so much.
  template <typename Message>
  void take(const Message& req, const std::string& uid, Client client) {
    constexpr bool chat = std::is_same_v<Message, proto::ChatREQ>;
    if constexpr (chat) {
      if (said_already(req, uid, client)) return;
    }
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

  template <typename Message>
  void refuse_to_wait(const Message& req, Client client) {
    refuse(req, client, proto::TooFast, "too many messages wait here, try again", retry_ms);
  }

  static Client client_of(const Player& player) { return {ServiceId(player.agent()), player.session()}; }
  static Client client_of(const Line& line) { return {ServiceId(line.agent()), line.session()}; }
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

  // --- leader.cpp

  [[nodiscard]] bool leads() const { return state_.role() == proto::SocialState::Leading; }
  void meet(ServiceId service, const std::string& kind);
  void part(ServiceId service);
  void start_beat();
  void beat();
  void keep_leading();
  void ask_agents(bool sure);
  void ask_agent(ServiceId agent, bool sure);
  void on_lead(const proto::LeadACK& ack, Status status, ServiceId agent, std::uint64_t epoch);
  void lead_if_all_answered();
  void lead();
  void follow(std::uint64_t epoch, ServiceId leader);
  void refused_by(const std::string& who, std::uint64_t epoch);
  void hand_over();
  // Returns false while another one may lead: what is acknowledged then may be unheard by the others' players.
  [[nodiscard]] bool may_acknowledge() const;
  [[nodiscard]] bool peers_follow() const;
  [[nodiscard]] bool certain_since(std::int64_t at_ms) const;
  [[nodiscard]] bool holds_lease() const { return state_.lease_held() && since(state_.lease_ms()) < takeover_time(); }
  // Of a service that follows: the leader lives.
  [[nodiscard]] bool hears_leader() const {
    return !leads() && state_.leader() != 0 && since(state_.heard_ms()) < takeover_time() / 2;
  }
  [[nodiscard]] std::chrono::milliseconds takeover_time() const {
    return std::chrono::milliseconds(settings().takeover_ms());
  }
  [[nodiscard]] std::chrono::milliseconds since(std::int64_t at_ms) const {
    return now() - std::chrono::milliseconds(at_ms);
  }

  // --- lease.cpp

  void run_for_leader();
  void run_without_lease();
  void renew_lease();
  void read_lease();
  void on_lease_read(const proto::LoadDataACK& ack, Status status);
  void write_lease(std::uint64_t epoch);
  void on_lease_written(const proto::SaveDataACK& ack, Status status, std::uint64_t epoch, std::int64_t asked_at_ms);
  void free_lease();

  // --- lines.cpp

  // Sends a line to the agents of its targets, and acknowledges it to `sender` when all of them have it.
  void post(Line line, const std::string& request_id, Client sender);
  // Returns false if too much is on its way.
  [[nodiscard]] bool room_for(const proto::ChatACK& said) const;
  void add_targets(Line& line, const std::vector<Client>& to) const;
  [[nodiscard]] bool said_already(const proto::ChatREQ& req, const std::string& uid, Client client);
  void pump();
  [[nodiscard]] std::uint64_t confirmed_by_peers() const;
  void send_to_peer(ServiceId peer);
  void on_followed(const proto::FollowACK& ack, Status status, ServiceId peer, std::uint64_t epoch, std::uint64_t up_to,
                   bool was_in_sync, std::int64_t asked_ms);
  void send_to_agent(ServiceId agent);
  void on_delivered(const proto::DeliverACK& ack, Status status, ServiceId agent, std::uint64_t epoch,
                    std::uint64_t last);
  void confirm(ServiceId agent, std::uint64_t up_to);
  void expect_nothing_of(ServiceId agent);
  void settle();
  void say_again(const Line& line);
  void learn(const google::protobuf::RepeatedPtrField<Line>& lines);
  void keep_line(std::uint64_t id, Line line);
  void forget_line(std::uint64_t id);
  void forget_settled(std::uint64_t up_to);
  void forget_unsettled();
  void forget_request(const Line& line);
  void add_requests(proto::FollowREQ& req) const;
  void learn_requests(const proto::FollowREQ& req);
  void remember_request(const Line& line);
  void forget_requests();

  // --- chat.cpp

  void handle(const proto::ChatREQ& req, const std::string& uid, Client client);
  void handle(const proto::WhoREQ& req, const std::string& uid, Client client);
  void say_to_all(const proto::ChatREQ& req, const std::string& uid, Client client);
  void say_to_channel(const proto::ChatREQ& req, const std::string& uid, Client client);
  bool post_or_refuse(Line line, const proto::ChatREQ& req, Client client);
  void done(const std::string& request_id, Client client, std::uint64_t id, const std::string& text = {});
  [[nodiscard]] proto::ChatACK line(const proto::ChatREQ& req, const std::string& uid);
  // Grows with every message, also across restarts.
  std::uint64_t next_id();
  void seen_id(std::uint64_t id) { state_.set_last_id(std::max(state_.last_id(), id)); }

  // --- channels.cpp

  void handle(const proto::JoinChannelREQ& req, const std::string& uid, Client client);
  void handle(const proto::LeaveChannelREQ& req, const std::string& uid, Client client);
  void join(const std::string& name, const std::string& uid, Client client, bool all_read);
  void ask_membership(Client client, const std::string& name, bool leaves, bool all_read);
  void on_membership(const proto::MembershipACK& ack, Status status, Client client, const std::string& name,
                     bool leaves, bool all_read, std::uint64_t epoch);
  void add_member(const std::string& name, const std::string& uid);
  void set_channels(const std::string& uid, const google::protobuf::RepeatedPtrField<std::string>& channels);
  [[nodiscard]] bool in_enough_channels(const Player& player) const;
  void refuse_channel(const proto::JoinChannelREQ& req, Client client);
  void tell_joined(const std::string& name, Client client, bool all_read);
  void leave_channel(const std::string& name, const std::string& uid);
  bool load_channel(const std::string& name, Channel& channel);
  void on_channel_loaded(const proto::LoadDataACK& ack, Status status, const std::string& name);
  void forget_channel_if_unused(const std::string& name);

  // --- history.cpp

  void remember(Channel& channel, const proto::ChatACK& said);
  void trim(Channel& channel) const;
  static void add_write(proto::SaveDataREQ& req, const std::string& name, const Channel& channel);
  void save_channels_soon();
  void save_channels();
  void leave_saving_to_leader();
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
  void try_late_soon(std::chrono::milliseconds delay = std::chrono::seconds(1));
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
  void tell_of_gone(const std::string& uid, const Record& record);
  void show(const std::string& uid, bool online);
  [[nodiscard]] bool visible(const std::string& uid, const std::string& to) const;

  // --- mail.cpp

  void say_to_one(const proto::ChatREQ& req, const std::string& uid, Client client);
  void begin_session(const std::string& uid, Record& record);
  Status send_mail(const std::string& uid, Record& record);
  Step send_on(const std::string& uid, Record& record, const Task& task);
  Step say(const std::string& uid, Record& record, const Task& task);
  Step say_now(Record& record, const Task& task, Client client);
  Step put_into_mailbox(const std::string& uid, Record& record, const Task& task);
  void on_handed_over(const proto::WhoIsACK& ack, Status status, const std::string& uid, std::uint64_t last_id);
  Step empty_mailbox(const std::string& uid, Record& record, const Task& task);

  // --- social.cpp

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
  cellmesh::Table<std::uint64_t, Line> lines_{*this, "lines"};
  cellmesh::Table<ServiceId, proto::SocialPeer> peers_{*this, "peers"};
  cellmesh::Table<std::string, proto::SocialRequests> requests_{*this, "requests"};
  cellmesh::Table<std::string, proto::SocialGone> gone_{*this, "gone"};
  std::set<std::uint64_t> order_;  // ids of lines_
  std::size_t line_bytes_ = 0;     // of lines_
  proto::SocialState state_;       // goes over at a reload
  bool lease_busy_ = false;        // a call about it waits for its answer
  bool handed_over_ = false;       // the leader ended, and said so
  std::uint32_t beats_ = 0;
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
