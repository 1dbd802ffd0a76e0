#pragma once

#include <string>

#include "base/result.hpp"
#include "client.pb.h"
#include "net/address.hpp"

namespace cm::bots {

// Where the agent of a login is reached by a transport: the first of its addresses that is of it.
base::Result<net::Address> agent_address(const proto::LoginACK& ack, const std::string& scheme);

}  // namespace cm::bots
