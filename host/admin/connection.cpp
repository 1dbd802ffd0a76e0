#include "admin/connection.hpp"

#include <exception>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/closest.hpp"

namespace cm::admin {
namespace asio = boost::asio;
namespace json = boost::json;

namespace {

constexpr std::string_view kShape = R"(send one object a line: {"command":"status","args":{}})";

struct Request {
  std::string command;
  json::object args;
};

base::Result<Request> parse_request(std::string_view line) {
  json::error_code ec;
  json::value value = json::parse({line.data(), line.size()}, ec);
  if (ec) return base::error("the request is no JSON (" + ec.message() + "); " + std::string(kShape));
  const json::object* object = value.if_object();
  const json::value* command = object != nullptr ? object->if_contains("command") : nullptr;
  if (command == nullptr || !command->is_string())
    return base::error("the request names no command; " + std::string(kShape));
  Request request{std::string(command->get_string()), {}};
  if (const json::value* args = object->if_contains("args"); args != nullptr && !args->is_null()) {
    if (!args->is_object()) return base::error("\"args\" is no object; " + std::string(kShape));
    request.args = args->get_object();
  }
  return request;
}

base::Error unknown_command(std::string_view command, const Handlers& handlers) {
  std::vector<std::string_view> names;
  for (const auto& [name, handler] : handlers) names.push_back(name);
  const std::string known = base::did_you_mean(command, names);
  return base::error("there is no command \"" + std::string(command.substr(0, 100)) + "\"" +
                     (known.empty() ? "; `cellmesh ctl --help` lists them" : known));
}

}  // namespace

Connection::Connection(Socket socket, const ServerConfig& config, const Handlers& handlers, Post post,
                       std::shared_ptr<void> place)
    : config_(config),
      handlers_(handlers),
      post_(std::move(post)),
      place_(std::move(place)),
      socket_(std::move(socket)),
      timer_(socket_.get_executor()) {}

void Connection::serve() { read(); }

void Connection::refuse(const std::string& why) {
  last_ = true;
  answer(base::error(why));
}

void Connection::read() {
  begin_phase(config_.idle_timeout, &Connection::close);
  asio::async_read_until(
      socket_, asio::dynamic_buffer(input_, config_.max_line + 1), '\n',
      [self = shared_from_this()](const boost::system::error_code& ec, std::size_t size) { self->on_line(ec, size); });
}

void Connection::on_line(const boost::system::error_code& ec, std::size_t size) {
  if (ec == asio::error::not_found) {
    return refuse("the request is longer than " + std::to_string(config_.max_line) + " bytes; send less at once");
  }
  if (ec == asio::error::eof && !input_.empty()) {  // a last line without its end
    size = input_.size();
    last_ = true;
  } else if (ec) {
    return close();
  }
  std::string line = input_.substr(0, size);
  input_.erase(0, size);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  if (!line.empty()) return run(line);
  if (last_) return close();
  read();
}

void Connection::run(std::string_view line) {
  auto request = parse_request(line);
  if (request.has_error()) return answer(request.error());
  const auto handler = handlers_.find(request->command);
  if (handler == handlers_.end()) return answer(unknown_command(request->command, handlers_));
  begin_phase(config_.command_timeout, &Connection::too_late);
  Done done = [weak = weak_from_this(), post = post_, phase = phase_](base::Result<json::value> result) {
    post([weak, phase, result = std::move(result)]() mutable {
      const auto self = weak.lock();
      if (self != nullptr && self->phase_ == phase) self->answer(std::move(result));
    });
  };
  try {
    handler->second(request->args, done);
  } catch (const std::exception& e) {
    done(base::error("the command failed: " + std::string(e.what())));
  }
}

void Connection::answer(base::Result<json::value> result) {
  json::object out;
  out["ok"] = result.has_value();
  if (result.has_value()) {
    out["result"] = std::move(*result);
  } else {
    out["error"] = result.error().text;
  }
  output_ = json::serialize(out) + "\n";
  write();
}

void Connection::write() {
  begin_phase(config_.write_timeout, &Connection::close);
  asio::async_write(socket_, asio::buffer(output_),
                    [self = shared_from_this()](const boost::system::error_code& ec, std::size_t) {
                      if (ec || self->last_) return self->close();
                      self->output_ = {};
                      self->read();
                    });
}

void Connection::close() {
  ++phase_;
  timer_.cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void Connection::begin_phase(std::chrono::milliseconds limit, void (Connection::*on_late)()) {
  const std::uint64_t phase = ++phase_;
  timer_.expires_after(limit);
  timer_.async_wait([self = shared_from_this(), phase, on_late](const boost::system::error_code&) {
    if (self->phase_ == phase) (self.get()->*on_late)();
  });
}

void Connection::too_late() {
  answer(base::error("no answer within " + std::to_string(config_.command_timeout.count() / 1000) +
                     " s; the command may still take effect: look with `cellmesh ctl status`"));
}

}  // namespace cm::admin
