#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include "social.hpp"

using cellmesh::Client;
using cellmesh::Status;

namespace {

constexpr std::uint32_t default_who = 100;
constexpr std::uint32_t most_who = 1000;

}  // namespace

template <typename Message>
bool Social::too_fast(const Message& req, const std::string& uid, Client client) {
  constexpr bool chat = std::is_same_v<Message, proto::ChatREQ>;
  auto& player = *online_.edit(uid);
  const social::Rate rate{static_cast<double>(chat ? settings().chat_per_sec() : settings().requests_per_sec()),
                          static_cast<double>(chat ? settings().chat_burst() : settings().requests_burst())};
  const auto wait = social::take(chat ? *player.mutable_chat() : *player.mutable_requests(), rate, now());
  if (wait == 0) return false;
  refuse(req, client, proto::TooFast, wait, "too fast");
  return true;
}

void Social::handle(const proto::ChatREQ& req, const std::string& uid, Client client) {
  if (too_fast(req, uid, client)) return;
  const auto text = social::check_text(req.content(), settings().max_text());
  if (text == proto::TextEmpty) return refuse(req, client, text, 0, "there is nothing to say");
  if (text == proto::TextTooLong) {
    return refuse(req, client, text, 0,
                  cellmesh::format("too long: at most {} characters may be said at once", settings().max_text()));
  }
  say_to_all(req, uid, client);
}

void Social::say_to_all(const proto::ChatREQ& req, const std::string& uid, Client client) {
  const proto::ChatACK said = line(req, uid);
  const Status status = clients().broadcast(said);
  if (status == Status::too_large)
    return refuse(req, client, proto::TextTooLong, 0, "too long: no message may be so large");
  proto::ChatDoneACK done;
  done.set_request_id(req.request_id());
  done.set_id(said.id());
  if (status != Status::ok) done.set_text(cellmesh::format("said, but not to every agent: {}", status));
  clients().send(client, done);
}

proto::ChatACK Social::line(const proto::ChatREQ& req, const std::string& uid) {
  proto::ChatACK said;
  said.set_content(req.content());
  said.set_from(uid);
  said.set_channel(req.channel());
  said.set_to(req.to());
  said.set_id(next_id());
  said.set_sent_at_ms(social::since_1970_ms());
  said_.add();
  return said;
}

// Microseconds since 1970, or one more than the last: below 2^53, so that JavaScript can count them.
std::uint64_t Social::next_id() {
  last_id_ = std::max(last_id_ + 1, static_cast<std::uint64_t>(social::since_1970_ms()) * 1000);
  return last_id_;
}

void Social::handle(const proto::WhoREQ& req, const std::string& uid, Client client) {
  if (too_fast(req, uid, client)) return;
  proto::WhoACK ack;
  ack.set_channel(req.channel());
  const std::size_t limit = req.limit() == 0 ? default_who : std::min(req.limit(), most_who);
  std::vector<std::string> all;
  online_.for_each([&](const std::string& who, const Player& /*player*/) { all.push_back(who); });
  ack.set_count(static_cast<std::uint32_t>(all.size()));
  const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(limit, all.size()));
  std::partial_sort(all.begin(), end, all.end());
  for (auto it = all.begin(); it != end; ++it) ack.add_uid(*it);
  clients().send(client, ack);
}

void Social::refuse(const proto::ChatREQ& req, Client client, proto::ResultCode why, std::uint32_t retry_after_ms,
                    const std::string& text) {
  proto::ChatDoneACK done;
  done.set_result(why);
  done.set_request_id(req.request_id());
  done.set_retry_after_ms(retry_after_ms);
  done.set_text(text);
  clients().send(client, done);
}

void Social::refuse(const proto::WhoREQ& req, Client client, proto::ResultCode why, std::uint32_t retry_after_ms,
                    const std::string& text) {
  proto::WhoACK ack;
  ack.set_result(why);
  ack.set_channel(req.channel());
  ack.set_retry_after_ms(retry_after_ms);
  ack.set_text(text);
  clients().send(client, ack);
}
