#include "batch.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "connections.hpp"
#include "database.hpp"
#include "rules.hpp"

namespace data {
namespace {

constexpr std::size_t max_answers = 7 * std::size_t{512} * 1024;  // bytes of a job's end, which has to be below 4 MiB
constexpr std::size_t max_saved = 4096;                           // of the answer to a save that was done
constexpr int attempts = 4;

Key key_of(const proto::DataKey& key) { return {key.table(), key.key()}; }

void put(proto::DataRow& out, Row row) {
  out.mutable_key()->set_table(std::move(row.key.table));
  out.mutable_key()->set_key(std::move(row.key.key));
  out.set_version(row.version);
  out.set_value(std::move(row.value));
}

// Rows as they come to be while the saves of a job are done one after the other, before they are written.
class Transaction {
 public:
  Transaction(Storage& storage, const std::vector<Key>& keys) : storage_(storage) {
    const auto versions = storage.begin(keys);
    for (std::size_t i = 0; i < keys.size(); ++i) rows_[keys[i]] = {versions[i], versions[i], {}, false};
  }

  proto::SaveDataACK save(const proto::SaveDataREQ& req) {
    proto::SaveDataACK ack;
    for (const auto& write : req.writes()) {
      const State& row = rows_.at(key_of(write.key()));
      if (write.any_version() || write.version() == row.version) continue;
      ack.set_result(proto::DataConflict);
      ack.set_text("the row " + write.key().key() + " of " + write.key().table() + " has version " +
                   std::to_string(row.version) + ", not " + std::to_string(write.version()));
      put(*ack.mutable_found(), found(key_of(write.key()), row));
      return ack;
    }
    for (const auto& write : req.writes()) {
      State& row = rows_.at(key_of(write.key()));
      row.changed = row.changed || !write.remove() || row.version != 0;
      row.version = write.remove() ? 0 : row.version + 1;
      row.value = write.value();
      ack.add_versions(row.version);
    }
    return ack;
  }

  void commit() {
    std::vector<Change> changes;
    for (auto& [key, row] : rows_) {
      if (!row.changed || (row.version == 0 && row.before == 0)) continue;
      changes.push_back({key, row.version, std::move(row.value), row.before != 0});
    }
    if (changes.empty()) {
      storage_.rollback();
    } else {
      storage_.commit(changes);
    }
  }

 private:
  struct State {
    std::uint64_t before = 0;  // its version in the database
    std::uint64_t version = 0;
    std::string value;  // when it changed
    bool changed = false;
  };

  Row found(const Key& key, const State& row) {
    if (row.version == 0) return {key, 0, {}};
    if (row.changed) return {key, row.version, row.value};
    auto loaded = storage_.load({&key, 1});
    if (loaded.empty()) throw Failure(Trouble::clash, "a row went away inside a transaction");
    return std::move(loaded.front());
  }

  Storage& storage_;
  std::map<Key, State> rows_;
};

// False when there is no room for it.
bool add(proto::DataJobDone& done, std::size_t& bytes, proto::DataStepDone answer) {
  bytes += answer.ByteSizeLong() + 16;
  if (bytes > max_answers && done.steps_size() > 0) return false;
  *done.add_steps() = std::move(answer);
  return true;
}

proto::DataJobDone run_saves(const proto::DataJob& job, Storage& storage) {
  std::set<Key> keys;
  for (const auto& step : job.steps()) {
    for (const auto& write : step.save().writes()) keys.insert(key_of(write.key()));
  }
  Transaction transaction(storage, {keys.begin(), keys.end()});
  proto::DataJobDone done;
  std::size_t bytes = 0;
  for (const auto& step : job.steps()) {
    if (bytes + max_saved > max_answers && done.steps_size() > 0) break;
    proto::DataStepDone answer;
    answer.set_id(step.id());
    *answer.mutable_save() = transaction.save(step.save());
    // Only a conflict's may be larger than that, which has written nothing.
    if (!add(done, bytes, std::move(answer))) break;
  }
  transaction.commit();
  return done;
}

proto::LoadDataACK load(const proto::LoadDataREQ& req, Storage& storage) {
  std::set<Key> keys;
  for (const auto& key : req.keys()) keys.insert(key_of(key));
  const std::vector<Key> wanted(keys.begin(), keys.end());
  std::map<Key, Row> rows;
  for (Row& row : storage.load(wanted)) {
    Key key = row.key;
    rows.emplace(std::move(key), std::move(row));
  }
  proto::LoadDataACK ack;
  for (const auto& key : req.keys()) {
    const auto row = rows.find(key_of(key));
    put(*ack.add_rows(), row != rows.end() ? row->second : Row{key_of(key), 0, {}});
  }
  if (ack.ByteSizeLong() <= max_bytes) return ack;
  ack.Clear();
  ack.set_result(proto::DataInvalid);
  ack.set_text("these rows have more than 3 MiB in all: load fewer at once");
  return ack;
}

proto::ListDataACK list(const proto::ListDataREQ& req, Storage& storage) {
  ListQuery query{req.table(), req.prefix(), req.after(), max_list_rows, max_list_bytes, req.backwards()};
  if (req.limit() > 0) query.rows = std::min<std::size_t>(req.limit(), max_list_rows);
  proto::ListDataACK ack;
  Page page = storage.list(query);
  for (Row& row : page.rows) put(*ack.add_rows(), std::move(row));
  ack.set_more(page.more);
  return ack;
}

proto::DataJobDone run_reads(const proto::DataJob& job, Storage& storage) {
  proto::DataJobDone done;
  std::size_t bytes = 0;
  for (const auto& step : job.steps()) {
    proto::DataStepDone answer;
    answer.set_id(step.id());
    if (step.has_load()) {
      *answer.mutable_load() = load(step.load(), storage);
    } else {
      *answer.mutable_list() = list(step.list(), storage);
    }
    if (!add(done, bytes, std::move(answer))) break;
  }
  return done;
}

// A row that no request can name.
void probe(Storage& storage, bool write) {
  storage.verify();
  const Key key{"", "probe"};
  const auto versions = storage.begin({&key, 1});
  if (!write) return storage.rollback();
  const Change change{key, versions.front() + 1, "", versions.front() != 0};
  storage.commit({&change, 1});
}

proto::DataJobDone all_failed(const proto::DataJob& job, const std::string& why, bool unsure) {
  proto::DataJobDone done;
  for (const auto& step : job.steps()) {
    *done.add_steps() = failed(step, proto::DataAway, why, unsure && step.has_save());
  }
  return done;
}

}  // namespace

proto::DataStepDone failed(const proto::DataStep& step, proto::DataResult result, const std::string& text,
                           bool unsure) {
  proto::DataStepDone done;
  done.set_id(step.id());
  const auto fill = [&](auto& ack) {
    ack.set_result(result);
    ack.set_text(text);
  };
  if (step.has_load()) {
    fill(*done.mutable_load());
  } else if (step.has_list()) {
    fill(*done.mutable_list());
  } else {
    fill(*done.mutable_save());
    done.mutable_save()->set_unsure(unsure);
  }
  return done;
}

proto::DataJobDone run_steps(const proto::DataJob& job, Storage& storage) {
  if (job.probe() != proto::DataJob::NONE) probe(storage, job.probe() == proto::DataJob::WRITE);
  if (job.steps().empty()) return {};
  return job.steps(0).has_save() ? run_saves(job, storage) : run_reads(job, storage);
}

proto::DataJobDone run_job(const proto::DataJob& job) {
  const std::chrono::milliseconds timeout(job.timeout_ms());
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  Connections& connections = Connections::of_plugin();
  for (int attempt = 1;; ++attempt) {
    try {
      const auto missing = job.existed() ? Missing::refuse : Missing::make;
      const auto storage = connections.take(job.database(), timeout, missing);
      auto done = run_steps(job, **storage);
      storage->give_back();
      return done;
    } catch (const Failure& failure) {
      const Trouble trouble = failure.trouble();
      if (failure.replaced() || (trouble != Trouble::clash && trouble != Trouble::refused)) {
        connections.drop(job.database(), failure.replaced());
      }
      const bool again = trouble == Trouble::lost || trouble == Trouble::clash;
      if (again && attempt < attempts && std::chrono::steady_clock::now() < deadline) continue;
      auto done = all_failed(job, failure.what(), trouble == Trouble::unsure);
      done.set_note(failure.what());
      return done;
    }
  }
}

}  // namespace data
