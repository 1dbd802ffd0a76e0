#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <system_error>
#include <utility>

#include <boost/json/serialize.hpp>

#include "base/closest.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "bots/database.hpp"
#include "bots/report.hpp"
#include "bots/run.hpp"
#include "cli/command.hpp"
#include "cli/login_flags.hpp"
#include "cli/text.hpp"
#include "discovery/settings.hpp"
#include "gateway/bootstrap.hpp"
#include "plugin/library.hpp"
#include "plugin/robot_file.hpp"

namespace cm::cli {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr std::uint64_t kMostRobots = 1'000'000;

std::atomic<int> interrupts{0};

int misuse(const std::string& sentence) {
  fail(printable(sentence));
  return kUsage;
}

// 500, 500/s, 60s, 250ms, 5m: a number and what may stand behind it.
std::optional<double> number(std::string_view text, std::initializer_list<std::pair<std::string_view, double>> units) {
  double value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || !(value >= 0 && value <= 1e12)) return std::nullopt;  // nan is neither
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const auto& [name, factor] : units) {
    if (unit == name) return value * factor;
  }
  return std::nullopt;
}
std::optional<std::uint64_t> whole_number(std::string_view text) {
  const auto value = number(text, {{"", 1}});
  if (!value || *value != std::floor(*value)) return std::nullopt;
  return static_cast<std::uint64_t>(*value);
}
std::optional<milliseconds> duration(std::string_view text) {
  const auto ms = number(text, {{"", 1000}, {"s", 1000}, {"ms", 1}, {"m", 60'000}, {"h", 3'600'000}});
  if (!ms || *ms > 7 * 86'400'000.0) return std::nullopt;
  return milliseconds(static_cast<std::int64_t>(*ms));
}

// The plugin as a file, or by its name where the shipped ones are.
base::Result<fs::path> find_plugin(const std::string& wanted) {
  std::error_code ec;
  if (wanted.find('/') != std::string::npos || fs::is_regular_file(wanted, ec)) return fs::path(wanted);
  // Where a host here would look for its plugins.
  const auto host = gateway::load_bootstrap({.flags = {{"dev", "true"}},
                                             .env = [](const char* name) { return std::getenv(name); },
                                             .program = fs::read_symlink("/proc/self/exe", ec)});
  if (!host) return host.error();
  const std::string& folder = host->plugin_dir;
  for (const auto& file : {fs::path(folder) / wanted, fs::path(folder) / (wanted + ".so")}) {
    if (fs::is_regular_file(file, ec)) return file;
  }
  return base::error("there is no robot \"" + wanted + "\" here or in " + folder + "; give the path of its .so");
}

// Lays --set and --scenario over the defaults; `values` are for people.
base::Result<std::string> robot_settings(const plugin::Manifest& manifest, const std::string& kind,
                                         const std::vector<std::pair<std::string, std::string>>& given,
                                         discovery::SettingValues& values) {
  const auto* declared = manifest.settings_of(kind);
  if (declared == nullptr) {
    if (given.empty()) return std::string();
    return base::error(manifest.name + " has no settings, and " + given.front().first + " is to be set");
  }
  for (const auto& field : declared->fields) values[field.name] = field.default_value;
  discovery::SettingValues given_values;
  for (const auto& [name, value] : given) {
    const auto field =
        std::find_if(declared->fields.begin(), declared->fields.end(), [&](const auto& f) { return f.name == name; });
    if (field == declared->fields.end()) {
      std::vector<std::string_view> names;
      for (const auto& f : declared->fields) names.push_back(f.name);
      const auto meant = base::did_you_mean(name, names);
      return base::error(manifest.name + " has no setting \"" + name + "\"" + meant +
                         "; `cellmesh manifest` lists them");
    }
    auto checked = field->check(value);
    if (!checked) return base::error(name + ": " + checked.error().text);
    values[name] = field->shown(*checked);
    auto real = field->secret ? base::read_secret(*checked) : std::move(checked);
    if (!real) return base::error(name + ": " + real.error().text);
    given_values[name] = std::move(*real);
  }
  return discovery::encode_settings(declared->fields, given_values);
}

// Room for a connection each, and what the program needs besides.
base::Status raise_open_files(std::uint64_t robots) {
  const rlim_t wanted = robots + 256;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return {};
  const rlim_t hard = limit.rlim_max;
  limit.rlim_cur = wanted;
  if (hard != RLIM_INFINITY && hard < wanted) limit.rlim_max = wanted;  // root may
  if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) return {};
  return base::error(std::to_string(robots) + " robots need " + std::to_string(wanted) +
                     " open files, and this process may have " + std::to_string(hard) +
                     "; raise the limit (ulimit -Hn, or LimitNOFILE= of systemd), or lower --count");
}

// One line, in place of the one before where somebody looks on.
void show_progress(const bots::Run& run, bool interactive) {
  const auto& sample = run.stats().samples().back();
  const auto rate = [&](std::uint64_t n) {
    return std::to_string(sample.seconds > 0 ? static_cast<std::uint64_t>(static_cast<double>(n) / sample.seconds) : 0);
  };
  std::string line = std::to_string(static_cast<int>(sample.at)) + " s  " + std::to_string(sample.online) + "/" +
                     std::to_string(run.started()) + " in  " + rate(sample.entered) + " logins/s  " +
                     rate(sample.sent) + " out/s  " + rate(sample.received) + " in/s";
  for (const auto& [series, latency] : sample.latencies) {
    line += "  " + series + " " + bots::format_us(latency.p50) + "/" + bots::format_us(latency.p99);
  }
  if (run.stats().errors != 0) line += "  errors " + std::to_string(run.stats().errors);
  if (run.finishing()) line += "  coming to an end";
  std::cerr << (interactive ? "\r\x1b[K" : "") << line << (interactive ? "" : "\n") << std::flush;
}

std::string unwritable(const std::string& path) {
  return path + " cannot be written: " + std::generic_category().message(errno) +
         "; give a file in a folder that is there and may be written to";
}

struct Wish {
  bots::RunConfig config;
  plugin::Manifest manifest;
  fs::path file;
  std::string database;
  std::vector<std::pair<std::string, std::string>> parameters;
};

base::Result<Wish> read_wish(const Arguments& arguments) {
  Wish wish;
  const std::string plugin = arguments.get("plugin", "robot");
  const auto file = find_plugin(plugin);
  if (!file) return file.error();
  wish.file = *file;
  const std::string label = file->filename().string();
  auto manifest = plugin::read_manifest(*file);
  if (!manifest) return manifest.error();
  if (auto status = plugin::check_manifest(*manifest, label); !status) return status.error();
  if (!plugin::is_robot(*file)) {
    return base::error(label + " is no robot but a service; a robot is made by cellmesh_add_plugin(NAME ROBOT ...)");
  }
  wish.manifest = std::move(*manifest);

  const std::string scenario = arguments.get("scenario");
  std::vector<std::pair<std::string, std::string>> given;
  if (!scenario.empty()) given.emplace_back("scenario", scenario);
  const std::string sets = arguments.get("set");
  for (std::string_view rest = sets; !rest.empty();) {
    const std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    const auto equals = one.find('=');
    if (equals == std::string_view::npos) return base::error("--set is NAME=VALUE,...; one of its parts has no `=`");
    given.emplace_back(one.substr(0, equals), one.substr(equals + 1));
  }

  auto read = base::read_secret(arguments.get("database"));
  if (!read) return base::error("--database: " + read.error().text);
  const std::string& database = wish.database = std::move(*read);
  if (!database.empty() && !database.starts_with("sqlite:") && !database.starts_with("postgresql://") &&
      !database.starts_with("postgres://")) {
    return base::error("--database is sqlite:PATH or postgresql://USER:PASSWORD@HOST:PORT/NAME");
  }
  // PostgreSQL's library would take the rest of such a password for a host, and name it in its errors.
  if (const auto at = database.find('@');
      !database.starts_with("sqlite:") && at != std::string::npos &&
      (database.find('@', at + 1) != std::string::npos || database.find('/', database.find("://") + 3) < at)) {
    return base::error("--database has an @ or / in its user or password; write them as %40 and %2F");
  }

  auto& config = wish.config;
  const auto count = whole_number(arguments.get("count", "100"));
  if (!count || *count < 1 || *count > kMostRobots) return base::error("--count is a whole number, 1 to 1000000");
  config.count = *count;
  const std::string ramp = arguments.get("ramp", scenario == "storm" ? "all" : "500/s");
  const auto a_second = ramp == "all" ? 0.0 : number(ramp, {{"", 1}, {"/s", 1}});
  if (!a_second || (ramp != "all" && *a_second <= 0)) return base::error("--ramp is robots a second, 500/s, or all");
  config.ramp = *a_second;
  for (const auto& [flag, to, otherwise] :
       {std::tuple{"duration", &config.duration, "30s"}, std::tuple{"grace", &config.grace, "20s"},
        std::tuple{"timeout", &config.timeout, "20s"}}) {
    const auto time = duration(arguments.get(flag, otherwise));
    if (!time) return base::error(std::string("--") + flag + " is a time: 60s, 500ms, 5m");
    *to = *time;
  }
  const std::string seed = arguments.get("seed");
  const auto number_of_seed = whole_number(seed.empty() ? "0" : seed);
  if (!number_of_seed || *number_of_seed > 999'999'999) return base::error("--seed is a whole number below 1000000000");
  config.seed = seed.empty() ? 1 + std::random_device{}() % 999'999'999 : *number_of_seed;
  auto way = way_in(arguments);
  if (!way) return way.error();
  config.find_login = std::move(way->find_login);
  config.trust = std::move(way->trust);

  discovery::SettingValues values;
  auto settings = robot_settings(wish.manifest, wish.manifest.provides.at(0), given, values);
  if (!settings) return settings.error();
  config.settings = std::move(*settings);

  if (auto status = base::set_log_levels(arguments.get("log", "warning")); !status) {
    return base::error("--log: " + status.error().text);
  }
  // At last: it makes the file. A report of before stays until this one is whole.
  if (const std::string path = arguments.get("report"); !path.empty() && !std::ofstream(path, std::ios::app)) {
    return base::error("--report: " + unwritable(path));
  }

  wish.parameters = {
      {"plugin", wish.manifest.name + " " + wish.manifest.version},
      {"robots", std::to_string(config.count)},
      {"ramp", ramp},
      {"duration", arguments.get("duration", "30s")},
      {"seed", std::to_string(config.seed)},
      {"login", arguments.has("consul") ? arguments.get("consul") : arguments.get("login", kDefaultLogin)}};
  for (const auto& [name, value] : values) wish.parameters.emplace_back("set " + name, value);
  return wish;
}

int play(const Arguments& arguments, Wish& wish) {
  if (auto status = raise_open_files(wish.config.count); !status) return fail(status.error().text);
  plugin::LibraryLoader loader;
  auto library = loader.open_in_place(fs::absolute(wish.file), wish.file.filename().string());
  if (!library) return fail(library.error().text);
  const cm_plugin& entry = library->plugin();
  const cm_service_kind& kind = *entry.kinds[0];
  if (entry.init != nullptr && entry.init() != CM_OK) return fail(wish.manifest.name + " refuses: its init failed");

  const std::uint64_t memory = bots::resident_kib();
  const bool interactive = ::isatty(STDERR_FILENO) != 0;
  std::signal(SIGINT, [](int) { interrupts = interrupts + 1; });
  std::signal(SIGTERM, [](int) { interrupts = interrupts + 1; });
  bots::Report report;
  {
    bots::Run run(wish.config, kind, wish.manifest);
    run.play([&](const bots::Run& now) {
      if (!arguments.on("quiet")) show_progress(now, interactive);
      return interrupts > 0;
    });
    if (interactive && !arguments.on("quiet")) std::cerr << "\n";
    report = bots::make_report(run, wish.parameters, memory);
    if (!wish.database.empty()) {
      bots::check_database(wish.database, run.expected_rows(), wish.manifest.descriptors, report);
    }
  }
  if (entry.deinit != nullptr) entry.deinit();

  std::cout << (arguments.on("json") ? boost::json::serialize(bots::to_json(report)) + "\n" : bots::to_text(report))
            << std::flush;
  if (const std::string path = arguments.get("report"); !path.empty()) {
    std::ofstream out(path);
    out << bots::to_html(report);
    if (!out.flush()) return fail(unwritable(path));
  }
  return report.passed && std::cout ? kOk : kFailed;
}

int run(const Arguments& arguments) {
  auto wish = read_wish(arguments);
  if (!wish) return misuse(wish.error().text);
  const int code = play(arguments, *wish);
  if (!plugin::library_left_running()) return code;
  // exit() would destroy what a thread that the robot left uses.
  std::cout.flush();
  std::_Exit(code);
}

}  // namespace

Command bots_command() {
  Command command{
      .name = "bots",
      .arguments = "",
      .summary = "Lets robots play: many at once, and says with figures whether the game holds.",
      .details =
          "  cellmesh bots --count 2000 --scenario life --report life.html\n\n"
          "Each robot logs in as a player does and plays what the plugin has in it. Errors are counted by kind; the\n"
          "verdict is that of the checks: all that was said was heard by those who were there, once, in order, and\n"
          "whatever else the plugin checks. Ctrl-C brings the run to its end. `cellmesh manifest robot.so` lists the\n"
          "settings of the robot. They come by the login's way: by tls://, ws:// or wss:// they reach the agent "
          "likewise.\n",
      .flags =
          {{"plugin", "FILE.so", "The robot: a file, or the name of a shipped one (robot)."},
           {"count", "N", "How many play (100)."},
           {"ramp", "N/s", "How many begin a second, or `all` (500/s)."},
           {"scenario", "NAME", "What they do; the setting `scenario` of the robot."},
           {"set", "NAME=VALUE,...", "Other settings of the robot.", ",", true},
           {"duration", "TIME", "How long they play once all have begun: 60s, 5m (30s)."},
           {"grace", "TIME", "How long what is open at the end may take (20s)."},
           {"timeout", "TIME", "How long a step of a login may take (20s)."},
           {"seed", "N", "Who the robots are, and what chance does; random otherwise."},
           {"database", "URI",
            "Compare with the game's database at the end: sqlite:PATH or postgresql://..., or file:PATH or env:NAME "
            "that holds it.",
            "", true},
           {"report", "FILE.html", "Write the report with its plots."},
           {"json", "", "Print the report as JSON, for programs."},
           {"quiet", "", "No progress line."},
           {"log", "LEVEL", "What of the robots' log is shown (warning)."}},
      .run = run};
  const auto login = login_flags();
  command.flags.insert(command.flags.end(), login.begin(), login.end());
  return command;
}

}  // namespace cm::cli
