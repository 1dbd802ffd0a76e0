// The hub: channels between services, and their status reports. It never waits for a slow subscriber: that one loses
// messages, and is told how many.
#include <cellmesh/plugin.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "channels.hpp"

using cellmesh::Sender;
using cellmesh::ServiceId;
using cellmesh::Status;
using namespace std::chrono_literals;

namespace {

const std::string status_channel = "status";
constexpr auto retry_delay = 200ms;
constexpr std::chrono::milliseconds longest_belief = 1h;         // the most that status_ttl_sec may be
constexpr std::size_t list_size = 3 * std::size_t{1024} * 1024;  // bytes of a list's message, below every limit

}  // namespace

class Hub : public cellmesh::Service<Hub, proto::HubSettings> {
 public:
  void start() { every<&Hub::forget_old_reports>(1s); }

  void save(proto::HubState& state) const {
    for (const auto& [name, channel] : channels_.all()) {
      auto& out = *state.add_channels();
      out.set_name(name);
      out.set_lost(channel.lost);
      for (const hub::Subscriber& subscriber : channel.subscribers) {
        auto& entry = *out.add_subscribers();
        entry.set_service(directory().name(subscriber.service));
        entry.set_lost(subscriber.lost);
      }
    }
    for (const auto& [service, report] : reports_) {
      auto& out = *state.add_reports();
      *out.mutable_status() = report.message;
      out.set_ttl_ms((report.until - now()).count());
    }
  }

  void load(const proto::HubState& state) {
    for (const auto& saved : state.channels()) {
      hub::Channel channel;
      channel.lost = saved.lost();
      for (const auto& entry : saved.subscribers()) {
        const ServiceId service = directory().find(entry.service());
        channel.subscribers.push_back({service, entry.lost()});
        if (entry.lost() > 0) slow_.insert({saved.name(), service});
      }
      channels_.restore(saved.name(), std::move(channel));
    }
    for (const auto& report : state.reports()) {
      const auto left =
          std::clamp<std::chrono::milliseconds>(std::chrono::milliseconds(report.ttl_ms()), {}, longest_belief);
      reports_[directory().find(report.status().svc_id())] = {report.status(), now() + left};
    }
  }

  void resumed() { show_sizes(); }

  Status on(const proto::SubscribeChannelREQ& req, Sender from) {
    if (!hub::Channels::good_name(req.channel())) return Status::refused;
    if (!channels_.subscribe(req.channel(), from.id(), settings().max_channels())) {
      log().warn("{} is not subscribed: it is in {} channels, or there are max_channels = {}",
                 directory().name(from.id()), hub::Channels::max_of_service, settings().max_channels());
      return Status::refused;
    }
    show_sizes();
    proto::SubscribeChannelACK ack;
    ack.set_channel(req.channel());
    from.reply(ack);
    if (req.channel() == status_channel) tell_reports(from.id());
    return Status::ok;
  }

  void on(const proto::UnsubscribeChannelREQ& req, Sender from) {
    proto::UnsubscribeChannelACK ack;
    ack.set_channel(req.channel());
    ack.set_found(channels_.unsubscribe(req.channel(), from.id()));
    show_sizes();
    from.reply(ack);
  }

  Status on(const proto::PublishREQ& req, Sender from) {
    const bool good_id = req.msg_id() > 0 && req.msg_id() <= 0xFFFF;
    if (!hub::Channels::good_name(req.channel()) || !good_id) return Status::refused;
    return publish_to(req.channel(), req.msg_id(), req.body(), directory().name(from.id()));
  }

  void on(const proto::ListChannelsREQ& /*req*/, Sender from) {
    proto::ListChannelsACK ack;
    std::size_t size = 0;
    for (const auto& [name, channel] : channels_.all()) {
      size += name.size() + 32;
      if (size > list_size) {
        ack.set_more(true);
        break;
      }
      auto& entry = *ack.add_channels();
      entry.set_name(name);
      entry.set_subscribers(static_cast<std::uint32_t>(channel.subscribers.size()));
      entry.set_lost(channel.lost);
    }
    from.reply(ack);
  }

  // A service's own user count.
  Status on(const proto::SvcStatusACK& report, Sender from) {
    const std::string name = directory().name(from.id());
    if (report.svc_id() != name || report.user_count() < 0) return Status::refused;
    reports_[from.id()] = {report, now() + std::chrono::seconds(settings().status_ttl_sec())};
    return publish_to(status_channel, report_id, report.SerializeAsString(), name);
  }

  void on_service(ServiceId service, bool up) {
    if (up) return;
    channels_.remove(service);
    reports_.erase(service);
    show_sizes();
  }

 private:
  struct Report {
    proto::SvcStatusACK message;
    std::chrono::milliseconds until{0};  // of now()
  };
  static constexpr std::uint32_t report_id = cellmesh::MessageTraits<proto::SvcStatusACK>::id;

  Status publish_to(const std::string& name, std::uint32_t msg_id, const std::string& body, const std::string& from) {
    hub::Channel* channel = channels_.find(name);
    if (channel == nullptr) return Status::ok;
    proto::ChannelMessageACK message = about(name, msg_id, body);
    message.set_from(from);
    if (message.ByteSizeLong() + 16 > CM_MAX_SERVICE_BODY) return Status::too_large;  // `lost` still has to fit
    for (hub::Subscriber& subscriber : channel->subscribers) {
      if (!tell(subscriber, message)) lose(name, *channel, subscriber);
    }
    published_.add();
    return Status::ok;
  }

  static proto::ChannelMessageACK about(const std::string& name, std::uint32_t msg_id, const std::string& body) {
    proto::ChannelMessageACK message;
    message.set_channel(name);
    message.set_msg_id(msg_id);
    message.set_body(body);
    return message;
  }

  // False when the subscriber is too slow for it. One that is gone loses nothing: on_service tells of its end.
  bool tell(hub::Subscriber& subscriber, proto::ChannelMessageACK& message) {
    message.set_lost(subscriber.lost);
    const Status sent = send(subscriber.service, message);
    if (sent == Status::ok) subscriber.lost = 0;
    return sent != Status::backpressure;
  }

  void lose(const std::string& name, hub::Channel& channel, hub::Subscriber& subscriber) {
    ++subscriber.lost;
    ++channel.lost;
    lost_.add();
    slow_.insert({name, subscriber.service});
    if (!retry_timer_) retry_timer_ = after<&Hub::tell_losses>(retry_delay);
  }

  // Those who lost something and got no message since are told without one.
  void tell_losses() {
    retry_timer_ = {};
    std::erase_if(slow_, [&](const auto& entry) {
      hub::Subscriber* subscriber = channels_.find(entry.first, entry.second);
      if (subscriber == nullptr || subscriber->lost == 0) return true;
      proto::ChannelMessageACK message = about(entry.first, 0, {});
      return tell(*subscriber, message);
    });
    if (!slow_.empty()) retry_timer_ = after<&Hub::tell_losses>(retry_delay);
  }

  // A new subscriber to the status channel need not wait for everybody's next report.
  void tell_reports(ServiceId service) {
    for (const auto& [who, report] : reports_) {
      hub::Channel* channel = channels_.find(status_channel);
      hub::Subscriber* subscriber = channels_.find(status_channel, service);
      if (channel == nullptr || subscriber == nullptr || report.until <= now()) continue;
      proto::ChannelMessageACK message = about(status_channel, report_id, report.message.SerializeAsString());
      message.set_from(report.message.svc_id());
      if (!tell(*subscriber, message)) lose(status_channel, *channel, *subscriber);
    }
  }

  void forget_old_reports() {
    std::erase_if(reports_, [now = now()](const auto& entry) { return entry.second.until <= now; });
  }

  void show_sizes() const { channels_gauge_.set(static_cast<std::int64_t>(channels_.all().size())); }

  hub::Channels channels_;
  std::unordered_map<ServiceId, Report> reports_;
  std::set<std::pair<std::string, ServiceId>> slow_;  // subscriptions that lost something, perhaps told of it since
  cellmesh::TimerId retry_timer_;                     // runs while slow_ has any
  cellmesh::Counter published_ = counter("published");
  cellmesh::Counter lost_ = counter("lost");
  cellmesh::Gauge channels_gauge_ = gauge("channels");
};

CELLMESH_PLUGIN(Hub)
