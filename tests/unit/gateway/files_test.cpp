#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>

#include <unistd.h>
#include <boost/json.hpp>

#include "gateway/ready_file.hpp"
#include "gateway/task_thread.hpp"
#include "unit/gateway/nowhere.hpp"

namespace cm::gateway {
namespace {

namespace fs = std::filesystem;

struct Folder {
  Folder() : path(fs::temp_directory_path() / ("cm-gateway-" + std::to_string(getpid()))) {
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

// Of every service that has an address: TCP there, and a WebSocket.
class Doors : public routing::Frontends {
 public:
  explicit Doors(const routing::Registry& registry) : registry_(registry) {}
  [[nodiscard]] std::vector<Listener> listeners(routing::ServiceRef owner) const override {
    const auto services = registry_.snapshot();
    const auto* entry = services->find(owner);
    if (entry == nullptr || entry->public_address.empty()) return {};
    return {{1, routing::Transport::tcp, 8001, {"tcp://" + entry->public_address}},
            {2, routing::Transport::ws, 8002, {"ws://[::1]:8002/"}}};
  }

 private:
  using Ref = routing::ServiceRef;
  using Options = routing::FrontendOptions;
  using Door = routing::ListenerOptions;
  base::Result<Opened> open(Ref, const Options&) override { return base::error("no"); }
  base::Result<Opened> open(Ref, const Options&, const Door&) override { return base::error("no"); }
  base::Result<Listener> add_listener(Ref, const Door&) override { return base::error("no"); }
  base::Status update_listener(Ref, std::uint32_t, const Door&) override { return base::error("no"); }
  std::shared_ptr<routing::Destination> clients(Ref) override { return nullptr; }
  void accept(Ref) override {}
  base::Status update(Ref, const Options&) override { return base::error("no"); }
  void intercept(Ref, std::uint16_t) override {}
  void set_protocol(Ref, std::uint8_t) override {}
  void stop_accepting(Ref) override {}
  void close(Ref) override {}
  [[nodiscard]] Counts counts(Ref) const override { return {}; }

  const routing::Registry& registry_;
};

TEST(ReadyFile, ListsTheListenersOfTheHostsOwnFrontendsOnly) {
  const Folder folder;
  routing::Names names;
  routing::Registry registry(names);
  const auto add = [&](const char* id, const char* host, const char* address) {
    routing::ServiceEntry entry;
    entry.ref = names.service(id);
    entry.kind = names.kind_of(entry.ref);
    entry.host = host;
    entry.public_address = address;
    entry.mailbox = std::make_shared<Nowhere>();
    ASSERT_TRUE(registry.put(entry));
  };
  add("login#0@dev", "", "127.0.0.1:8001");
  add("game#0@dev", "", "");
  add("agent#1@dev", "1@dev", "127.0.0.1:9");
  const auto file = (folder.path / "ready.json").string();
  ASSERT_TRUE(write_ready_file(file, "0@dev", registry, Doors(registry)));
  std::ifstream in(file);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  const auto root = boost::json::parse(text);
  EXPECT_EQ(root.at("host").as_string(), "0@dev");
  EXPECT_EQ(root.at("pid").as_int64(), getpid());
  ASSERT_EQ(root.at("frontends").as_array().size(), 2U);
  EXPECT_EQ(root.at("frontends").at(0).at("service").as_string(), "login#0@dev");
  EXPECT_EQ(root.at("frontends").at(0).at("address").as_string(), "127.0.0.1:8001");
  EXPECT_EQ(root.at("frontends").at(0).at("url").as_string(), "tcp://127.0.0.1:8001");
  EXPECT_EQ(root.at("frontends").at(1).at("transport").as_string(), "ws");
  EXPECT_EQ(root.at("frontends").at(1).at("address").as_string(), "[::1]:8002");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path), fs::directory_iterator()), 1);
}

TEST(ReadyFile, APlaceThatCannotBeWrittenIsRefusedWithTheCure) {
  routing::Names names;
  const routing::Registry registry(names);
  const auto status = write_ready_file("/nonexistent-folder/ready.json", "0@dev", registry, Doors(registry));
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().text.find("--ready-file"), std::string::npos);
}

TEST(TaskThread, TasksRunInOrderAndStopRunsWhatIsQueued) {
  std::string out;
  TaskThread thread;
  for (char c = 'a'; c <= 'z'; ++c) thread.run([&out, c] { out += c; });
  thread.stop();
  EXPECT_EQ(out, "abcdefghijklmnopqrstuvwxyz");
  thread.run([&out] { out += "late"; });
  EXPECT_EQ(out.size(), 26U);
}

}  // namespace
}  // namespace cm::gateway
