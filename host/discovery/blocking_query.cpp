#include "discovery/blocking_query.hpp"

#include <algorithm>

namespace cm::discovery {

using namespace std::chrono_literals;

constexpr int kMaxLimited = 5;

BlockingQuery::BlockingQuery(ConsulContext& context, std::string path, Handlers handlers)
    : context_(context),
      path_(std::move(path)),
      handlers_(std::move(handlers)),
      backoff_(200ms, 5s),
      pace_(300ms, 6),
      timer_(context.loop) {}

void BlockingQuery::restart() {
  forget();
  if (context_.contact.up()) timer_.set(std::max(pace_.next(Loop::Clock::now()), not_before_), [this] { ask(); });
}

void BlockingQuery::resume() {
  if (under_way_ == 0 && !timer_.is_set()) restart();
}

void BlockingQuery::park() {
  forget();
  backoff_.reset();
  not_before_ = {};
}

void BlockingQuery::forget() {
  timer_.cancel();
  if (under_way_ != 0) context_.api.cancel(under_way_);
  under_way_ = 0;
  index_ = 0;
}

void BlockingQuery::ask() {
  under_way_ = context_.api.watch(path_, index_, [this](ConsulAnswer answer) { on_answer(std::move(answer)); });
}

void BlockingQuery::on_answer(ConsulAnswer answer) {
  under_way_ = 0;
  if (answer.limited && ++limited_ < kMaxLimited) {
    not_before_ = Loop::Clock::now() + backoff_.next();
    timer_.set(not_before_, [this] { ask(); });
    return;
  }
  if (answer.in_doubt() && (answer.status == 0 || !failed_)) {
    // The verdict of the contact decides how this goes on: on_contact restarts it.
    failed_ = true;
    index_ = 0;
    not_before_ = Loop::Clock::now() + backoff_.next();
    context_.contact.doubt(answer.error);
    return;
  }
  if (!answer.ok() && !answer.absent()) return later(answer.error);
  // It may come from a Consul that has lost its data. The verdict comes first, and restarts this.
  if (context_.contact.doubted()) return;
  // Consul may answer with index 0, which would not block: 1 always does.
  const std::uint64_t index = std::max<std::uint64_t>(answer.index, 1);
  const bool rewound = index < newest_;
  if (const base::Status status = handlers_.on_answer(answer, rewound); !status) return later(status.error().text);
  newest_ = index;
  index_ = rewound ? 0 : index;
  failed_ = false;
  limited_ = 0;
  backoff_.reset();
  not_before_ = {};
  refused_.clear();
  timer_.set(pace_.next(Loop::Clock::now()), [this] { ask(); });
}

void BlockingQuery::later(const std::string& error) {
  index_ = 0;
  not_before_ = Loop::Clock::now() + backoff_.next();
  timer_.set(not_before_, [this] { ask(); });
  if (error == refused_) return;
  refused_ = error;
  handlers_.on_refused(error);
}

}  // namespace cm::discovery
