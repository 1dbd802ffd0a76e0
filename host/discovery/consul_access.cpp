#include "discovery/consul_access.hpp"

#include <algorithm>
#include <memory>

#include <boost/json.hpp>

#include "base/log.hpp"

namespace cm::discovery {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr std::size_t kMaxQuestions = 64;  // Consul's, of one request
constexpr auto kSoon = 200ms;
constexpr auto kWhileMissing = 5s;
constexpr auto kWhileWell = 60s;

base::Logger out() { return base::log(base::Room::discovery); }

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const auto& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

}  // namespace

struct ConsulAccess::Round {
  std::vector<Question> questions;
  std::vector<bool> allowed;  // as many as were answered
  bool failed = false;        // Consul could not be asked
  std::function<void(const Round&)> done;
};

ConsulAccess::ConsulAccess(ConsulContext& context, std::function<void()> on_change)
    : context_(context), on_change_(std::move(on_change)), next_(context.loop) {}

void ConsulAccess::set_role(AccessRole role) {
  if (has_role_ && role == role_) return;
  role_ = std::move(role);
  has_role_ = true;
  recheck();
}

void ConsulAccess::recheck() {
  if (!has_role_ || !context_.contact.up()) return;
  if (busy_) {
    again_ = true;
  } else {
    next_.set(kSoon, [this] { check(); });
  }
}

void ConsulAccess::on_contact() {
  outage_.clear();
  update();
  recheck();
}

void ConsulAccess::on_outage(bool forbidden, const std::string& error) {
  next_.cancel();
  outage_ = forbidden ? error : "";
  update();
}

void ConsulAccess::set_unseen(std::set<std::string> ids) {
  if (ids == unseen_) return;
  const bool first = unseen_.empty();
  unseen_ = std::move(ids);
  if (unseen_.empty()) unseen_why_.clear();
  if (first) diagnose();
  update();
}

void ConsulAccess::set_refused(const std::string& id, const std::string& error) {
  if (error.empty() ? refused_.erase(id) == 0 : std::exchange(refused_[id], error) == error) return;
  update();
}

void ConsulAccess::may_read(const std::vector<std::string>& keys, std::function<void(bool)> done) {
  auto round = std::make_shared<Round>();
  for (const auto& key : keys) {
    if (round->questions.size() < kMaxQuestions) round->questions.push_back({"key", key, "read", "", true});
  }
  round->done = [done = std::move(done)](const Round& r) {
    done(!r.failed && std::all_of(r.allowed.begin(), r.allowed.end(), [](bool allowed) { return allowed; }));
  };
  ask(round);
}

std::vector<ConsulAccess::Question> ConsulAccess::questions_of(const std::vector<ConsulRight>& rights) {
  std::vector<Question> out;
  for (const auto& right : rights) {
    // The node's name is not known here; a missing right shows when Consul does not list the services.
    if (right.resource == "node") continue;
    const std::string segment = right.name.empty() ? "any" : right.name;
    if (right.reads) out.push_back({right.resource, segment, "read", right.text() + " read", true});
    if (right.write) out.push_back({right.resource, segment, "write", right.text() + " write", right.writes});
  }
  return out;
}

void ConsulAccess::check() {
  if (!context_.contact.up()) return;
  busy_ = true;
  auto round = std::make_shared<Round>();
  round->questions = questions_of(consul_rights(role_));
  round->done = [this](const Round& r) { checked(r); };
  ask(round);
}

void ConsulAccess::ask(const std::shared_ptr<Round>& round) {
  const std::size_t begin = round->allowed.size();
  if (begin >= round->questions.size()) return round->done(*round);
  json::array body;
  for (std::size_t i = begin; i < std::min(begin + kMaxQuestions, round->questions.size()); ++i) {
    const Question& q = round->questions[i];
    body.push_back(json::object{{"Resource", q.resource}, {"Segment", q.segment}, {"Access", q.access}});
  }
  const std::size_t count = body.size();
  context_.api.call({.method = "POST", .path = "/v1/internal/acl/authorize", .body = json::serialize(body)},
                    [this, round, count](const ConsulAnswer& answer) {
                      round->failed = answer.in_doubt() || answer.forbidden();
                      boost::system::error_code ec;
                      const json::value got = answer.ok() ? json::parse(answer.body, ec) : json::value();
                      const json::array* list = ec ? nullptr : got.if_array();
                      // Without ACLs, or by a Consul that cannot tell, all is taken as allowed.
                      if (list == nullptr || list->size() != count) return round->done(*round);
                      for (const json::value& entry : *list) {
                        const json::object* object = entry.if_object();
                        const json::value* allow = object == nullptr ? nullptr : object->if_contains("Allow");
                        round->allowed.push_back(allow == nullptr || !allow->is_bool() || allow->get_bool());
                      }
                      ask(round);
                    });
}

void ConsulAccess::checked(const Round& round) {
  busy_ = false;
  if (!context_.contact.up()) return;  // asked again when it is back
  if (round.failed) return next_.set(kWhileMissing, [this] { check(); });
  std::vector<std::string> needed;
  std::vector<std::string> weak;
  for (std::size_t i = 0; i < round.allowed.size(); ++i) {
    if (round.allowed[i]) continue;
    const Question& q = round.questions[i];
    (q.needed ? needed : weak).push_back(q.text);
  }
  outage_.clear();
  missing_ = joined(needed);
  if (const std::string text = joined(weak); text != told_weak_) {
    told_weak_ = text;
    if (!text.empty() && missing_.empty())
      out().warn("the token for Consul may not do all that this host would: it lacks {}; {}", text, remedy());
  }
  if (!unseen_.empty()) diagnose();
  update();
  if (!std::exchange(known_, true) && problem_.empty()) on_change_();
  const auto next = std::exchange(again_, false) ? std::chrono::milliseconds(2s)
                    : problem_.empty()           ? std::chrono::milliseconds(kWhileWell)
                                                 : std::chrono::milliseconds(kWhileMissing);
  next_.set(next, [this] { check(); });
}

// Why is it not listed? A token that sees no node at all lacks that right.
void ConsulAccess::diagnose() {
  context_.api.call({.path = "/v1/catalog/nodes"}, [this](const ConsulAnswer& answer) {
    if (!answer.ok() || unseen_.empty()) return;
    boost::system::error_code ec;
    const json::value got = json::parse(answer.body, ec);
    if (ec || !got.is_array()) return;
    diagnose_nodes(!got.get_array().empty());
    update();
  });
}

void ConsulAccess::diagnose_nodes(bool any_node) {
  if (!any_node) {
    unseen_why_ =
        "the token lacks node_prefix \"\" read, and Consul hides what is on nodes that it may not read; " + remedy();
  } else if (!context_.config.datacenter.empty()) {
    unseen_why_ = "the agent at " + context_.config.url + " must be one of the datacenter " +
                  context_.config.datacenter + ", and the token needs read access to its node";
  } else {
    unseen_why_ =
        "the token needs read access to the node of Consul's agent, and that agent's own token (acl.tokens.agent) "
        "write "
        "access to it";
  }
}

std::string ConsulAccess::remedy() const {
  std::string plugins;
  for (const auto& plugin : role_.plugins) plugins += (plugins.empty() ? "" : ",") + plugin;
  return "give it the policy that `cellmesh acl-policy --plugins " + (plugins.empty() ? "A,B" : plugins) +
         (role_.list_in_kv ? " --name " + role_.host : "") + "` prints";
}

void ConsulAccess::update() {
  std::string text;
  const auto add = [&](const std::string& one) { text += (text.empty() ? "" : "; ") + one; };
  if (!outage_.empty()) {
    add(outage_);
  } else {
    if (!missing_.empty()) add("the token for Consul lacks " + missing_ + ": " + remedy());
    if (!refused_.empty()) add("Consul does not register " + refused_.begin()->first + ": " + refused_.begin()->second);
    if (!unseen_.empty()) {
      add("Consul took the registration of " + joined({unseen_.begin(), unseen_.end()}) + " but does not list it" +
          (unseen_why_.empty() ? "" : ": " + unseen_why_));
    }
  }
  if (text == problem_) return;
  const bool over = text.empty();
  problem_ = std::move(text);
  if (over) {
    out().info("Consul lets this host see and be seen again");
  } else {
    out().warn("this host cannot work with Consul: {}", problem_);
  }
  on_change_();
}

}  // namespace cm::discovery
