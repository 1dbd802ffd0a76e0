// SPDX-License-Identifier: MIT
#include "cellmesh/testkit/stage.hpp"

#include <algorithm>
#include <cstdio>

namespace cellmesh::test {
namespace {

bool holds(const Act& act, Client client) {
  return std::any_of(act.clients.begin(), act.clients.end(),
                     [&](const cm_client& one) { return Client(one) == client; });
}

bool is_close(Did did) { return did == Did::clients_close || did == Did::clients_close_list; }

}  // namespace

Stage::Stage(const cm_service_kind& kind, MemoryHostOptions options, std::optional<std::string> state, MessageName name)
    : memory_(kind, std::move(options)), state_(std::move(state)), message_name_(name) {}

Stage::~Stage() {
  try {
    stop();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
  }
}

Status Stage::start() {
  cm_status status = CM_REFUSED;
  if (state_) {
    status = memory_.load({*state_, memory_.version(), {}});
  } else if (memory_.created() || memory_.create()) {
    status = memory_.start();
  }
  running_ = status == CM_OK;
  if (!running_) memory_.destroy();
  return checked(status);
}

void Stage::stop() {
  if (std::exchange(running_, false)) memory_.stop();
  memory_.destroy();
  throw_what_failed();
}

void Stage::reload() { reload_to({}); }
void Stage::reload(const cm_service_kind& next, const std::string& version) {
  reload_to({.kind = &next, .version = version});
}

void Stage::reload_to(const Reload& next) {
  const std::string why = memory_.reload(next);
  if (!why.empty()) {
    static_cast<void>(memory_.take_faults());  // `why` has it
    throw Refused("the reload of " + id() + " was refused: " + why);
  }
  throw_what_failed();
}

ServiceId Stage::self() const { return ServiceId(memory_.self()); }

Client Stage::client() {
  return client(memory_.frontend() ? self() : up("agent#0@" + std::string(memory_.abi()->group)));
}

Client Stage::client(ServiceId agent) {
  const Client made(agent, next_session_++);
  clients_.push_back(made);
  if (agent == self()) memory_.client_opened(made.raw());
  throw_what_failed();
  return made;
}

Client Stage::client_at(const std::string& address, cm_transport transport) {
  const Client made(self(), next_session_++);
  clients_.push_back(made);
  memory_.client_opened(made.raw(), address, transport);
  throw_what_failed();
  return made;
}

void Stage::disconnect(Client client, CloseReason reason) {
  std::erase(clients_, client);
  memory_.client_closed(client.raw(), static_cast<cm_close_reason>(reason));
  throw_what_failed();
}

void Stage::rebind(Client client, ServiceId from, ServiceId to) {
  memory_.rebound(client.raw(), from.handle(), to.handle());
  throw_what_failed();
}

ServiceId Stage::up(const std::string& id, const Peer& peer) {
  const ServiceId service(memory_.up(id, peer));
  throw_what_failed();
  return service;
}

void Stage::down(const std::string& id) {
  memory_.down(id);
  throw_what_failed();
}

void Stage::lose(const std::string& channel, std::uint64_t lost) {
  static_cast<void>(published(channel, memory_.publish(channel, 0, {}, lost)));
}

bool Stage::subscribed(const std::string& channel) const {
  const auto all = memory_.subscriptions();
  return std::any_of(all.begin(), all.end(), [&](const Subscription& one) { return one.channel == channel; });
}

std::size_t Stage::run_jobs() {
  const std::size_t waiting = memory_.jobs().size();
  for (std::size_t i = 0; i < waiting; ++i) static_cast<void>(memory_.run_job());
  throw_what_failed();
  return waiting;
}

void Stage::advance(std::chrono::milliseconds time) {
  memory_.advance(static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0)));
  throw_what_failed();
}

void Stage::refuse(Did did, Status status) { memory_.refuse(did, static_cast<cm_status>(status)); }

std::optional<Status> Stage::reply_status(const Ask& ask) {
  if (ask.status != Status::ok) return ask.status;
  for (const Act& act : take_replies(ask)) {
    if (act.did == Did::reply_status) return static_cast<Status>(act.status);
  }
  return std::nullopt;
}

std::vector<std::string> Stage::did() const {
  std::vector<std::string> all;
  for (const Act& act : memory_.acts()) all.push_back(describe(act));
  return all;
}

void Stage::clear() {
  static_cast<void>(memory_.take());
  read_.clear();
}

std::optional<CloseReason> Stage::closed(Client client) const {
  for (const Act& act : memory_.acts()) {
    const bool all = act.did == Did::clients_close_all && (act.to == 0 || act.to == client.agent().handle());
    if (act.result == CM_OK && (all || (is_close(act.did) && holds(act, client)))) {
      return static_cast<CloseReason>(act.reason);
    }
  }
  return std::nullopt;
}

bool Stage::logged(std::string_view text) const {
  const auto lines = memory_.lines();
  return std::any_of(lines.begin(), lines.end(),
                     [&](const Line& line) { return line.text.find(text) != std::string::npos; });
}

bool Stage::audited(std::string_view text) const {
  const auto records = memory_.audits();
  return std::any_of(records.begin(), records.end(),
                     [&](const std::string& record) { return record.find(text) != std::string::npos; });
}

Status Stage::checked(cm_status status) {
  throw_what_failed();
  return static_cast<Status>(status);
}

void Stage::throw_what_failed() {
  const auto faults = memory_.take_faults();
  const auto unhandled = memory_.take_unhandled();
  if (!faults.empty()) {
    const Fault& fault = faults.front();
    throw Faulted("fault of " + id() + " in " + fault.hook + (fault.id != 0 ? " of " + message_name_(fault.id) : "") +
                  ": " + fault.what);
  }
  if (!unhandled.empty()) throw Unexpected(id() + " has no handler of this name: " + unhandled.front());
}

Status Stage::called(std::uint64_t number, cm_status status) {
  if (status != CM_NOT_FOUND) return checked(status);
  throw Unexpected("call " + std::to_string(number) + " of " + id() + " does not wait any more");
}

Status Stage::published(const std::string& channel, cm_status status) {
  if (status != CM_NOT_FOUND) return checked(status);
  std::string all;
  for (const Subscription& one : memory_.subscriptions()) all += (all.empty() ? "" : ", ") + one.channel;
  throw Unexpected(id() + " is not subscribed to " + channel + "; it is to: " + all);
}

bool Stage::sends(const Act& act) {
  const bool some = act.did == Did::send || act.did == Did::reply || act.did == Did::clients_send ||
                    act.did == Did::clients_send_list || act.did == Did::clients_broadcast || act.did == Did::publish;
  return some && act.result == CM_OK;
}

bool Stage::reaches(const Act& act, Client client) const {
  if (!sends(act) || read_.contains({act.order, client})) return false;
  if (act.did != Did::clients_broadcast) return act.did != Did::send && holds(act, client);
  const bool there = std::find(clients_.begin(), clients_.end(), client) != clients_.end();
  const bool admitted = client.agent() != self() || memory_.admitted(client.raw());
  return there && admitted && (act.to == 0 || act.to == client.agent().handle());
}

bool Stage::reaches(const Act& act, ServiceId service) {
  return sends(act) && (act.did == Did::send || act.did == Did::reply) && act.to == service.handle();
}

void Stage::read(const Act& act, Client client) {
  if (act.did == Did::clients_send || act.did == Did::reply) return read(act);
  read_.emplace(act.order, client);
}

void Stage::read(const Act& act) {
  static_cast<void>(memory_.take_if([&](const Act& one) { return one.order == act.order; }));
}

std::vector<Act> Stage::take_replies(const Ask& ask) {
  const cm_request& request = ask.request.raw();
  return memory_.take_if([&](const Act& act) {
    return (act.did == Did::reply || act.did == Did::reply_status) && act.result == CM_OK &&
           act.request.call == request.call && act.request.from == request.from;
  });
}

std::string Stage::describe(const Act& act) const {
  std::string text = memory_.describe(act);
  if (act.id != 0) text.insert(std::min(text.find(' '), text.size()), " " + message_name_(act.id));
  return text;
}

std::string Stage::list(const std::vector<Act>& acts, const std::string& none) const {
  std::string text;
  for (const Act& act : acts) text += (text.empty() ? "it did: " : "; ") + describe(act);
  return text.empty() ? none : text;
}

}  // namespace cellmesh::test
