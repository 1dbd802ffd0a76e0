// SPDX-License-Identifier: MIT
//
// How each kind of handler is run with what came for it: signatures are checked here. Internal.
#ifndef CELLMESH_RUNNER_HPP
#define CELLMESH_RUNNER_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "fence.hpp"
#include "handler.hpp"

namespace cellmesh {

// Where a channel's message came from. Since 1.0.
struct ChannelInfo {
  std::string_view channel;  // valid until the handler returns
  ServiceId from;            // who published it
  std::uint64_t lost = 0;    // messages of this channel that this service was too slow for, just before this one
};

namespace detail {

// void on_player(const LoadPlayerACK& answer, cellmesh::Status status, cookie...)
template <typename T, auto H>
struct ReplyRunner {
  static constexpr std::size_t fixed = 2;
  using M = ArgumentOf<H, 0>;
  static_assert(Message<M> && std::is_same_v<ArgumentOf<H, 1>, Status>,
                "a handler of replies is `void on_x(const AnswerACK& answer, cellmesh::Status status, cookie...)`");
  using Cookie = CookieOf<H, fixed>;

  static Status run(T& service, Core& core, const Arrival& arrival) {
    M answer;
    Status status = arrival.status;
    if (status == Status::ok && (arrival.id != MessageTraits<M>::id || !parse(answer, arrival.body))) {
      core.logger().warn("the answer to {} is no {} (message id {})", HandlerName<H>::source, MessageTraits<M>::name,
                         arrival.id);
      answer.Clear();
      status = Status::bad_message;
    }
    const Status ran = run_handler<H, fixed>(service, core, arrival, answer, status);
    return ran == Status::ok && arrival.status == Status::ok ? status : ran;
  }
};

// void on_tick(cookie...)
template <typename T, auto H>
struct TimerRunner {
  static constexpr std::size_t fixed = 0;
  using Cookie = CookieOf<H, fixed>;

  static Status run(T& service, Core& core, const Arrival& arrival) {
    return run_handler<H, fixed>(service, core, arrival);
  }
};

// void on_news(const NewsACK& news, cellmesh::ChannelInfo info, cookie...)
template <typename T, auto H>
struct ChannelRunner {
  static constexpr std::size_t fixed = 2;
  using M = ArgumentOf<H, 0>;
  static_assert(Message<M> && std::is_same_v<ArgumentOf<H, 1>, ChannelInfo>,
                "a handler of a channel is `void on_x(const NewsACK& news, cellmesh::ChannelInfo info, cookie...)`");
  using Cookie = CookieOf<H, fixed>;

  static Status run(T& service, Core& core, const Arrival& arrival) {
    if (arrival.id != MessageTraits<M>::id) return Status::unhandled;
    M message;
    if (!parse(message, arrival.body)) return Status::bad_message;
    const ChannelInfo info{arrival.channel->channel, ServiceId(arrival.channel->from), arrival.channel->lost};
    return run_handler<H, fixed>(service, core, arrival, message, info);
  }
};

// void on_hashed(const Out& output, cellmesh::Status status, cookie...)
template <typename T, auto H>
struct JobRunner {
  static constexpr std::size_t fixed = 2;
  using Out = ArgumentOf<H, 0>;
  static_assert(
      ByteValue<Out> && std::is_same_v<ArgumentOf<H, 1>, Status>,
      "a handler of a job's end is `void on_x(const Out& output, cellmesh::Status status, cookie...)`, Out being "
      "a protobuf message or std::string");
  using Cookie = CookieOf<H, fixed>;

  static Status run(T& service, Core& core, const Arrival& arrival) {
    Out output;
    Status status = arrival.status;
    if (status == Status::ok && !parse(output, arrival.body)) {
      output = Out();
      status = Status::bad_message;
    }
    if (arrival.status == Status::fault) {
      core.logger().error("the job for {} failed: {}", HandlerName<H>::source,
                          std::string_view(reinterpret_cast<const char*>(arrival.body.data()), arrival.body.size()));
    }
    return run_handler<H, fixed>(service, core, arrival, output, status);
  }
};

template <typename F>
struct WorkTraits {
  static constexpr bool valid = false;
};
template <typename R, typename A>
struct WorkTraits<R (*)(A)> {
  using In = std::remove_cvref_t<A>;
  using Out = std::remove_cvref_t<R>;
  static constexpr bool valid = ByteValue<In> && ByteValue<Out>;
};
template <typename R, typename A>
struct WorkTraits<R (*)(A) noexcept> : WorkTraits<R (*)(A)> {};

// A job as the host runs it, on a thread of the blocking pool. Of one that throws, the output is what it threw.
template <auto Work>
cm_status run_job(const std::uint8_t* data, std::size_t size, cm_job_output* output) noexcept {
  using Traits = WorkTraits<decltype(Work)>;
  try {
    typename Traits::In input;
    if (!parse(input, {data, size})) return CM_BAD_MESSAGE;
    const typename Traits::Out result = Work(input);
    if constexpr (std::is_same_v<typename Traits::Out, std::string>) {
      return output->write(output, reinterpret_cast<const std::uint8_t*>(result.data()), result.size());
    } else {
      if (result.ByteSizeLong() > CM_MAX_SERVICE_BODY) return CM_TOO_LARGE;
      const std::string bytes = result.SerializeAsString();
      return output->write(output, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    }
  } catch (...) {
    const std::string_view text = caught_text();
    static_cast<void>(output->write(output, reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
    return CM_FAULT;
  }
}

}  // namespace detail
}  // namespace cellmesh

#endif
