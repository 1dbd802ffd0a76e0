#include "support/host.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <stdexcept>
#include <utility>

namespace cm::test {

namespace fs = std::filesystem;

fs::path program() { return CM_TEST_PROGRAM; }
fs::path shipped_plugins() { return CM_TEST_SHIPPED_PLUGINS; }
fs::path test_plugins() { return CM_TEST_PLUGINS; }

void copy_plugins(const fs::path& folder, const std::vector<std::string>& names) {
  fs::create_directories(folder);
  for (const auto& name : names) fs::copy(shipped_plugins() / (name + ".so"), folder);
}

std::string tail(const std::string& text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  const auto line = text.find('\n', text.size() - bytes);
  return "...\n" + text.substr(line == std::string::npos ? text.size() - bytes : line + 1);
}

Host::Host(Options options) : options_(std::move(options)) { start(); }

Host::~Host() {
  begin_stop();
  if (!stopping_) return;
  const auto code = process_->wait();
  if (code != 0) {
    ADD_FAILURE() << (code ? "a host ended with " + std::to_string(*code) : std::string("a host does not stop"))
                  << ":\n"
                  << tail(log());
  }
}

void Host::start() {
  stopping_ = false;
  fs::create_directories(options_.folder);
  fs::remove(ready_path());
  std::vector<std::string> command{program().string(), "host",
                                   "--ready-file",     ready_path().string(),
                                   "--admin-socket",   admin_socket().string(),
                                   "--plugin-dir",     options_.plugin_dir.string()};
  command.insert(command.end(), options_.arguments.begin(), options_.arguments.end());
  auto env = options_.env;
  env.try_emplace("CELLMESH_DATABASE", "sqlite:" + (options_.folder / "data.db").string());
  process_.reset();
  process_ = std::make_unique<Process>(ProcessOptions{
      .command = std::move(command), .env = std::move(env), .folder = {}, .log = options_.folder / "log"});
}

bool Host::ready() const { return fs::exists(ready_path()); }

const ReadyFile& Host::await_ready(milliseconds bound) {
  std::optional<ReadyFile> ready;  // the file goes while the host is not ready
  wait_until([&] { return (ready = ReadyFile::read(ready_path())) || !process_->running(); }, bound);
  if (!ready) {
    throw std::runtime_error((process_->running() ? "the host is not up in time:\n" : "the host ended:\n") +
                             tail(log()));
  }
  ready_ = std::move(*ready);
  return ready_;
}

void Host::begin_stop() {
  if (stopping_ || !process_->running()) return;
  stopping_ = true;
  process_->terminate();
}

int Host::stop(milliseconds bound) {
  process_->terminate();
  const auto code = process_->wait(bound);
  if (!code) throw std::runtime_error("the host does not stop:\n" + tail(log()));
  return *code;
}

void Host::kill9() { process_->kill9(); }

Host::Ctl Host::ctl(std::vector<std::string> words) const {
  std::vector<std::string> command{program().string(), "ctl", "--admin-socket", admin_socket().string(), "--json"};
  command.insert(command.end(), words.begin(), words.end());
  const auto finished = run({.command = std::move(command), .env = {}, .folder = {}, .log = {}});
  if (!finished) throw std::runtime_error("cellmesh ctl " + words.front() + " does not end");
  Ctl result{finished->code, finished->output, {}};
  boost::system::error_code ec;
  result.json = boost::json::parse(finished->output, ec);
  if (ec) result.json = nullptr;
  return result;
}

boost::json::value Host::query(std::vector<std::string> words) const {
  const std::string what = words.front();
  auto result = ctl(std::move(words));
  if (result.code != 0) {
    throw std::runtime_error("cellmesh ctl " + what + " ended with " + std::to_string(result.code) + ": " +
                             result.output);
  }
  return std::move(result.json);
}

}  // namespace cm::test
