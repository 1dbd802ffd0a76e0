// bench_run: the comparison of scripts/bench, and its table.
//   bench_run [--quick]
// cellmesh (agent host, link, echo host, on real Consul), haproxy in front of a plain echo server, and that server
// directly, take turns, round after round; each figure is the median of its rounds. The gateway that is measured has
// the first core for itself, everything else shares the others.
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <iostream>
#include <map>
#include <stdexcept>
#include <thread>

#include "bench/table.hpp"
#include "support/deployment.hpp"

namespace {

using namespace cm;
namespace fs = std::filesystem;

struct Plan {
  int rounds = 5;
  int ms = 2000;
  int idle_clients = 10'000;
  std::vector<int> connections{1, 50, 500};
  std::vector<int> sizes{64, 512};
};

void pin(pid_t pid, unsigned core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  for (const auto& task : fs::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    ::sched_setaffinity(std::stoi(task.path().filename()), sizeof set, &set);
  }
}

unsigned cores() { return std::max(1U, std::thread::hardware_concurrency()); }
constexpr unsigned kGatewayCore = 0;
unsigned client_core() { return 1 % cores(); }
unsigned backend_core() { return cores() > 2 ? 2 : client_core(); }

fs::path beside_this(const char* name) { return fs::read_symlink("/proc/self/exe").parent_path() / name; }

using Sample = std::map<std::string, double>;

Sample measure(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), beside_this("bench_client"));
  const auto finished =
      test::run({.command = std::move(arguments), .env = {}, .folder = {}, .log = {}}, std::chrono::minutes(2));
  if (!finished || finished->code != 0) throw std::runtime_error(finished ? finished->output : "bench_client hangs");
  Sample sample;
  const auto line = boost::json::parse(finished->output);
  for (const auto& [key, value] : line.as_object()) sample[key] = value.to_number<double>();
  return sample;
}

// The median of each figure by itself.
Sample median(const std::vector<Sample>& rounds) {
  std::map<std::string, std::vector<double>> all;
  for (const auto& round : rounds) {
    for (const auto& [key, value] : round) all[key].push_back(value);
  }
  Sample middle;
  for (auto& [key, values] : all) {
    std::sort(values.begin(), values.end());
    middle[key] = values[values.size() / 2];
  }
  return middle;
}

std::string figure(const Sample& sample, const char* key, int decimals = 0) {
  const auto it = sample.find(key);
  return it == sample.end() ? "n/a" : bench::number(it->second, decimals);
}

std::string ratio(const Sample& ours, const Sample& theirs, const char* key) {
  if (!ours.contains(key) || !theirs.contains(key) || theirs.at(key) == 0) return "n/a";
  return bench::number(ours.at(key) / theirs.at(key), 2);
}

// The plain echo server.
class EchoServer {
 public:
  EchoServer() : process_({.command = {beside_this("bench_echo")}, .env = {}, .folder = {}, .log = {}, .input = true}) {
    if (!process_.wait_for_output("\n")) throw std::runtime_error("bench_echo does not start");
    port_ = process_.output().substr(0, process_.output().find('\n'));
    pin(process_.pid(), backend_core());
  }
  [[nodiscard]] const std::string& port() const { return port_; }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + port_; }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }

 private:
  test::Process process_;
  std::string port_;
};

class Haproxy {
 public:
  explicit Haproxy(const std::string& backend_port) {
    port_ = std::to_string(test::free_port());
    test::write_file(folder_ / "haproxy.cfg",
                     "global\n  nbthread 1\n  maxconn 2000\n"
                     "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
                     "listen hop\n  bind 127.0.0.1:" +
                         port_ + "\n  server echo 127.0.0.1:" + backend_port + "\n");
    process_ = std::make_unique<test::Process>(test::ProcessOptions{
        .command = {"haproxy", "-db", "-f", (folder_ / "haproxy.cfg").string()}, .env = {}, .folder = {}, .log = {}});
    const bool up = test::wait_until([&] {
      try {
        test::Client probe(address());
        return true;
      } catch (const std::exception&) {
        return !process_->running();
      }
    });
    if (!up || !process_->running()) throw std::runtime_error("haproxy does not start:\n" + process_->output());
    pin(process_->pid(), kGatewayCore);
  }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + port_; }
  [[nodiscard]] pid_t pid() const { return process_->pid(); }

 private:
  test::TempDir folder_;
  std::string port_;
  std::unique_ptr<test::Process> process_;
};

struct System {
  std::string name;
  std::vector<std::string> target;  // arguments of bench_client
};

void round_trips(const Plan& plan, const std::vector<System>& systems, bench::Table& table) {
  for (const int size : plan.sizes) {
    for (const int connections : plan.connections) {
      std::vector<std::vector<Sample>> rounds(systems.size());
      for (int round = 0; round < plan.rounds; ++round) {
        for (std::size_t i = 0; i < systems.size(); ++i) {
          std::vector<std::string> arguments{
              "echo", "--connections",        std::to_string(connections), "--size", std::to_string(size),
              "--ms", std::to_string(plan.ms)};
          arguments.insert(arguments.end(), systems[i].target.begin(), systems[i].target.end());
          rounds[i].push_back(measure(std::move(arguments)));
        }
        std::cerr << '.' << std::flush;
      }
      const Sample haproxy = median(rounds[1]);
      for (std::size_t i = 0; i < systems.size(); ++i) {
        const Sample sample = median(rounds[i]);
        table.add({systems[i].name, std::to_string(connections), std::to_string(size), figure(sample, "per_second"),
                   figure(sample, "p50_us"), figure(sample, "p99_us"), figure(sample, "p999_us"),
                   figure(sample, "cpu_us", 2), figure(sample, "instructions"), ratio(sample, haproxy, "per_second"),
                   ratio(sample, haproxy, "p99_us"), ratio(sample, haproxy, "cpu_us")});
      }
      table.rule();
    }
  }
}

void broadcast(const Plan& plan, test::Deployment& mesh, pid_t agent) {
  std::vector<Sample> rounds;
  for (int round = 0; round < plan.rounds; ++round) {
    rounds.push_back(measure({"broadcast", "--login", mesh.login_address(), "--connections", "1000", "--ms",
                              std::to_string(plan.ms), "--pid", std::to_string(agent)}));
    std::cerr << '.' << std::flush;
  }
  const Sample sample = median(rounds);
  std::cout << "broadcast to 1,000 clients, 64 B: " << figure(sample, "per_second") << " deliveries/s, "
            << figure(sample, "cpu_us", 2) << " CPU us and " << figure(sample, "instructions")
            << " instructions each; all served after " << figure(sample, "p50_us") << " us (p50), "
            << figure(sample, "p99_us") << " us (p99)\n";
}

void idle(const Plan& plan, test::Deployment& mesh, pid_t agent) {
  const auto files = static_cast<int>(::sysconf(_SC_OPEN_MAX));
  const int count = std::min(plan.idle_clients, files - 500);
  const Sample sample = measure({"idle", "--login", mesh.login_address(), "--connections", std::to_string(count),
                                 "--pid", std::to_string(agent)});
  std::cout << "memory of one idle client, of " << bench::number(count) << ": " << figure(sample, "bytes_each")
            << " bytes resident (the gateway: " << bench::number(sample.at("resident") / 1024) << " KiB)\n";
}

int compare(const Plan& plan) {
  const auto started = test::Clock::now();
  pin(::getpid(), client_core());  // and what is started from here, until it is moved
  test::Deployment mesh(test::Shape::consul, {.arguments = {"--io-workers", "1"}, .env = {}});
  const EchoServer echo;
  const Haproxy haproxy(echo.port());
  const pid_t agent = mesh.host("agent").process().pid();
  for (test::Host* host : mesh.hosts()) pin(host->process().pid(), backend_core());
  pin(agent, kGatewayCore);

  const std::vector<System> systems{{"cellmesh", {"--login", mesh.login_address(), "--pid", std::to_string(agent)}},
                                    {"haproxy", {"--raw", haproxy.address(), "--pid", std::to_string(haproxy.pid())}},
                                    {"direct", {"--raw", echo.address(), "--pid", std::to_string(echo.pid())}}};

  std::cout << "Round trips, closed loop: client -> gateway -> echo -> client. Medians of " << plan.rounds
            << " rounds of " << static_cast<double>(plan.ms) / 1000 << " s, taken in turns; " << cores()
            << " cores, the gateway alone on one of them.\n"
            << "CPU and instructions (user and kernel) are those of the gateway's process, for each round trip; of the "
               "echo server's where there is no gateway.\n\n";
  bench::Table table({"system", "conns", "bytes", "msgs/s", "p50 us", "p99 us", "p99.9 us", "CPU us", "instructions",
                      "msgs/s : haproxy", "p99 : haproxy", "CPU : haproxy"});
  table.rule();
  round_trips(plan, systems, table);
  std::cerr << '\n';
  std::cout << table.text() << '\n';
  broadcast(plan, mesh, agent);
  std::cerr << '\n';
  idle(plan, mesh, agent);
  const auto took = std::chrono::duration_cast<std::chrono::seconds>(test::Clock::now() - started);
  std::cout << "took " << took.count() << " s\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Plan plan;
  for (int i = 1; i < argc; ++i) {
    if (argv[i] != std::string("--quick")) {
      std::cerr << "bench: unknown option " << argv[i] << '\n';
      return 2;
    }
    plan = {.rounds = 3, .ms = 500, .idle_clients = 2000};
  }
  try {
    return compare(plan);
  } catch (const std::exception& e) {
    std::cerr << "bench: " << e.what() << '\n';
    return 1;
  }
}
