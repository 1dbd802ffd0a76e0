// A host is ready when every wanted plugin serves; what keeps one from it and may pass is tried again.
#include <gmock/gmock.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <filesystem>

#include "e2e/ready/status.hpp"
#include "support/certificate.hpp"
#include "support/consul.hpp"

namespace cm::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

// Somebody who listens on a port of loopback.
class Squatter {
 public:
  Squatter() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(fd_, 1), 0);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~Squatter() { leave(); }
  Squatter(const Squatter&) = delete;
  Squatter& operator=(const Squatter&) = delete;
  void leave() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  [[nodiscard]] std::string port() const { return std::to_string(port_); }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

class ReadyPlugins : public testing::Test {
 protected:
  Host& start(const std::string& plugins, const std::string& settings = {}, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"--dev", "--plugins", plugins};
    if (!settings.empty()) arguments.insert(arguments.end(), {"--set", settings});
    arguments.insert(arguments.end(), more.begin(), more.end());
    host_ = std::make_unique<Host>(
        Host::Options{.folder = folder / "host", .arguments = arguments, .plugin_dir = plugin_dir, .env = {}});
    return *host_;
  }
  // The row of a plugin in `ctl plugins`.
  static boost::json::object row(Host& host, const std::string& name) {
    const auto rows = host.query({"plugins"});
    for (const auto& row : rows.as_array()) {
      if (row.at("name").as_string() == name) return row.as_object();
    }
    return {};
  }

  const TempDir folder;
  fs::path plugin_dir = shipped_plugins();

 private:
  std::unique_ptr<Host> host_;
};

TEST_F(ReadyPlugins, PortInUseIsRetriedUntilItIsFree) {
  Squatter squatter;
  Host& host = start("agent,echo", "agent/transports=tcp;agent/port=" + squatter.port());
  const auto status = await_not_ready(host, "in use");
  EXPECT_THAT(status, HasSubstr("127.0.0.1"));
  EXPECT_THAT(status, HasSubstr("in use"));
  EXPECT_FALSE(host.ready());
  const auto refused = row(host, "agent");
  EXPECT_EQ(refused.at("state"), "refused");
  EXPECT_THAT(std::string(refused.at("why").as_string()), HasSubstr(squatter.port()));
  EXPECT_THAT(std::string(refused.at("next_try").as_string()), HasSubstr("in "));
  EXPECT_EQ(row(host, "echo").at("state"), "loaded");
  squatter.leave();
  host.await_ready();
  EXPECT_EQ(host.ctl({"status"}).code, 0);
  EXPECT_EQ(row(host, "agent").at("state"), "loaded");
  EXPECT_EQ(host.stop(), 0);
  EXPECT_FALSE(host.ready()) << "the ready file outlives the host";
}

TEST_F(ReadyPlugins, RefusedPluginIsTriedAtOnceWhenItsSettingsChange) {
  const Squatter squatter;
  Host& host = start("agent", "agent/transports=tcp;agent/port=" + squatter.port());
  (void)await_not_ready(host, "in use");
  // Late in the pauses that grow, so that it is not the pause that ends.
  ASSERT_TRUE(wait_until([&] { return row(host, "agent").at("attempts").to_number<int>() >= 4; }, seconds(60)));
  EXPECT_EQ(host.ctl({"settings", "set", "agent/port", "0"}).code, 0) << "its settings are known while it is refused";
  host.await_ready();
}

TEST_F(ReadyPlugins, MissingCertificateIsRetriedUntilItFits) {
  const auto first = make_certificate(folder.path());
  fs::create_directory(folder / "other");
  const auto other = make_certificate(folder / "other");
  const auto certificate = folder / "late.pem";
  const auto key = folder / "late.key";
  Host& host = start("agent", "agent/transports=tcp,tls;agent/tls_certificate=" + certificate.string() +
                                  ";agent/tls_private_key=" + key.string());
  (void)await_not_ready(host, "late.pem");
  fs::copy_file(first.certificate, certificate);
  (void)await_not_ready(host, "late.key");
  fs::copy_file(other.private_key, key);
  ASSERT_TRUE(wait_until([&] { return not_ready(host).find("No such file") == std::string::npos; }));
  EXPECT_NE(not_ready(host), "") << "the key is another one's";
  fs::copy_file(first.private_key, key, fs::copy_options::overwrite_existing);
  host.await_ready();
  EXPECT_NE(host.await_ready().url_of("agent", "tls"), "");
}

TEST_F(ReadyPlugins, MissingFileIsTakenWhenItComes) {
  plugin_dir = folder / "plugins";
  copy_plugins(plugin_dir, {"hub"});
  Host& host = start("hub,echo");
  (void)await_not_ready(host, "echo");
  fs::copy(shipped_plugins() / "echo.so", plugin_dir);
  host.await_ready();
}

TEST_F(ReadyPlugins, BadFileIsNotTriedAgainUntilItChanges) {
  plugin_dir = folder / "plugins";
  fs::create_directory(plugin_dir);
  write_file(plugin_dir / "echo.so", "Dear host,\nplease load me.\n");
  Host& host = start("echo");
  (void)await_not_ready(host, "plugin echo");
  EXPECT_EQ(row(host, "echo").at("next_try"), "when its file changes");
  const auto attempts = row(host, "echo").at("attempts");
  EXPECT_TRUE(stays_true([&] { return row(host, "echo").at("attempts") == attempts; }, seconds(3)));
  write_file(plugin_dir / "echo.so", read_file(shipped_plugins() / "echo.so"));
  host.await_ready();
}

TEST_F(ReadyPlugins, HostThatIsNotReadyInTimeEndsWithTheReason) {
  const Squatter squatter;
  Host& host = start("agent", "agent/transports=tcp;agent/port=" + squatter.port(), {"--require-ready", "1"});
  EXPECT_EQ(host.process().wait(), 1);
  EXPECT_THAT(host.log(), HasSubstr("--require-ready"));
  EXPECT_THAT(host.log(), HasSubstr("in use"));
  EXPECT_FALSE(host.ready());
}

TEST_F(ReadyPlugins, HostThatWasReadyInTimeIsNotEndedLater) {
  plugin_dir = folder / "plugins";
  copy_plugins(plugin_dir, {"echo"});
  Host& host = start("echo", "", {"--require-ready", "30"});
  host.await_ready();
  EXPECT_EQ(host.ctl({"unload", "echo"}).code, 0);
  EXPECT_EQ(host.ctl({"status"}).code, 0) << "it is not wanted any more";
  EXPECT_EQ(host.stop(), 0);
}

TEST(ReadyInConsul, MeansThatItsOwnServicesAreListed) {
  ConsulServer consul;
  const TempDir folder;
  Host host({.folder = folder / "host", .arguments = {"--consul", consul.url(), "--plugins", "echo,hub"}, .env = {}});
  host.await_ready();
  for (const std::string kind : {"echo", "hub"}) {
    EXPECT_THAT(consul.get("/v1/health/service/" + kind + "?passing"), HasSubstr(kind + "#0@dev"));
  }
}

TEST(ReadyInConsul, AWrongPluginListInTheKvIsTheReason) {
  ConsulServer consul;
  consul.kv_put("cellmesh/hosts/0@dev/plugins", "../echo");
  const TempDir folder;
  Host host({.folder = folder / "host", .arguments = {"--consul", consul.url()}, .env = {}});
  (void)await_not_ready(host, "cellmesh/hosts/0@dev/plugins");
  consul.kv_put("cellmesh/hosts/0@dev/plugins", "echo");
  host.await_ready();
}

TEST(ReadyInConsul, ServiceIdOfAnotherHostIsWaitedFor) {
  ConsulServer consul;
  const TempDir folder;
  const std::vector<std::string> arguments{"--consul", consul.url(), "--plugins", "echo"};
  Host first({.folder = folder / "first", .arguments = arguments, .env = {}});
  first.await_ready();
  auto named = arguments;
  named.insert(named.end(), {"--name", "twin"});
  Host twin({.folder = folder / "twin", .arguments = named, .env = {}});
  const auto reason = await_not_ready(twin, "echo#0@dev");
  EXPECT_THAT(reason, HasSubstr("--index"));
  EXPECT_EQ(first.ctl({"status"}).code, 0);
  EXPECT_EQ(first.stop(), 0);
  twin.await_ready();
}

}  // namespace
}  // namespace cm::test
