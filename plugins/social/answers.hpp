#pragma once

#include "client.pb.h"
#include "social.pb.h"

namespace social {

// The answer to a client's request, with what names the request in it.
inline proto::ChatDoneACK answer_to(const proto::ChatREQ& req) {
  proto::ChatDoneACK ack;
  ack.set_request_id(req.request_id());
  return ack;
}
inline proto::WhoACK answer_to(const proto::WhoREQ& req) {
  proto::WhoACK ack;
  ack.set_channel(req.channel());
  return ack;
}
inline proto::JoinChannelACK answer_to(const proto::JoinChannelREQ& req) {
  proto::JoinChannelACK ack;
  ack.set_channel(req.channel());
  return ack;
}
inline proto::LeaveChannelACK answer_to(const proto::LeaveChannelREQ& req) {
  proto::LeaveChannelACK ack;
  ack.set_channel(req.channel());
  return ack;
}
inline proto::FriendACK answer_to(const proto::FriendREQ& req) {
  proto::FriendACK ack;
  ack.set_what(req.what());
  ack.set_uid(req.uid());
  return ack;
}

}  // namespace social
