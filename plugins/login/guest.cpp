#include "guest.hpp"

#include "../tokens/uid.hpp"
#include "signing_key.hpp"

namespace login {

std::string guest_uid(std::string_view name) {
  std::string uid(guest_prefix);
  if (name.empty()) return uid.append(random_id(), 0, 16);
  if (name.starts_with(guest_prefix)) name.remove_prefix(guest_prefix.size());  // as it was told it is called
  if (name.empty()) return {};
  uid.append(name);
  return tokens::is_uid(uid) ? uid : std::string();
}

void GuestPlatform::begin(const proto::LoginREQ& req, const Visitor& visitor, const std::string& /*address*/) {
  const std::string uid = guest_uid(req.uid());
  if (!uid.empty()) return desk_.let_in(visitor, uid);
  desk_.refuse(visitor, proto::BadName, "a guest's name is 1 to 26 of a-z, A-Z, 0-9, \"-\", \"_\" and \".\"");
}

}  // namespace login
