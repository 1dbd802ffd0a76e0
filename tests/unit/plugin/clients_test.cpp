// Sends and closes to clients, and offloaded jobs.
#include <cstring>

#include "harness.hpp"
#include "plugin/text.hpp"

namespace cm::plugin::test {
namespace {

using routing::Kind;

class ClientsTest : public testing::Test {
 protected:
  [[nodiscard]] const cm_host_clients& clients() const { return puppet.ext<cm_host_clients>(CM_EXT_CLIENTS); }
  static std::vector<std::uint64_t> sessions(const std::string& body, std::string& rest) {
    std::uint32_t n = 0;
    std::memcpy(&n, body.data(), sizeof n);
    std::vector<std::uint64_t> list(n);
    std::memcpy(list.data(), body.data() + sizeof n, n * sizeof(std::uint64_t));
    rest = body.substr(sizeof n + n * sizeof(std::uint64_t));
    return list;
  }

  Puppet puppet{"game"};
  Rig rig;
  std::shared_ptr<FakeService> one = std::make_shared<FakeService>();
  std::shared_ptr<FakeService> two = std::make_shared<FakeService>();
  cm_service one_ref = static_cast<cm_service>(rig.put_remote("agent#1@test", one));
  cm_service two_ref = static_cast<cm_service>(rig.put_remote("agent#2@test", two));
  std::shared_ptr<Service> service = rig.start(puppet);
};

TEST_F(ClientsTest, ListCrossesOnceAGatewayAndKeepsItsOrder) {
  const std::vector<cm_client> list{{two_ref, 0, 9}, {one_ref, 0, 5}, {two_ref, 0, 3}, {one_ref, 0, 8}};
  EXPECT_EQ(
      rig.run(service, [&] { return clients().send_list(puppet.host, list.data(), list.size(), 50, bytes("hi"), 2); }),
      CM_OK);
  std::string rest;
  ASSERT_EQ(one->got().size(), 1U);
  EXPECT_EQ(sessions(one->got()[0].body, rest), (std::vector<std::uint64_t>{5, 8}));
  EXPECT_EQ(rest, "hi");
  ASSERT_EQ(two->got().size(), 1U);
  EXPECT_EQ(sessions(two->got()[0].body, rest), (std::vector<std::uint64_t>{9, 3}));
  EXPECT_EQ(two->got()[0].kind, Kind::to_clients);
}

TEST_F(ClientsTest, OneBadReceiverDoesNotKeepTheOthersFromTheirs) {
  const auto nobody = static_cast<cm_service>(rig.names.service("agent#9@test"));
  const std::vector<cm_client> list{{nobody, 0, 1}, {0, 0, 0}, {one_ref, 0, 5}};
  EXPECT_EQ(
      rig.run(service, [&] { return clients().send_list(puppet.host, list.data(), list.size(), 50, nullptr, 0); }),
      CM_INVALID);
  EXPECT_EQ(one->got().size(), 1U);
}

TEST_F(ClientsTest, EmptyListsReachNobody) {
  rig.run(service, [&] {
    EXPECT_EQ(clients().send_list(puppet.host, nullptr, 0, 50, bytes("hi"), 2), CM_OK);
    EXPECT_EQ(clients().close_list(puppet.host, nullptr, 0, CM_CLOSE_KICKED, nullptr), CM_OK);
    EXPECT_EQ(clients().send_list(puppet.host, nullptr, 1, 50, bytes("hi"), 2), CM_INVALID);
  });
  EXPECT_TRUE(one->got().empty());
}

TEST_F(ClientsTest, BroadcastReachesEveryGatewayAndOnlyThose) {
  rig.registry.update(static_cast<routing::ServiceRef>(one_ref), [](auto& e) { e.gateway = true; });
  rig.run(service, [&] {
    EXPECT_EQ(clients().broadcast(puppet.host, 0, 50, bytes("all"), 3), CM_OK);
    EXPECT_EQ(clients().broadcast(puppet.host, two_ref, 50, bytes("two"), 3), CM_OK);
    EXPECT_EQ(clients().close_all(puppet.host, 0, CM_CLOSE_GOING_DOWN, "bye"), CM_OK);
  });
  ASSERT_EQ(one->got().size(), 2U);
  EXPECT_EQ(one->got()[0].body, "all");
  EXPECT_EQ(one->got()[1].kind, Kind::close_all);
  EXPECT_EQ(one->got()[1].status, CM_CLOSE_GOING_DOWN);
  ASSERT_EQ(two->got().size(), 1U);
  EXPECT_EQ(two->got()[0].body, "two");
}

TEST_F(ClientsTest, ClosesAndBindingsGoToTheClientsGateway) {
  const cm_client client{one_ref, 0, 5};
  rig.run(service, [&] {
    EXPECT_EQ(clients().close(puppet.host, &client, CM_CLOSE_KICKED, "bad \xff text"), CM_OK);
    EXPECT_EQ(clients().bind(puppet.host, &client), CM_OK);
    EXPECT_EQ(clients().unbind(puppet.host, &client), CM_OK);
    EXPECT_EQ(clients().close(puppet.host, &client, CM_CLOSE_NONE, nullptr), CM_INVALID);
    EXPECT_EQ(clients().close(puppet.host, &client, 99, nullptr), CM_INVALID);
    EXPECT_EQ(clients().close(puppet.host, nullptr, CM_CLOSE_KICKED, nullptr), CM_INVALID);
    EXPECT_EQ(clients().bind(puppet.host, nullptr), CM_INVALID);
  });
  ASSERT_EQ(one->got().size(), 3U);
  EXPECT_EQ(one->got()[0].body, "bad ? text");
  EXPECT_EQ(one->got()[1].kind, Kind::bind);
  EXPECT_EQ(one->got()[1].body, "game#0@test");
  EXPECT_EQ(one->got()[2].kind, Kind::unbind);
  EXPECT_EQ(one->got()[2].body, "game");
}

TEST_F(ClientsTest, BodiesAreCheckedAgainstTheFraming) {
  const cm_client client{one_ref, 0, 5};
  const std::string big(CM_MAX_CLIENT_BODY + 1, 'x');
  rig.run(service, [&] {
    EXPECT_EQ(clients().send(puppet.host, &client, 50, bytes(big), big.size()), CM_TOO_LARGE);
    EXPECT_EQ(clients().send(puppet.host, &client, 50, bytes(big), big.size() - 1), CM_OK);
    EXPECT_EQ(clients().send(puppet.host, &client, 0, nullptr, 0), CM_INVALID);
    EXPECT_EQ(clients().broadcast(puppet.host, 0, 50, bytes(big), big.size()), CM_TOO_LARGE);
    one->answer(routing::Delivery::full);
    EXPECT_EQ(clients().send(puppet.host, &client, 50, nullptr, 0), CM_BACKPRESSURE);
  });
}

class OffloadTest : public testing::Test {
 protected:
  cm_status run(cm_job job, std::string_view input, const char* handler = "done", std::string_view cookie = "c") {
    return rig.run(service, [&] {
      return puppet.ext<cm_host_offload>(CM_EXT_OFFLOAD)
          .run(puppet.host, job, bytes(input), input.size(), handler, bytes(cookie), cookie.size());
    });
  }
  static cm_status upper(const std::uint8_t* input, std::size_t size, cm_job_output* output) {
    for (std::size_t i = 0; i < size; ++i) {
      const auto c = static_cast<std::uint8_t>(std::toupper(input[i]));
      if (const auto status = output->write(output, &c, 1); status != CM_OK) return status;
    }
    return CM_OK;
  }
  // A job that says it runs and waits until it is let go. The input is a pointer to one.
  struct Held {
    std::promise<void> inside;
    std::promise<void> let_go;
    [[nodiscard]] std::string input() {
      Held* self = this;
      return {reinterpret_cast<const char*>(&self), sizeof self};
    }
    static cm_status job(const std::uint8_t* input, std::size_t /*size*/, cm_job_output* /*output*/) {
      Held* self = nullptr;
      std::memcpy(&self, input, sizeof self);
      auto go = self->let_go.get_future();
      self->inside.set_value();
      go.wait();
      return CM_OK;
    }
  };

  Puppet puppet{"worker"};
  Rig rig;
  std::shared_ptr<Service> service = rig.start(puppet);
};

TEST_F(OffloadTest, ResultComesToTheNamedHandlerWithItsCookie) {
  EXPECT_EQ(run(&upper, "word", "on_word", "ck"), CM_OK);
  EXPECT_TRUE(puppet.told("job on_word:ck 0 WORD"));
}

TEST_F(OffloadTest, ExceptionOfAJobIsAFaultOfItsService) {
  EXPECT_EQ(
      run([](const std::uint8_t*, std::size_t, cm_job_output*) -> cm_status { throw std::runtime_error("sql"); }, ""),
      CM_OK);
  EXPECT_TRUE(puppet.told("job done:c 8 "));
  EXPECT_EQ(service->counters().faults, 1U);
  EXPECT_NE(service->last_fault().find("sql"), std::string::npos);
}

TEST_F(OffloadTest, OutputIsBounded) {
  const cm_job flood = [](const std::uint8_t*, std::size_t, cm_job_output* output) -> cm_status {
    const std::string mega(1U << 20U, 'x');
    for (int i = 0; i < 4; ++i) {
      if (output->write(output, bytes(mega), mega.size()) != CM_OK) return CM_FAULT;
    }
    const bool more = output->write(output, bytes(mega), 1) == CM_OK;
    return more || output->write(output, nullptr, 1) != CM_INVALID ? CM_FAULT : CM_TIMEOUT;
  };
  EXPECT_EQ(run(flood, ""), CM_OK);
  EXPECT_TRUE(puppet.seen.wait_for([](const std::string& s) { return s.starts_with("job done:c 3 xxx"); }));
}

TEST_F(OffloadTest, FullPoolPushesBack) {
  Held a;
  Held b;
  EXPECT_EQ(run(&Held::job, a.input()), CM_OK);
  EXPECT_EQ(run(&Held::job, b.input()), CM_OK);
  a.inside.get_future().wait();
  b.inside.get_future().wait();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(run(&upper, "x"), CM_OK);
  EXPECT_EQ(run(&upper, "x"), CM_BACKPRESSURE);
  a.let_go.set_value();
  b.let_go.set_value();
  int done = 0;
  EXPECT_TRUE(puppet.seen.wait_for([&](const std::string& s) { return s == "job done:c 0 X" && ++done == 4; }));
  EXPECT_EQ(run(&upper, std::string(1001, 'x')), CM_BACKPRESSURE) << "the queue is bounded in bytes, too";
  EXPECT_EQ(run(nullptr, "x"), CM_INVALID);
  EXPECT_EQ(run(&upper, "x", ""), CM_INVALID);
}

TEST_F(OffloadTest, StopWaitsForTheJobThatRunsAndItsResultArrives) {
  Held held;
  rig.surroundings.patience.drain = 20s;
  EXPECT_EQ(run(&Held::job, held.input()), CM_OK);
  held.inside.get_future().wait();
  auto stopped = std::async(std::launch::async, [&] { return service->stop(); });
  EXPECT_TRUE(rig.wait_draining(service->ref()));
  held.let_go.set_value();
  EXPECT_TRUE(stopped.get());
  EXPECT_TRUE(puppet.told("job done:c 0 "));
}

TEST_F(OffloadTest, JobThatHangsKeepsTheCodeLoadedAndStopReturns) {
  Held held;
  rig.surroundings.patience.drain = 1ms;
  rig.surroundings.patience.stop = 50ms;
  EXPECT_EQ(run(&Held::job, held.input()), CM_OK);
  held.inside.get_future().wait();
  EXPECT_FALSE(service->stop());
  held.let_go.set_value();
}

TEST_F(OffloadTest, ManyJobsAllComeBack) {
  int done = 0;
  Puppet busy("busy_worker");
  Rig other;
  other.surroundings.pool = std::make_shared<BlockingPool>(BlockingPool::Limits{.threads = 3, .jobs = 1000});
  const auto s = other.start(busy);
  std::promise<void> all;
  busy.on_told = [&](const std::string& what) {
    if (what.starts_with("job") && ++done == 500) all.set_value();
  };
  other.run(s, [&] {
    for (int i = 0; i < 500; ++i) {
      EXPECT_EQ(busy.ext<cm_host_offload>(CM_EXT_OFFLOAD).run(busy.host, &upper, bytes("x"), 1, "h", nullptr, 0),
                CM_OK);
    }
  });
  EXPECT_EQ(all.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_TRUE(s->stop());
}

TEST(TextTest, AMessageOfSeveralLinesIsOneInTheLog) { EXPECT_EQ(one_line("two\nlines\n", 100), "two lines"); }

}  // namespace
}  // namespace cm::plugin::test
