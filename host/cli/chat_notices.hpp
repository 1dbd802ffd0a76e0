#pragma once

#include <string>

#include "client.pb.h"

namespace cm::cli {

// What a gateway's notice means, as a sentence for the player.
std::string describe(const proto::NoticeACK& notice);

// What a login's or a game's refusal means and what to do.
std::string describe(proto::ResultCode result);
// The same with the words that came with it, if there are any.
std::string describe(proto::ResultCode result, const std::string& text);

// The gateway closes the connection after this notice.
bool closes(const proto::NoticeACK& notice);

// The message that the notice is about did not get through.
bool tells_of_a_drop(const proto::NoticeACK& notice);

}  // namespace cm::cli
