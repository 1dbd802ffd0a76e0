// libFuzzer: a peer of a host's links, which dials or is dialed, breaks off and resumes.
#include "link_check.hpp"

namespace cm::fuzz::link {
namespace {

template <class T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}

class Run {
 public:
  Run(Target& target, Script& script) : target_(target), script_(script) {
    static std::uint64_t count = 0;
    host_ = "peer" + std::to_string(++count);
    boot_ = "boot-" + host_;
  }

  void as_dialer() {
    for (int i = 0; i < 4 && !script_.empty(); ++i) {
      const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
      sockaddr_in at{};
      at.sin_family = AF_INET;
      at.sin_port = htons(target_.port);
      at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      require(::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof(at)) == 0, "it takes no connection");
      peer_ = std::make_unique<Peer>(fd);
      const bool linked = say_hello();
      if (linked) talk();
      finish();
    }
  }

  void as_listener() {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(at);
    require(::bind(listener, reinterpret_cast<const sockaddr*>(&at), sizeof(at)) == 0 && ::listen(listener, 8) == 0 &&
                ::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size) == 0,
            "no socket to listen on");
    target_.dial(host_, boot_, ntohs(at.sin_port));
    for (int i = 0; i < 4 && !script_.empty(); ++i) {
      // It dials at once when a connection breaks, and at its next tick when it closed the link itself.
      pollfd wait{listener, POLLIN, 0};
      if (::poll(&wait, 1, i == 0 ? 30'000 : 50) != 1) {
        require(i != 0, "it does not dial");
        break;
      }
      peer_ = std::make_unique<Peer>(::accept(listener, nullptr, nullptr));
      const bool linked = welcome();
      if (linked) talk();
      finish();
    }
    target_.dial_nobody();
    ::close(listener);
  }

 private:
  template <class Message>
  static std::string opening(FrameType type, const Message& message, std::uint16_t major = mesh::kMajor) {
    return mesh::opening_frame(type, message, major);
  }
  void add_services(pb::Hello& hello) {
    for (unsigned n = script_.u8() % 4; n > 0; --n) hello.add_services(script_.service_id());
  }
  // Where the peer says that it was in the host's stream.
  std::uint64_t position() {
    const std::uint8_t choice = script_.u8();
    if (choice < 160) return received_;
    if (choice < 200 && !ends_.empty()) return ends_[script_.u8() % ends_.size()];
    if (choice < 230) return received_ + script_.u8() - 128;
    return script_.number<std::uint64_t>();
  }

  bool say_hello() {
    const std::uint8_t how = script_.u8();
    if (how >= 250) {
      peer_->send(script_.bytes(4000));
      return false;
    }
    if (how >= 245) {
      peer_->send(opening(FrameType::who, pb::Go()));
      pb::Identity identity;
      const auto answer = peer_->read();
      require(answer && answer->type == FrameType::identity && identity.ParseFromString(answer->payload.substr(8)) &&
                  identity.host() == "target",
              "it does not say who it is");
      return false;
    }
    if (how >= 235) boot_ += "'";  // the peer was started anew
    pb::Hello hello;
    hello.set_mesh(how == 234 ? "other" : "fuzz");
    hello.set_host(how == 233 ? script_.bytes(300) : host_);
    hello.set_boot(how == 232 ? script_.bytes(100) : boot_);
    hello.set_sequence(how == 231 ? script_.number<std::uint64_t>() : ++sequence_);
    add_services(hello);
    hello.set_stream(how == 230 ? script_.number<std::uint64_t>() : mine_);
    hello.set_peer_stream(how == 229 ? script_.number<std::uint64_t>() : theirs_);
    hello.set_received(position());
    next_ += how == 228 ? 0 : 1;
    hello.set_next_stream(how == 227 ? 0 : next_);
    if (how == 226) hello.set_to("somebody");
    std::string bytes = opening(FrameType::hello, hello, how == 225 ? script_.number<std::uint16_t>() : mesh::kMajor);
    if (how == 224) bytes.resize(bytes.size() - std::min<std::size_t>(bytes.size(), script_.u8()));
    peer_->send(bytes);
    if (how == 224) return false;
    const auto answer = peer_->read();
    pb::Welcome welcome;
    if (!answer || answer->type == FrameType::refuse) return false;
    require(answer->type == FrameType::welcome && welcome.ParseFromString(answer->payload.substr(8)),
            "its answer to a hello is malformed");
    if (welcome.resumed()) {
      require(welcome.received() <= sent_, "it received more than was sent");
      sent_ = welcome.received();
      received_ = hello.received();
    } else {
      begin(next_, welcome.stream());
    }
    return agree();
  }
  bool agree() {
    const std::uint8_t how = script_.u8();
    if (how < 240) {
      peer_->send(opening(FrameType::go, pb::Go()));
    } else if (how < 248) {
      peer_->send(opening(FrameType::refuse, mesh::refusal(pb::Refusal::TIE, "no")));
      return false;
    } else {
      peer_->send(script_.bytes(100));
      return false;
    }
    return true;
  }

  bool welcome() {
    const auto frame = peer_->read();
    pb::Hello hello;
    if (!frame) return false;
    require(frame->type == FrameType::hello && hello.ParseFromString(frame->payload.substr(8)),
            "its hello is malformed");
    const std::uint8_t how = script_.u8();
    if (how >= 250) {
      peer_->send(script_.bytes(4000));
      return false;
    }
    if (how >= 245) {
      pb::Refusal refusal;
      refusal.set_reason(static_cast<pb::Refusal::Reason>(script_.u8()));
      refusal.set_text("no");
      peer_->send(opening(FrameType::refuse, refusal));
      return false;
    }
    if (how >= 235) boot_ += "'";
    pb::Hello said;
    add_services(said);
    pb::Welcome welcome;
    welcome.set_mesh(how == 234 ? "other" : "fuzz");
    welcome.set_host(how == 233 ? script_.bytes(300) : host_);
    welcome.set_boot(how == 232 ? script_.bytes(100) : boot_);
    welcome.set_sequence(how == 231 ? script_.number<std::uint64_t>() : ++sequence_);
    *welcome.mutable_services() = said.services();
    const bool same = hello.stream() != 0 && hello.stream() == theirs_ && hello.peer_stream() == mine_;
    const bool resumed = how == 230 || (how < 200 && same);
    welcome.set_resumed(resumed);
    if (resumed) {
      welcome.set_stream(how == 229 ? script_.number<std::uint64_t>() : mine_);
      welcome.set_received(position());
      require(!same || hello.received() <= sent_, "it received more than was sent");
    } else {
      welcome.set_stream(how == 229 ? 0 : ++next_);
    }
    peer_->send(opening(FrameType::welcome, welcome, how == 225 ? script_.number<std::uint16_t>() : mesh::kMajor));
    const auto answer = peer_->read();
    if (!answer || answer->type != FrameType::go) return false;
    if (resumed) {
      sent_ = hello.received();
      received_ = welcome.received();
    } else {
      begin(next_, hello.next_stream());
    }
    return true;
  }

  void begin(std::uint64_t mine, std::uint64_t theirs) {
    mine_ = mine;
    theirs_ = theirs;
    received_ = sent_ = 0;
    defined_ = 0;
    ends_.clear();
  }

  void say(FrameType type, const std::string& payload) { say(frame(type, payload)); }
  void say(const std::string& bytes) {
    sent_ += bytes.size();
    peer_->send(bytes);
  }
  std::string ref() {
    const std::uint8_t choice = script_.u8();
    return raw(choice < 240 ? std::uint32_t{choice % 8U} : script_.number<std::uint32_t>());
  }

  // Says what the script wants until it ends or breaks off.
  void talk() {
    if (script_.u8() % 4 != 0) introduce();
    while (!script_.empty()) {
      switch (script_.u8() % 18) {
        case 0:
          say(FrameType::define, ref() + script_.service_id());
          break;
        case 1:
          announce();
          break;
        case 2:
          say(FrameType::withdraw, refs(4));
          break;
        case 3:
          say(FrameType::loads, refs(12));
          break;
        case 4:
          say(FrameType::ack, raw(position()));
          break;
        case 5:
          say(script_.u8() % 2 == 0 ? FrameType::ping : FrameType::pong, raw(script_.number<std::uint64_t>()));
          break;
        case 6:
          say(script_.u8() % 2 == 0 ? FrameType::xoff : FrameType::xon,
              ref() + static_cast<char>(script_.u8() < 250 ? script_.u8() % 2 : script_.u8()));
          break;
        case 7:
        case 8:
          envelope();
          break;
        case 9:
          say(static_cast<FrameType>(script_.u8()), script_.bytes(5000));
          break;
        case 10:
          say(script_.bytes(5000));
          break;
        case 11: {
          pb::Goodbye goodbye;
          goodbye.set_reason(static_cast<pb::Refusal::Reason>(script_.u8()));
          say(FrameType::goodbye, script_.u8() % 2 == 0 ? goodbye.SerializeAsString() : script_.bytes(100));
          break;
        }
        case 12:
          return;  // breaks off
        case 13:
        case 14:
          if (!sync()) return;
          break;
        case 15:
          target_.send(script_.service_id(), "own#0@t", script_.number<std::uint16_t>());
          break;
        case 16:
          if (!target_.registry.remove(target_.names.service("own#0@t"))) target_.up("own#0@t");
          break;
        default:
          target_.sink->full = !target_.sink->full;
          if (!target_.sink->full) target_.registry.notify_room(ServiceRef::none);
      }
    }
  }
  void introduce() {
    say(FrameType::define, raw(std::uint32_t{1}) + "game#0@f");
    say(FrameType::define, raw(std::uint32_t{2}) + "agent#0@f");
    say(FrameType::define, raw(std::uint32_t{3}) + "own#0@t");
    pb::Announce all;
    for (const auto* id : {"game#0@f", "agent#0@f"}) {
      all.add_services()->set_id(id);
      all.mutable_services()->rbegin()->set_frontend(true);
    }
    say(FrameType::announce, all.SerializeAsString());
  }
  void announce() {
    pb::Announce all;
    for (unsigned n = script_.u8() % 8; n > 0; --n) {
      auto& service = *all.add_services();
      service.set_id(script_.service_id());
      const std::uint8_t flags = script_.u8();
      service.set_frontend((flags & 1U) != 0);
      service.set_gateway((flags & 2U) != 0);
      service.set_draining((flags & 4U) != 0);
      service.set_load_known((flags & 8U) != 0);
      service.set_load(script_.u8());
      if ((flags & 16U) != 0) service.set_public_address(script_.bytes(100));
    }
    std::string payload = all.SerializeAsString();
    if (script_.u8() >= 240 && !payload.empty())
      payload[script_.u8() % payload.size()] ^= static_cast<char>(script_.u8());
    say(FrameType::announce, payload);
  }
  std::string refs(std::size_t each) {
    std::string payload;
    for (unsigned n = script_.u8() % 8; n > 0; --n) payload += ref() + std::string(each - 4, '\1');
    if (script_.u8() >= 250) payload += "x";
    return payload;
  }
  void envelope() {
    const std::uint8_t kind = script_.u8();
    std::string payload(1, static_cast<char>(kind < 240 ? (kind % 2 == 0 ? 1 + kind % 5 : 64 + kind % 8) : kind));
    payload += raw(script_.number<std::uint16_t>()) + raw(std::int32_t{script_.u8()});
    payload += ref() + ref() + ref();
    payload += raw(std::uint64_t{script_.u8()}) + raw(std::uint64_t{script_.u8()});
    payload += script_.u8() < 16 ? std::string(70'000U * (script_.u8() % 4U), 'l') : script_.bytes(5000);
    say(FrameType::envelope, payload);
  }

  // Reads until everything that was said has been taken. False when the host closed.
  bool sync() {
    const std::uint64_t token = 0xF022F022F0220000U + ++syncs_;
    say(FrameType::ping, raw(token));
    while (const auto got = read()) {
      if (got->type == FrameType::pong && got->payload == raw(token)) return true;
    }
    return false;
  }
  std::optional<Peer::Frame> read() {
    auto got = peer_->read();
    if (!got) return got;
    received_ += mesh::kFrameHead + got->payload.size();
    ends_.push_back(received_);
    check(*got);
    return got;
  }
  void check(const Peer::Frame& got) {
    const auto* at = reinterpret_cast<const std::byte*>(got.payload.data());
    const auto known = [&](std::uint32_t ref) { return ref <= defined_; };
    switch (got.type) {
      case FrameType::define:
        // What was not acknowledged comes again.
        require(got.payload.size() > 4 && mesh::get_u32(at) <= defined_ + 1, "it defines a ref out of turn");
        defined_ = std::max(defined_, mesh::get_u32(at));
        break;
      case FrameType::envelope: {
        const auto envelope = mesh::decode_envelope({at, got.payload.size()});
        require(envelope && known(static_cast<std::uint32_t>(envelope->to)) &&
                    known(static_cast<std::uint32_t>(envelope->from)) &&
                    known(static_cast<std::uint32_t>(envelope->client.agent)),
                "it sent an envelope that it would not take itself");
        break;
      }
      case FrameType::announce: {
        pb::Announce message;
        require(message.ParseFromString(got.payload), "its announcement is malformed");
        break;
      }
      case FrameType::ack:
        require(got.payload.size() == 8 && mesh::get_u64(at) <= sent_, "it acknowledges what was not sent");
        break;
      case FrameType::goodbye: {
        pb::Goodbye goodbye;
        require(goodbye.ParseFromString(got.payload), "its goodbye is malformed");
        break;
      }
      default:
        require(got.type >= FrameType::withdraw && got.type <= FrameType::xon, "it sent a frame of an unknown type");
    }
  }

  // However it ended: the host closes the connection, so its worker lives.
  void finish() {
    peer_->end_of_input();
    while (peer_->read()) {
    }
    peer_.reset();
  }

  Target& target_;
  Script& script_;
  std::string host_;
  std::string boot_;
  std::unique_ptr<Peer> peer_;
  std::uint64_t sequence_ = 0;
  std::uint64_t next_ = 100;
  std::uint64_t mine_ = 0;
  std::uint64_t theirs_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::vector<std::uint64_t> ends_;
  std::uint32_t defined_ = 0;
  std::uint64_t syncs_ = 0;
};

}  // namespace

std::string frame(FrameType type, const std::string& payload) {
  std::string head(mesh::kFrameHead, '\0');
  mesh::encode_frame_head(reinterpret_cast<std::byte*>(head.data()), type, payload.size());
  return head + payload;
}

void play(Target& target, Script script) {
  Run run(target, script);
  if (script.u8() % 2 == 0) {
    run.as_dialer();
  } else {
    run.as_listener();
  }
  target.settle();
}

}  // namespace cm::fuzz::link

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto* const target = new cm::fuzz::link::Target;  // its worker runs until the process ends
  cm::fuzz::link::play(*target, cm::fuzz::link::Script({data, size}));
  return 0;
}
