#include "support/postgres.hpp"

#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "support/consul.hpp"
#include "support/wait.hpp"

namespace cm::test {

namespace fs = std::filesystem;

namespace {

constexpr int kStarts = 5;
constexpr seconds kLong{300};  // it writes a thousand files
constexpr const char* kUser = "cellmesh";
constexpr const char* kReady = "database system is ready to accept connections";

// Debian's, of the newest version.
fs::path programs() {
  std::vector<fs::path> found;
  std::error_code ec;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", ec)) {
    if (fs::exists(version.path() / "bin/postgres")) found.push_back(version.path() / "bin");
  }
  if (found.empty())
    throw std::runtime_error("there is no PostgreSQL in /usr/lib/postgresql: scripts/setup installs it");
  return *std::max_element(found.begin(), found.end());
}

void must_run(ProcessOptions options, const std::string& what) {
  const auto finished = run(std::move(options), patience(kLong));
  if (!finished || finished->code != 0) {
    throw std::runtime_error(what + " failed: " + (finished ? finished->output : "it does not end"));
  }
}

int parent_of(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  const auto name_end = text.rfind(')');
  return name_end != std::string::npos && name_end + 4 < text.size() ? std::stoi(text.substr(name_end + 4)) : 0;
}

}  // namespace

PostgresServer::PostgresServer(Disk disk) : disk_(disk) {
  make_cluster();
  // Another test may take a port between the choice and the start.
  for (int i = 0; i < kStarts; ++i) {
    port_ = free_port();
    if (launch()) return;
  }
  throw std::runtime_error("PostgreSQL does not start:\n" + process_->output());
}

PostgresServer::~PostgresServer() {
  if (process_->running()) kill9();
}

std::vector<std::string> PostgresServer::as_its_user(std::vector<std::string> command) const {
  if (::geteuid() != 0) return command;
  const std::string user = ::getpwnam("postgres") != nullptr ? "postgres" : "nobody";
  // The kernel forgets whose death it was to follow when the user changes.
  std::vector<std::string> words{"setpriv", "--reuid=" + user,
                                 "--regid=" + std::to_string(::getpwnam(user.c_str())->pw_gid), "--clear-groups",
                                 "--pdeathsig=KILL"};
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

void PostgresServer::make_cluster() {
  const fs::path home = folder_ / "pg";
  fs::create_directories(home);
  write_file(home / "password", password() + "\n");
  if (::geteuid() == 0) {
    const passwd* user = ::getpwnam("postgres") != nullptr ? ::getpwnam("postgres") : ::getpwnam("nobody");
    fs::permissions(folder_.path(), fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec);
    for (const auto& path : {home, home / "password"}) {
      if (::chown(path.c_str(), user->pw_uid, user->pw_gid) != 0) throw std::runtime_error("chown fails");
    }
  }
  must_run({.command = as_its_user({(programs() / "initdb").string(), "--pgdata=" + (home / "data").string(),
                                    std::string("--username=") + kUser, "--pwfile=" + (home / "password").string(),
                                    "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"}),
            .env = {},
            .folder = home,
            .log = {}},
           "initdb");
}

bool PostgresServer::launch() {
  const fs::path home = folder_ / "pg";
  const std::string synced = disk_ == Disk::synced ? "on" : "off";
  process_ = std::make_unique<Process>(ProcessOptions{
      .command = as_its_user({(programs() / "postgres").string(), "-D", (home / "data").string(), "-k", home.string(),
                              "-h", "127.0.0.1", "-p", std::to_string(port_), "-c", "fsync=" + synced, "-c",
                              "full_page_writes=" + synced, "-c", "max_connections=200"}),
      .env = {},
      .folder = home,
      .log = {}});
  wait_until([this] { return !process_->running() || process_->output().find(kReady) != std::string::npos; }, kLong);
  return process_->running();
}

std::string PostgresServer::url(const std::string& database) const {
  return std::string("postgresql://") + kUser + ":" + password() + "@127.0.0.1:" + std::to_string(port_) + "/" +
         database;
}

std::string PostgresServer::make_database() {
  const std::string name = "test_" + std::to_string(++databases_);
  (void)sql("CREATE DATABASE " + name);
  return url(name);
}

std::string PostgresServer::sql(const std::string& text, const std::string& database) const {
  const auto finished = run(
      {.command = {(programs() / "psql").string(), "-XqtA", "-v", "ON_ERROR_STOP=1", "-d", url(database), "-c", text},
       .env = {},
       .folder = {},
       .log = {}});
  if (!finished || finished->code != 0) {
    throw std::runtime_error("psql failed: " + (finished ? finished->output : std::string("it does not end")));
  }
  return finished->output;
}

void PostgresServer::stop() {
  process_->signal(SIGINT);
  if (!process_->wait()) throw std::runtime_error("PostgreSQL does not stop:\n" + process_->output());
}

void PostgresServer::stop_at_once() {
  process_->signal(SIGQUIT);
  if (!process_->wait()) throw std::runtime_error("PostgreSQL does not stop at once:\n" + process_->output());
}

std::vector<int> PostgresServer::processes() const {
  std::vector<int> all;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (!std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; })) continue;
    if (parent_of(std::stoi(name)) == process_->pid()) all.push_back(std::stoi(name));
  }
  return all;
}

void PostgresServer::kill9() {
  process_->signal(SIGSTOP);  // it starts no more
  const auto children = processes();
  for (const int child : children) ::kill(child, SIGKILL);
  process_->kill9();
}

void PostgresServer::start() {
  // What the one before left behind may still be on its way out.
  for (int i = 0; i < kStarts; ++i) {
    if (launch()) return;
  }
  throw std::runtime_error("PostgreSQL does not start again:\n" + process_->output());
}

void PostgresServer::freeze() {
  process_->signal(SIGSTOP);
  for (const int child : processes()) ::kill(child, SIGSTOP);
}

void PostgresServer::thaw() {
  for (const int child : processes()) ::kill(child, SIGCONT);
  process_->signal(SIGCONT);
}

}  // namespace cm::test
