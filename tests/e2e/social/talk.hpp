#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "social.pb.h"
#include "support/deployment.hpp"

namespace cm::test {

// What the agent knows the client as.
inline std::string uid_of(Client& client) {
  static int asked = 0;
  const std::string question = "who am I? " + std::to_string(++asked);
  client.send(chat_req(question));
  for (;;) {
    const auto heard = client.expect<proto::ChatACK>();
    if (heard.content() == question) return heard.from();
  }
}

// Throws when its agent knows of no service for it.
inline proto::ChatDoneACK say(Client& client, const std::string& content, const std::string& channel = {},
                              const std::string& to = {}) {
  auto req = chat_req(content);
  req.set_channel(channel);
  req.set_to(to);
  static int said = 0;
  req.set_request_id(std::to_string(++said));
  client.send(req);
  for (;;) {
    const auto frame = client.read();
    if (!frame) throw std::runtime_error("closed while waiting for ChatDoneACK");
    if (frame->is<proto::NoticeACK>() && frame->as<proto::NoticeACK>().code() == proto::NoticeACK::NoService) {
      throw std::runtime_error(frame->as<proto::NoticeACK>().text());
    }
    if (!frame->is<proto::ChatDoneACK>()) continue;
    auto done = frame->as<proto::ChatDoneACK>();
    if (done.request_id() == req.request_id()) return done;
  }
}

// Until it can be read what is stored of both.
inline proto::ChatDoneACK tell(Client& client, const std::string& to, const std::string& content) {
  proto::ChatDoneACK done;
  wait_until([&] {
    done = say(client, content, {}, to);
    return done.result() != proto::DataUnavailable;
  });
  return done;
}

inline proto::JoinChannelACK join(Client& client, const std::string& channel) {
  proto::JoinChannelREQ req;
  req.set_channel(channel);
  client.send(req);
  return client.expect<proto::JoinChannelACK>();
}

inline std::vector<std::string> who(Client& client, const std::string& channel = {}) {
  proto::WhoREQ req;
  req.set_channel(channel);
  client.send(req);
  const auto ack = client.expect<proto::WhoACK>();
  return {ack.uid().begin(), ack.uid().end()};
}

inline proto::FriendACK friends(Client& client, proto::FriendREQ::What what, const std::string& uid = {}) {
  proto::FriendREQ req;
  req.set_what(what);
  req.set_uid(uid);
  proto::FriendACK ack;
  wait_until([&] {
    client.send(req);
    ack = client.expect<proto::FriendACK>();
    return ack.result() != proto::DataUnavailable;
  });
  return ack;
}

// The next line in that channel, or to that player alone.
inline proto::ChatACK hear(Client& client, const std::string& channel = {}, const std::string& to = {}) {
  for (;;) {
    auto heard = client.expect<proto::ChatACK>();
    if (heard.channel() == channel && heard.to() == to) return heard;
  }
}

}  // namespace cm::test
