#pragma once

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "cli/chat_commands.hpp"
#include "cli/frame_socket.hpp"
#include "net/address.hpp"
#include "net/tls.hpp"

namespace cm::cli {

struct ChatConfig {
  std::string name;                                        // the player's, as a login takes it
  std::function<base::Result<net::Address>()> find_login;  // asked before each login
  net::TlsTrust trust;                                     // of tls and wss
  std::chrono::milliseconds answer_timeout{5'000};         // to connect to each address of a name, and for each answer
  std::chrono::milliseconds ping_period{5'000};            // silent for three of them: the connection is dead
  std::chrono::milliseconds echo_timeout{10'000};          // a line not answered by then is given up
  std::chrono::milliseconds repeat_after{2'000};           // what is not answered by then is sent again
  std::chrono::milliseconds first_retry{500};              // doubles, less a random part
  std::chrono::milliseconds longest_retry{15'000};
  std::chrono::milliseconds settled{10'000};  // online for so long: the next retry is a first one again
  std::size_t most_waiting = 1'000;           // lines that are kept while they cannot be sent
};

// What a chat has to tell its user. Called from ChatClient's functions.
class ChatView {
 public:
  ChatView() = default;
  ChatView(const ChatView&) = delete;
  ChatView& operator=(const ChatView&) = delete;
  virtual ~ChatView() = default;
  // `uid`: who the player is there.
  virtual void on_online(const std::string& uid, const std::string& agent, const std::string& game) = 0;
  virtual void on_chat(const std::string& content) = 0;
  virtual void on_notice(const std::string& sentence) = 0;
  // Not connected, or not any more; tried again so much later, or never.
  virtual void on_trouble(const std::string& sentence, std::optional<std::chrono::milliseconds> retry_in) = 0;
};

// A player of the chat: logs in, is verified by an agent, says lines and hears everybody's; does it all again when the
// connection is lost. A state machine for a loop around poll(); one thread.
class ChatClient {
 public:
  using Clock = std::chrono::steady_clock;
  enum class State : std::uint8_t {
    waiting,     // until the next try
    logging_in,  // to the login service
    verifying,   // by the agent
    online,
    ended,  // kicked
  };

  ChatClient(ChatConfig config, ChatView& view);

  void start();
  // Sends the line or does its command (see chat_commands.hpp), or keeps it until it can be sent. One after another:
  // each waits for the answer to the one before. False: too many wait, it was not taken.
  bool say(std::string_view line);
  static constexpr std::size_t kLongestLine = 60'000;  // bytes

  // The loop: poll for this until then at most, then step.
  [[nodiscard]] pollfd interest() const { return socket_.interest(); }
  [[nodiscard]] Clock::time_point deadline() const;
  void step(short events);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool takes_lines() const { return waiting_.size() < config_.most_waiting; }
  // Lines that were not sent yet, or not answered yet.
  [[nodiscard]] std::size_t open_lines() const { return waiting_.size() + sent_.size(); }
  [[nodiscard]] std::uint64_t echoed() const { return echoed_; }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  [[nodiscard]] const std::string& trouble() const { return trouble_; }  // the last one; empty once online

 private:
  struct Sent {
    ChatRequest request;
    Clock::time_point at;        // for the first time
    Clock::time_point again_at;  // when it is sent again
  };
  void log_in();
  void verify(std::string_view login_ack);
  void connect(State next, const base::Result<net::Address>& to);
  void on_frame(std::uint16_t id, std::string_view body);
  void on_verified(std::string_view body);
  void on_chat(std::string_view body);
  template <class Request, class Answer>
  void on_answer(std::string_view body);
  void answered(const proto::ChatREQ& req, const proto::ChatDoneACK& ack);
  void answered(const proto::WhoREQ& req, const proto::WhoACK& ack);
  void answered(const proto::JoinChannelREQ& req, const proto::JoinChannelACK& ack);
  void answered(const proto::LeaveChannelREQ& req, const proto::LeaveChannelACK& ack);
  void answered(const proto::FriendREQ& req, const proto::FriendACK& ack);
  void answered(const proto::PlayerREQ& req, const proto::PlayerACK& ack);
  void answered(const proto::LevelUpREQ& req, const proto::LevelUpACK& ack);
  void on_notice(std::string_view body);
  void send_waiting();
  void give_up_old_lines();
  void repeat_unanswered();
  void on_time();
  [[nodiscard]] std::string connection_failed(const base::Error& error) const;
  void lose(const std::string& why);
  template <class M>
  bool parse(M& message, std::string_view body);
  template <class M>
  void send(const M& message);

  const ChatConfig config_;
  ChatView& view_;
  std::minstd_rand random_{std::random_device{}()};
  FrameSocket socket_;
  State state_ = State::waiting;
  std::string peer_;    // the address that is talked to
  std::string scheme_;  // of the login, and so of the agent
  std::string uid_;     // as the login, then the agent called the player
  std::string game_;    // that the login chose
  std::string token_;
  std::string closing_;  // the notice that announced the end of this connection
  bool kicked_ = false;
  std::string trouble_;
  Clock::time_point until_;  // of the answer that is waited for, or of the wait
  Clock::time_point online_since_;
  Clock::time_point heard_;
  Clock::time_point next_ping_;
  bool answers_pings_ = false;
  std::chrono::milliseconds retry_;
  std::deque<ChatRequest> waiting_;                                    // not sent; bounded by most_waiting
  std::deque<Sent> sent_;                                              // not answered; bounded by kWindow
  Clock::time_point paused_until_;                                     // nothing is sent before: it was too fast
  std::string channel_;                                                // where lines go; empty: to all
  std::string prefix_ = std::to_string(std::random_device{}()) + "-";  // of request ids
  std::uint64_t said_ = 0;
  std::string level_up_;  // the request id of one whose end is not known: the next one is the same, so not paid twice
  std::uint64_t echoed_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace cm::cli
