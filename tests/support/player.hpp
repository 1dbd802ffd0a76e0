#pragma once

#include <string>

#include "support/client.hpp"

namespace cm::test {

// What a player is told at the login. It lets in once, unless agent/require_token is false.
struct Ticket {
  std::string agent;  // address, or URL
  std::string token;
  std::string game;  // service id
};

// One login at the login frontend, as a guest; without a name each is another. Throws when it is refused.
proto::LoginACK log_in(const std::string& login_address, const std::string& uid = "");
// `wss` of wss://host:port/; `tcp` of a bare address.
std::string transport_of(const std::string& address);
// For the agent that it names, by this transport. Throws when the login was refused, or names no such way in.
Ticket ticket_of(const proto::LoginACK& ack, const std::string& transport = "tcp");
// A login, for the agent by the same transport, tried again until it succeeds: services find each other within a moment
// after a start or a death.
Ticket await_ticket(const std::string& login_address, milliseconds bound = seconds(30));

// A client that is connected to the ticket's agent and admitted there; of an address: one that logged in there.
Client enter(const Ticket& ticket);
inline Client enter(const std::string& login_address) { return enter(await_ticket(login_address)); }

proto::VerifyREQ verify_req(const Ticket& ticket);
proto::ChatREQ chat_req(const std::string& content);

// Sends a chat line and reads until it comes back.
void chat(Client& client, const std::string& content);
// Reads until a chat line with this content comes.
void expect_chat(Client& client, const std::string& content);

}  // namespace cm::test
