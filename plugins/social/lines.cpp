// How a line gets to the agents. A line is acknowledged when the agents of all who are to hear it have it: then it is
// heard whoever dies. Before any agent gets it, the services that follow have it: who takes over completes what the
// leader did not, and agents leave out what they had already.
#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "social.hpp"
#include "stored.hpp"

using namespace std::chrono_literals;
using cellmesh::Client;
using cellmesh::ServiceId;
using cellmesh::Status;

namespace {

constexpr std::size_t most_lines = 5'000;           // on their way
constexpr std::size_t most_line_bytes = 8U << 20U;  // likewise
constexpr std::size_t batch_bytes = 512U << 10U;    // of one message

constexpr std::int64_t remembered_ms = 60'000;
constexpr int most_remembered = 128;            // of one player: what it says while a leader hangs, and some
constexpr std::size_t most_remembered_id = 64;  // bytes
constexpr std::size_t most_who_said = 100'000;
constexpr std::int64_t lately_ms = 15'000;  // until a request comes again at the latest, and some
constexpr std::size_t most_said = 20'000;   // requests, to one that begins to follow

std::uint64_t hash_of(const std::string& content, const std::string& channel, const std::string& to) {
  std::uint64_t hash = 14695981039346656037U;
  for (const std::string* part : {&content, &channel, &to}) {
    for (const char c : *part) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    hash = (hash ^ 0xFFU) * 1099511628211U;
  }
  return hash;
}
std::uint64_t hash_of(const proto::ChatACK& said) { return hash_of(said.content(), said.channel(), said.to()); }
std::uint64_t hash_of(const proto::ChatREQ& req) { return hash_of(req.content(), req.channel(), req.to()); }

}  // namespace

bool Social::room_for(const proto::ChatACK& said) const {
  return lines_.size() < most_lines && line_bytes_ + said.ByteSizeLong() <= most_line_bytes;
}

void Social::post(Line line, const std::string& request_id, Client sender) {
  const std::uint64_t id = line.said().id();
  line.set_request_id(request_id);
  line.set_agent(sender.agent().handle());
  line.set_session(sender.session());
  keep_line(id, std::move(line));
  pump();
}

void Social::keep_line(std::uint64_t id, Line line) {
  remember_request(line);
  line_bytes_ += line.said().ByteSizeLong();
  order_.insert(id);
  lines_[id] = std::move(line);
}

void Social::forget_line(std::uint64_t id) {
  if (const auto* line = lines_.find(id)) line_bytes_ -= std::min(line_bytes_, line->said().ByteSizeLong());
  lines_.erase(id);
  order_.erase(id);
}

void Social::add_targets(Line& line, const std::vector<Client>& to) const {
  std::map<ServiceId, proto::SocialLine::Target*> by_agent;
  for (const Client client : to) {
    auto& target = by_agent[client.agent()];
    if (target == nullptr) {
      target = line.add_targets();
      target->set_agent(directory().name(client.agent()));
    }
    target->add_sessions(static_cast<std::int64_t>(client.session()));
  }
}

void Social::pump() {
  if (!leads()) return;
  const std::uint64_t last = order_.empty() ? 0 : *order_.rbegin();
  std::vector<ServiceId> behind;
  peers_.for_each([&](ServiceId peer, const proto::SocialPeer& row) {
    if (row.in_sync() && !row.busy() && last > row.sent()) behind.push_back(peer);
  });
  for (const ServiceId peer : behind) send_to_peer(peer);
  behind.clear();
  agents_.for_each([&](ServiceId agent, const proto::SocialAgent& row) {
    if (row.granted() && !row.busy() && last > row.sent()) behind.push_back(agent);
  });
  for (const ServiceId agent : behind) send_to_agent(agent);
  settle();
}

// Lines up to this id may be told.
std::uint64_t Social::confirmed_by_peers() const {
  std::uint64_t up_to = std::numeric_limits<std::uint64_t>::max();
  peers_.for_each([&](ServiceId /*peer*/, const proto::SocialPeer& row) {
    if (row.in_sync()) up_to = std::min(up_to, row.confirmed());
  });
  return up_to;
}

// Also when there is nothing new: so it hears that the leader lives.
void Social::send_to_peer(ServiceId peer) {
  auto& row = *peers_.edit(peer);
  proto::FollowREQ req;
  req.set_epoch(state_.epoch());
  req.set_settled(order_.empty() ? state_.last_id() : *order_.begin() - 1);
  req.set_lease_version(state_.lease_held() ? state_.lease_version() : 0);
  req.set_lease_age_ms(since(state_.lease_ms()).count());
  std::uint64_t up_to = row.sent();
  if (row.in_sync()) {
    if (row.sent() == 0) add_requests(req);
    std::size_t bytes = 0;
    for (auto it = order_.upper_bound(row.sent()); it != order_.end() && bytes < batch_bytes; ++it) {
      auto& line = *req.add_lines();
      line = *lines_.find(*it);
      line.clear_agent();
      bytes += line.ByteSizeLong();
      up_to = *it;
    }
    if (order_.empty()) up_to = state_.last_id();
  }
  const auto options = cellmesh::CallOptions{{}, std::max(takeover_time() / 2, 250ms)};
  if (call<&Social::on_followed>(options, peer, req, peer, state_.epoch(), up_to, row.in_sync(), now().count()) !=
      Status::ok) {
    row.set_in_sync(false);
    return;
  }
  row.set_busy(true);
  row.set_sent(up_to);
}

void Social::on_followed(const proto::FollowACK& ack, Status status, ServiceId peer, std::uint64_t epoch,
                         std::uint64_t up_to, bool was_in_sync, std::int64_t asked_ms) {
  auto* row = peers_.edit(peer);
  if (row == nullptr || epoch != state_.epoch() || !leads()) return;
  row->set_busy(false);
  row->set_asked_ms(asked_ms);
  if (status == Status::ok && ack.refused()) return refused_by(directory().name(peer), ack.epoch());
  if (status != Status::ok) {
    if (row->in_sync()) log().info("{} does not follow any more: {}", directory().name(peer), status);
    row->set_in_sync(false);
  } else if (!was_in_sync || ack.begins()) {
    row->set_in_sync(true);  // from now on it gets every line, those that are on their way first
    row->set_sent(0);
    row->set_confirmed(0);
    send_to_peer(peer);
  } else {
    row->set_confirmed(up_to);
  }
  pump();
}

void Social::send_to_agent(ServiceId agent) {
  const std::string name = directory().name(agent);
  const std::uint64_t told = confirmed_by_peers();
  auto& row = *agents_.edit(agent);
  proto::DeliverREQ req;
  req.set_epoch(state_.epoch());
  std::size_t bytes = 0;
  std::uint64_t looked_at = row.sent();
  for (auto it = order_.upper_bound(row.sent()); it != order_.end() && *it <= told && bytes < batch_bytes; ++it) {
    const Line& line = *lines_.find(*it);
    looked_at = *it;
    for (const auto& target : line.targets()) {
      if (target.agent() != name) continue;
      auto& added = *req.add_lines();
      *added.mutable_said() = line.said();
      added.set_all(target.all());
      *added.mutable_sessions() = target.sessions();
      bytes += added.ByteSizeLong();
    }
  }
  if (req.lines().empty()) {
    row.set_sent(looked_at);
    return;
  }
  const std::uint64_t last = req.lines().rbegin()->said().id();
  if (call<&Social::on_delivered>(agent, req, agent, state_.epoch(), last) != Status::ok) return;  // at the next beat
  row.set_busy(true);
  row.set_sent(looked_at);
}

void Social::on_delivered(const proto::DeliverACK& ack, Status status, ServiceId agent, std::uint64_t epoch,
                          std::uint64_t last) {
  auto* row = agents_.edit(agent);
  if (row == nullptr || epoch != state_.epoch() || !leads()) return;
  row->set_busy(false);
  if (status != Status::ok) {
    row->set_sent(0);  // again at the next beat: the agent leaves out what it has
    return;
  }
  if (ack.refused()) return refused_by(directory().name(agent), ack.epoch());
  row->set_heard_ms(now().count());
  for (const auto id : ack.missed()) {
    if (auto* line = lines_.edit(id)) line->set_missed(!line->said().to().empty());
  }
  confirm(agent, std::min(last, ack.last_line()));
  if (ack.last_line() >= last) return pump();
  row->set_sent(ack.last_line());  // the rest at the next beat
  settle();
}

// The agent has its lines up to this one.
void Social::confirm(ServiceId agent, std::uint64_t up_to) {
  const std::string name = directory().name(agent);
  const auto is = [&](const auto& target) { return target.agent() == name; };
  for (const auto id : order_) {
    if (id > up_to) break;
    const auto& targets = lines_.find(id)->targets();
    if (std::none_of(targets.begin(), targets.end(), is)) continue;
    auto& left = *lines_.edit(id)->mutable_targets();
    left.erase(std::remove_if(left.begin(), left.end(), is), left.end());
  }
}

// The agent is gone, and its clients with it: nobody is left there to hear a line.
void Social::expect_nothing_of(ServiceId agent) {
  const std::string name = directory().name(agent);
  for (const auto id : order_) {
    const Line& line = *lines_.find(id);
    const bool here = std::any_of(line.targets().begin(), line.targets().end(),
                                  [&](const auto& target) { return target.agent() == name; });
    if (here && !line.said().to().empty()) lines_.edit(id)->set_missed(true);
  }
  confirm(agent, std::numeric_limits<std::uint64_t>::max());
  settle();
}

// Acknowledges what all agents have.
void Social::settle() {
  if (!leads() || order_.empty() || !may_acknowledge()) return;
  const std::uint64_t confirmed = confirmed_by_peers();
  std::vector<Line> settled;
  for (const auto id : order_) {
    if (id > confirmed) break;
    if (const Line& line = *lines_.find(id); line.targets().empty()) settled.push_back(line);
  }
  for (const Line& line : settled) {
    forget_line(line.said().id());
    if (line.missed()) {
      say_again(line);
    } else {
      done(line.request_id(), client_of(line), line.said().id());
    }
  }
}

// What was said to a player whom its agent did not know any more is said again: it is kept for it, or it is back.
void Social::say_again(const Line& line) {
  const auto& said = line.said();
  forget_request(line);
  Task task;
  task.set_kind(Task::Say);
  task.set_uid(said.from());
  task.set_agent(line.agent());
  task.set_session(line.session());
  task.mutable_chat()->set_content(said.content());
  task.mutable_chat()->set_to(said.to());
  task.mutable_chat()->set_request_id(line.request_id());
  const proto::ChatREQ req = task.chat();
  if (add_task(said.to(), std::move(task))) {
    after<&Social::run>(0ms, said.to());  // not now: this may be part of another task
  } else if (const Client sender = client_of(line)) {
    refuse(req, sender, proto::TooFast, "too much waits for that player", retry_ms);
  }
}

// What the leader has on its way.
void Social::learn(const google::protobuf::RepeatedPtrField<Line>& lines) {
  for (const auto& line : lines) {
    const auto& said = line.said();
    seen_id(said.id());
    if (lines_.contains(said.id())) continue;
    keep_line(said.id(), line);
    if (!said.channel().empty()) remember(channels_[said.channel()], said);
  }
}

// It is not known what becomes of the lines on their way: who says one again is to be heard.
void Social::forget_unsettled() {
  while (!order_.empty()) {
    const Line line = *lines_.find(*order_.begin());
    forget_request(line);
    forget_line(line.said().id());
  }
}

void Social::forget_settled(std::uint64_t up_to) {
  while (!order_.empty() && *order_.begin() <= up_to) forget_line(*order_.begin());
}

// A request that comes again: its sender learns how it ended, and nobody hears it twice.
bool Social::said_already(const proto::ChatREQ& req, const std::string& uid, Client client) {
  const auto* row = requests_.find(uid);
  if (row == nullptr || req.request_id().empty()) return false;
  const auto& all = row->requests();
  const auto found = std::find_if(all.rbegin(), all.rend(), [&](const auto& one) {
    return one.id() == req.request_id() && one.session() == client.session() && one.hash() == hash_of(req) &&
           since(one.at_ms()).count() < remembered_ms;
  });
  if (found == all.rend()) return false;
  if (auto* line = lines_.edit(found->line())) {
    line->set_agent(client.agent().handle());
  } else {
    done(req.request_id(), client, found->line());
  }
  return true;
}

void Social::remember_request(const Line& line) {
  const auto& said = line.said();
  if (line.request_id().empty() || line.request_id().size() > most_remembered_id) return;
  if (!requests_.contains(said.from()) && requests_.size() >= most_who_said) return;
  auto& all = *requests_[said.from()].mutable_requests();
  auto& one = *all.Add();
  one.set_id(line.request_id());
  one.set_line(said.id());
  one.set_at_ms(now().count());
  one.set_session(line.session());
  one.set_hash(hash_of(said));
  if (all.size() > most_remembered) all.DeleteSubrange(0, all.size() - most_remembered);
}

void Social::forget_request(const Line& line) {
  auto* row = requests_.edit(line.said().from());
  if (row == nullptr) return;
  auto& all = *row->mutable_requests();
  all.erase(std::remove_if(all.begin(), all.end(), [&](const auto& one) { return one.line() == line.said().id(); }),
            all.end());
}

// Those of settled lines: the others go with their lines.
void Social::add_requests(proto::FollowREQ& req) const {
  requests_.for_each([&](const std::string& uid, const proto::SocialRequests& row) {
    for (const auto& one : row.requests()) {
      if (since(one.at_ms()).count() >= lately_ms || lines_.contains(one.line())) continue;
      if (static_cast<std::size_t>(req.said_size()) >= most_said) return;
      auto& said = *req.add_said();
      said.set_uid(uid);
      *said.mutable_request() = one;
      said.mutable_request()->set_at_ms(since(one.at_ms()).count());
    }
  });
}

void Social::learn_requests(const proto::FollowREQ& req) {
  for (const auto& said : req.said()) {
    if (!requests_.contains(said.uid()) && requests_.size() >= most_who_said) return;
    auto& all = *requests_[said.uid()].mutable_requests();
    const bool known =
        std::any_of(all.begin(), all.end(), [&](const auto& one) { return one.line() == said.request().line(); });
    if (known) continue;
    auto& one = *all.Add();
    one = said.request();
    one.set_at_ms(now().count() - said.request().at_ms());
    if (all.size() > most_remembered) all.DeleteSubrange(0, all.size() - most_remembered);
  }
}

void Social::forget_requests() {
  std::vector<std::string> over;
  requests_.for_each([&](const std::string& uid, const proto::SocialRequests& row) {
    const auto& last = row.requests();
    if (last.empty() || since(last.rbegin()->at_ms()).count() >= remembered_ms) over.push_back(uid);
  });
  for (const auto& uid : over) requests_.erase(uid);
}
