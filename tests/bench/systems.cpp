#include "bench/systems.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <thread>

namespace cm::bench {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kGatewayCore = 0;
unsigned client_core() { return 1 % cores(); }
unsigned backend_core() { return cores() > 2 ? 2 : client_core(); }

// For this process and what it starts from here on, until it is moved.
test::Deployment::Options on_client_core() {
  pin(::getpid(), client_core());
  return {.arguments = {"--io-workers", "1"}, .env = {}, .tokens = false};
}

}  // namespace

void pin(pid_t pid, unsigned core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  for (const auto& task : fs::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    ::sched_setaffinity(std::stoi(task.path().filename()), sizeof set, &set);
  }
}

fs::path beside_this(const char* name) { return fs::read_symlink("/proc/self/exe").parent_path() / name; }

unsigned cores() { return std::max(1U, std::thread::hardware_concurrency()); }

EchoServer::EchoServer()
    : process_({.command = {beside_this("bench_echo")}, .env = {}, .folder = {}, .log = {}, .input = true}) {
  if (!process_.wait_for_output("\n")) throw std::runtime_error("bench_echo does not start");
  port_ = process_.output().substr(0, process_.output().find('\n'));
  pin(process_.pid(), backend_core());
}

Haproxy::Haproxy(const std::string& backend_port, int most_clients, const std::optional<Tls>& tls)
    : port_(std::to_string(test::free_port())) {
  std::string ends;
  if (tls) {
    test::write_file(folder_ / "both.pem", test::read_file(tls->certificate) + test::read_file(tls->private_key));
    ends = " ssl crt " + (folder_ / "both.pem").string();
  }
  const std::string most = std::to_string(most_clients);
  test::write_file(folder_ / "haproxy.cfg",
                   "global\n  nbthread 1\n  maxconn " + most +
                       "\n"
                       "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 600s\n  timeout server 600s\n"
                       "listen hop\n  maxconn " +
                       most + "\n  bind 127.0.0.1:" + port_ + ends + "\n  server it 127.0.0.1:" + backend_port + "\n");
  process_ = std::make_unique<test::Process>(test::ProcessOptions{
      .command = {"haproxy", "-db", "-f", (folder_ / "haproxy.cfg").string()}, .env = {}, .folder = {}, .log = {}});
  const bool up = test::wait_until([&] {
    try {
      test::Client probe("127.0.0.1:" + port_);
      return true;
    } catch (const std::exception&) {
      return !process_->running();
    }
  });
  if (!up || !process_->running()) throw std::runtime_error("haproxy does not start:\n" + process_->output());
  pin(process_->pid(), kGatewayCore);
}

Systems::Systems() : mesh_(test::Shape::consul, on_client_core()), haproxy_(echo_.port()) {
  const pid_t agent = mesh_.host("agent").process().pid();
  for (test::Host* host : mesh_.hosts()) pin(host->process().pid(), backend_core());
  pin(agent, kGatewayCore);
  const auto raw = [](const std::string& port, pid_t pid) {
    return std::vector<std::string>{"--raw", "127.0.0.1:" + port, "--pid", std::to_string(pid)};
  };
  all_ = {{"cellmesh", {"--login", mesh_.login_address(), "--pid", std::to_string(agent)}},
          {"haproxy", raw(haproxy_.port(), haproxy_.pid())},
          {"direct", raw(echo_.port(), echo_.pid())}};
}

}  // namespace cm::bench
