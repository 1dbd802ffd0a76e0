// SPDX-License-Identifier: MIT
//
// What a MemoryHost writes down of its service, and what waits in it, as plain data.
#ifndef CELLMESH_TESTKIT_ACT_HPP
#define CELLMESH_TESTKIT_ACT_HPP

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <cellmesh/abi/channel.h>
#include <cellmesh/abi/clients.h>
#include <cellmesh/abi/log.h>
#include <cellmesh/abi/offload.h>
#include <cellmesh/abi/timer.h>
#include <cellmesh/abi/types.h>

namespace cellmesh::test {

// A function of a host extension that a service called. Since 1.0.
enum class Did : std::uint8_t {
  send,
  call,
  reply,
  reply_status,
  clients_send,
  clients_send_list,
  clients_broadcast,
  clients_close,
  clients_close_list,
  clients_close_all,
  clients_bind,
  clients_unbind,
  gateway_open,
  gateway_update,
  gateway_intercept,
  gateway_release,
  gateway_admit,
  gateway_bind,
  gateway_unbind,
  timer_start,
  timer_cancel,
  publish,
  subscribe,
  unsubscribe,
  offload,
  set_load,
  set_load_of,
  listeners_add,     // since 1.1; listeners.open is gateway_open
  listeners_update,  // likewise
  kv_publish,        // likewise, with those below
  kv_remove,
  kv_watch,
  kv_unwatch,
  gateway_default_protocol,  // since 1.2
  gateway_set_protocol,      // likewise
  set_health,                // since 1.2: unhealthy, or healthy with an empty text
};

// "clients.send". Since 1.0.
std::string_view to_string(Did did);

// One such call, after its arguments were found good. Since 1.0.
struct Act {
  Did did = Did::send;
  cm_status result = CM_OK;  // what the service was told; on anything else it came to nothing
  std::uint64_t order = 0;   // its place among all that the service did, from 1 on

  cm_service to = 0;                    // the service it goes to or is about; the agent of a broadcast, 0: of all
  std::vector<cm_client> clients = {};  // whom it goes to or is about; of a call: on whose behalf
  std::uint16_t id = 0;                 // message id
  std::string body = {};                // a message, a job's input, or the value of kv_publish
  cm_request request = {};              // what reply and reply_status answer
  cm_status status = CM_OK;             // of reply_status
  std::string channel = {};             // of publish, subscribe, unsubscribe
  std::string handler = {};             // of call, timer_start, subscribe, offload
  std::string cookie = {};              //
  std::string text = {};  // what clients are told at a close; the kind of gateway_unbind; name or prefix of kv_...;
                          // the version of gateway_..._protocol; set_health's reason
  cm_close_reason reason = 0;   // of a close
  std::uint64_t number = 0;     // of the call or the timer; the load of set_load, set_load_of
  std::uint64_t time_ms = 0;    // time-out of a call, delay of a timer, time to live of set_load_of
  std::uint64_t period_ms = 0;  // of a timer
};

// A call that waits for its answer. Since 1.0.
struct WaitingCall {
  std::uint64_t number = 0;
  cm_service to = 0;
  cm_client client = {};  // on whose behalf; all zero for none
  std::uint16_t id = 0;
  std::string body = {};
  std::string handler = {};
  std::string cookie = {};
  std::uint64_t due_ms = 0;  // when it times out
};

// A timer that runs. Since 1.0.
struct WaitingTimer {
  cm_timer number = 0;
  std::string handler = {};
  std::string cookie = {};
  std::uint64_t due_ms = 0;
  std::uint64_t period_ms = 0;  // 0: it fires once
};

// A channel that the service is subscribed to. Since 1.0.
struct Subscription {
  std::string channel = {};
  std::string handler = {};  // empty: its messages come as if they had been sent
  std::string cookie = {};
};

// A job that was not run yet. Since 1.0.
struct WaitingJob {
  cm_job work = nullptr;
  std::string input = {};
  std::string handler = {};
  std::string cookie = {};
};

// A hook that failed inside. Since 1.0.
struct Fault {
  std::string hook;  // "on_timer Game::tick", "on_message"
  std::uint16_t id;  // of the message that it handled; 0: of none
  std::string what;  // what it said of it, an exception's text
};

// A line of the service's log, or of its host's about it. Since 1.0.
struct Line {
  cm_log_level level = CM_LOG_INFO;
  std::string text = {};
};

}  // namespace cellmesh::test

#endif
