#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "check/bodies.hpp"
#include "check/service.hpp"

namespace cm::check {

// What a service is made to bear, for several tests: each may ask another thing of it. They are the same for a seed.

// Each message of the manifest with `body(name, random)` times over: from a client, from a service, as a call.
using MakeBody = std::function<std::string(const Bodies& bodies, std::string_view message, Random& random)>;
void each_message(Service& service, std::string_view purpose, std::size_t times, const MakeBody& body);

// The ways that a message comes.
enum class From : std::uint8_t { client, service, call };
cm_status deliver(Service& service, From from, std::uint16_t id, std::string_view body, const std::string& what);

void empty_messages(Service& service);
void valid_messages(Service& service);
void random_messages(Service& service);
void truncated_messages(Service& service);
void unknown_messages(Service& service);

// What comes for what it started: timers fire, calls are answered and fail, jobs end, channels speak.
void let_it_work(Service& service);
// The same for handlers that it does not have.
void unknown_handlers(Service& service);
// Clients and services come, and go, also such that it never heard of.
void comings_and_goings(Service& service);
// Its default settings once more, if it has any.
void settings_again(Service& service);

// All of these.
void everything(Service& service);

// Bytes of the test's own choice where an answer, a channel's message or a job's result is to be.
cm_status call_reply(Service& service, const std::string& handler, cm_status status, std::string_view cookie,
                     std::uint16_t id, std::string_view body);
cm_status call_timer(Service& service, const std::string& handler, std::string_view cookie);
cm_status call_channel(Service& service, const std::string& handler, std::string_view cookie, std::uint16_t id,
                       std::string_view body);
cm_status call_job(Service& service, const std::string& handler, cm_status status, std::string_view cookie,
                   std::string_view output);

}  // namespace cm::check
