#pragma once

#include <functional>
#include <string>

#include "discovery/consul_contact.hpp"

namespace cm::discovery {

// What all parts of ConsulDiscovery share; outlives them.
struct ConsulContext {
  Loop& loop;
  ConsulApi& api;
  ConsulContact& contact;
  const ConsulConfig& config;
};

// One blocking query, asked again and again: at once after an answer, paced when answers come fast, later when they are
// refused, not at all while Consul is out of reach. [the loop's thread]
class BlockingQuery {
 public:
  struct Handlers {
    // A 200 or 404. `rewound`: the index went backwards, so what is answered may be older than what was known.
    // An error says that the answer is damaged: it is asked again later.
    std::function<base::Status(const ConsulAnswer&, bool rewound)> on_answer;
    std::function<void(const std::string& error)> on_refused;  // answered, but not with what was asked for
  };

  BlockingQuery(ConsulContext& context, std::string path, Handlers handlers);
  ~BlockingQuery() { park(); }
  BlockingQuery(const BlockingQuery&) = delete;
  BlockingQuery& operator=(const BlockingQuery&) = delete;

  // Asks for what is true now, whatever was under way; not before a failure's backoff is over.
  void restart();
  // Does so when a failure has ended it; else it goes on.
  void resume();
  // Asks no more until restart().
  void park();

 private:
  void ask();
  void forget();
  void on_answer(ConsulAnswer answer);
  void later(const std::string& error);

  ConsulContext& context_;
  const std::string path_;
  const Handlers handlers_;
  std::uint64_t index_ = 0;   // to ask with; 0: what is true now
  std::uint64_t newest_ = 0;  // of all answers since the index last went backwards
  ConsulApi::Id under_way_ = 0;
  bool failed_ = false;  // since the last good answer
  int limited_ = 0;      // times since then that Consul had no connection for it
  Loop::Clock::time_point not_before_{};
  std::string refused_;  // the last error, so that it is told once
  Backoff backoff_;
  Pace pace_;
  Timer timer_;
};

}  // namespace cm::discovery
