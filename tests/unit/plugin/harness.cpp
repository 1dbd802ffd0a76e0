#include "harness.hpp"

#include <array>
#include <cstring>

namespace cm::plugin::test {
namespace {

std::mutex puppets_mutex;
std::map<std::string, Puppet*> puppets;

std::string text(const std::uint8_t* data, std::size_t size) {
  return size == 0 ? std::string() : std::string(reinterpret_cast<const char*>(data), size);
}
std::string text(const cm_client* client) {
  return std::to_string(client->agent) + "/" + std::to_string(client->session);
}

}  // namespace

struct PuppetHooks {
  static Puppet& of(void* self) { return *static_cast<Puppet*>(self); }
  static void* create(const cm_host* host) {
    Puppet* puppet = nullptr;
    {
      const std::lock_guard lock(puppets_mutex);
      puppet = puppets[host->kind];
    }
    puppet->host = host;
    puppet->tell("create");
    return puppet->on_create() == CM_OK ? puppet : nullptr;
  }
  static void destroy(void* self) { of(self).tell("destroy"); }
  static cm_status start(void* self) {
    of(self).tell("start");
    return of(self).on_start();
  }
  static void stop(void* self) {
    of(self).tell("stop");
    of(self).on_stop();
  }
  static cm_status on_message(void* self, const cm_message* m) {
    if (m->id == kRunId) {
      std::function<void()>* call = nullptr;
      std::memcpy(&call, m->body, sizeof call);
      (*call)();
      return CM_OK;
    }
    of(self).tell("message " + std::to_string(m->id) + " " + text(m->body, m->body_size));
    return of(self).on_message(*m);
  }
  static cm_status on_reply(void* self, const cm_reply* r) {
    of(self).tell("reply " + std::string(r->handler) + ":" + text(r->cookie, r->cookie_size) + " " +
                  std::to_string(r->status) + " " + std::to_string(r->id) + " " + text(r->body, r->body_size));
    return CM_OK;
  }
  static cm_status on_timer(void* self, cm_timer, const char* handler, const std::uint8_t* cookie, std::size_t size) {
    of(self).tell("timer " + std::string(handler) + ":" + text(cookie, size));
    return CM_OK;
  }
  static cm_status on_settings(void* self, const std::uint8_t* data, std::size_t size) {
    of(self).tell("settings " + text(data, size));
    return CM_OK;
  }
  static void on_client_closed(void* self, const cm_client* client, cm_close_reason reason) {
    of(self).tell("closed " + text(client) + " " + std::to_string(reason));
  }
  static void on_client_opened(void* self, const cm_client* client) { of(self).tell("opened " + text(client)); }
  static void on_rebound(void* self, const cm_client* client, cm_service from, cm_service to) {
    of(self).tell("rebound " + text(client) + " " + std::to_string(from) + " " + std::to_string(to));
  }
  static void on_service(void* self, cm_service service, std::int32_t up) {
    std::array<char, 100> name{};
    of(self).ext<cm_host_directory>(CM_EXT_DIRECTORY).name(of(self).host, service, name.data(), name.size());
    of(self).tell(std::string(up != 0 ? "up " : "down ") + name.data());
  }
  static cm_status on_channel(void* self, const cm_channel_message* m) {
    of(self).tell("channel " + std::string(m->channel) + " " + m->handler + ":" + text(m->cookie, m->cookie_size) +
                  " " + std::to_string(m->id) + " " + text(m->body, m->body_size) + " lost " + std::to_string(m->lost));
    return CM_OK;
  }
  static cm_status on_job(void* self, const char* handler, cm_status status, const std::uint8_t* output,
                          std::size_t size, const std::uint8_t* cookie, std::size_t cookie_size) {
    of(self).tell("job " + std::string(handler) + ":" + text(cookie, cookie_size) + " " + std::to_string(status) + " " +
                  text(output, size));
    return CM_OK;
  }
  static const void* get_extension(void* self, const char* id) {
    static const cm_plugin_message kMessage{sizeof kMessage, 0, &on_reply};
    static const cm_plugin_timer kTimer{sizeof kTimer, 0, &on_timer};
    static const cm_plugin_settings kSettings{sizeof kSettings, 0, &on_settings};
    static const cm_plugin_clients kClients{sizeof kClients, 0, &on_client_closed};
    static const cm_plugin_gateway kGateway{sizeof kGateway, 0, &on_client_opened, &on_rebound};
    static const cm_plugin_directory kDirectory{sizeof kDirectory, 0, &on_service};
    static const cm_plugin_channel kChannel{sizeof kChannel, 0, &on_channel};
    static const cm_plugin_offload kOffload{sizeof kOffload, 0, &on_job};
    const std::string_view name = id;
    if (name == CM_EXT_MESSAGE) return &kMessage;
    if (name == CM_EXT_TIMER) return &kTimer;
    if (name == CM_EXT_SETTINGS) return &kSettings;
    if (name == CM_EXT_CLIENTS) return &kClients;
    if (name == CM_EXT_GATEWAY) return &kGateway;
    if (name == CM_EXT_DIRECTORY) return &kDirectory;
    if (name == CM_EXT_CHANNEL) return of(self).with_channels ? &kChannel : nullptr;
    if (name == CM_EXT_OFFLOAD) return &kOffload;
    return nullptr;
  }
};

Puppet::Puppet(std::string kind_name) : name_(std::move(kind_name)) {
  kind_ = {sizeof kind_,
           0,
           name_.c_str(),
           &PuppetHooks::create,
           &PuppetHooks::destroy,
           &PuppetHooks::start,
           &PuppetHooks::stop,
           &PuppetHooks::on_message,
           &PuppetHooks::get_extension};
  const std::lock_guard lock(puppets_mutex);
  puppets[name_] = this;
}

Puppet::~Puppet() {
  const std::lock_guard lock(puppets_mutex);
  puppets.erase(name_);
}

Rig::Rig()
    : surroundings{registry,
                   &frontends,
                   std::make_shared<BlockingPool>(BlockingPool::Limits{.threads = 2, .jobs = 4, .bytes = 1000}),
                   {.name = "0@test", .index = 0, .group = "test", .mesh = "m", .boot = "b"},
                   {.settings = 5s, .start = 20s, .drain = 1s, .stop = 20s},
                   {},
                   {}} {
  manifest.name = "puppet";
  manifest.version = "1.0.0";
  ears_ = RegistryEars::listen(registry);
  registry.listen([this](auto event, auto refs) {
    for (const auto ref : refs) events.push({event, ref});
  });
}

Rig::~Rig() {
  for (auto it = services_.rbegin(); it != services_.rend(); ++it) {
    EXPECT_TRUE((*it)->stop());
    ears_->remove(*it);
  }
}

std::shared_ptr<Service> Rig::make(Puppet& puppet, std::optional<std::string> settings) {
  auto generation = std::make_shared<Generation>(1, std::make_shared<const Manifest>(manifest));
  auto service = std::make_shared<Service>(surroundings, std::move(generation), puppet.kind(), std::move(settings));
  services_.push_back(service);
  ears_->add(service);
  return service;
}

std::shared_ptr<Service> Rig::start(Puppet& puppet, std::optional<std::string> settings) {
  auto service = make(puppet, std::move(settings));
  const auto status = service->start({});
  EXPECT_TRUE(status) << (status ? "" : status.error().text);
  service->go_public();
  return service;
}

base::Status Rig::try_start(Puppet& puppet) { return make(puppet)->start({}); }

void Rig::forget(const std::shared_ptr<Service>& service) {
  ears_->remove(service);
  std::erase(services_, service);
}

bool Rig::wait_draining(routing::ServiceRef ref) {
  return events
      .wait_for([&](const auto& e) {
        if (e.first != routing::Registry::Event::changed || e.second != ref) return false;
        const auto now = registry.snapshot();
        const auto* entry = now->find(ref);
        return entry == nullptr || entry->draining;
      })
      .has_value();
}

routing::ServiceRef Rig::put_remote(const std::string& id, const std::shared_ptr<FakeService>& destination,
                                    bool draining) {
  routing::ServiceEntry entry;
  entry.ref = names.service(id);
  entry.kind = names.kind_of(entry.ref);
  entry.host = "elsewhere";
  entry.draining = draining;
  entry.mailbox = destination;
  entry.clients = destination;
  const auto status = registry.put(entry);
  EXPECT_TRUE(status) << (status ? "" : status.error().text);
  return entry.ref;
}

void Rig::deliver(const std::shared_ptr<Service>& service, routing::Envelope envelope, std::string_view body) {
  envelope.to = service->ref();
  envelope.body = std::as_bytes(std::span(body));
  EXPECT_EQ(service->mailbox()->deliver(envelope), routing::Delivery::sent);
}

}  // namespace cm::plugin::test
