#include "support/player.hpp"

#include <optional>
#include <stdexcept>

namespace cm::test {

proto::LoginACK log_in(const std::string& login_address, const std::string& uid) {
  Client client(login_address);
  proto::LoginREQ req;
  req.set_version("1.0");
  req.set_platform("guest");
  req.set_uid(uid);
  req.set_protocol(proto::Version2);
  client.send(req);
  const auto answer = client.read();
  if (!answer) throw std::runtime_error("the login closed the connection");
  if (answer->is<proto::NoticeACK>()) throw std::runtime_error("login: " + answer->as<proto::NoticeACK>().text());
  return answer->as<proto::LoginACK>();
}

std::string transport_of(const std::string& address) {
  const auto scheme = address.find("://");
  return scheme == std::string::npos ? "tcp" : address.substr(0, scheme);
}

Ticket ticket_of(const proto::LoginACK& ack, const std::string& transport) {
  if (ack.result() != proto::NoError) throw std::runtime_error("login: " + proto::ResultCode_Name(ack.result()));
  const std::string scheme = transport + "://";
  for (const auto& url : ack.urls()) {
    if (!url.starts_with(scheme)) continue;
    return {transport == "tcp" ? url.substr(scheme.size()) : url, ack.game_token(), ack.game_svc_id()};
  }
  throw std::runtime_error("login names no way to the agent by " + transport);
}

Ticket await_ticket(const std::string& login_address, milliseconds bound) {
  std::optional<Ticket> got;
  std::string last;
  wait_until(
      [&] {
        try {
          got = ticket_of(log_in(login_address), transport_of(login_address));
        } catch (const std::exception& e) {
          last = e.what();
        }
        return got.has_value();
      },
      bound);
  if (!got) throw std::runtime_error("no login in time: " + last);
  return *got;
}

Client enter(const Ticket& ticket) {
  Client client(ticket.agent);
  client.send(verify_req(ticket));
  const auto ack = client.expect<proto::VerifyACK>();
  if (ack.result() != proto::NoError) throw std::runtime_error("verify: " + proto::ResultCode_Name(ack.result()));
  return client;
}

proto::VerifyREQ verify_req(const Ticket& ticket) {
  proto::VerifyREQ req;
  req.set_game_token(ticket.token);
  req.set_game_svc_id(ticket.game);
  req.set_protocol(proto::Version2);
  return req;
}

proto::ChatREQ chat_req(const std::string& content) {
  proto::ChatREQ req;
  req.set_content(content);
  return req;
}

void chat(Client& client, const std::string& content) {
  client.send(chat_req(content));
  expect_chat(client, content);
}

void expect_chat(Client& client, const std::string& content) {
  while (client.expect<proto::ChatACK>().content() != content) {
  }
}

}  // namespace cm::test
