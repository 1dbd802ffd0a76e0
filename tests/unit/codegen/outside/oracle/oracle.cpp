// A plugin in C++20 on the C headers alone, for a standard library that is not the host's: no protobuf, and exceptions
// fenced by hand. It does what keeps a library from unloading: templates with statics, thread_local objects, throws.
#include <cellmesh/abi/message.h>
#include <cellmesh/abi/plugin.h>

#include <cstdint>
#include <map>
#include <memory>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "oracle.plugin.h"

namespace {

struct BadMessage : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Reader {
 public:
  explicit Reader(std::string_view body) : body_(body) {}

  // The last text of this number; fields of other types are not expected here.
  std::string text(std::uint32_t number) {
    std::string_view found;
    while (!body_.empty()) {
      const auto key = varint();
      if ((key & 7U) != 2U) throw BadMessage("a field that is no text");
      const auto value = take(varint());
      if (key >> 3U == number) found = value;
    }
    return std::string(found);
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1).front());
      value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if (byte < 0x80U) return value;
    }
    throw BadMessage("an endless number");
  }
  std::string_view take(std::uint64_t size) {
    if (size > body_.size()) throw BadMessage("cut short");
    const auto taken = body_.substr(0, size);
    body_.remove_prefix(size);
    return taken;
  }

  std::string_view body_;
};

std::string text_field(std::uint32_t number, std::string_view text) {
  std::string out(1, static_cast<char>(number << 3U | 2U));
  auto size = text.size();
  for (; size > 0x7FU; size >>= 7U) out += static_cast<char>(size | 0x80U);
  out += static_cast<char>(size);
  return out.append(text);
}

std::map<std::string, int> asked_of_all;
thread_local std::string last_of_this_thread = "nothing that was asked on this thread before";

class Oracle {
 public:
  explicit Oracle(const cm_host* host)
      : host_(host), messages_(static_cast<const cm_host_message*>(host->get_extension(host, CM_EXT_MESSAGE))) {
    if (messages_ == nullptr) throw std::runtime_error("this host has no messages");
  }

  cm_status on_message(const cm_message& message) {
    if (message.id != CM_MSG_ORACLE_ASKREQ) return CM_UNHANDLED;
    const std::string_view body(reinterpret_cast<const char*>(message.body), message.body_size);
    const std::string answer = text_field(CM_FIELD_ORACLE_ASKACK_ANSWER, ask(body));
    messages_->reply(host_, &message.request, CM_MSG_ORACLE_ASKACK,
                     reinterpret_cast<const std::uint8_t*>(answer.data()), answer.size());
    return CM_OK;
  }

  // Runs a hook; what it throws is told to the host and goes no further.
  template <typename Hook>
  static cm_status fence(const cm_host* host, Hook&& hook) noexcept {
    try {
      return hook();
    } catch (const BadMessage&) {
      return CM_BAD_MESSAGE;
    } catch (const std::exception& e) {
      host->report_fault(host, e.what());
    } catch (...) {
      host->report_fault(host, "an exception of an unknown type");
    }
    return CM_FAULT;
  }
  [[nodiscard]] const cm_host* host() const { return host_; }

 private:
  static std::string ask(std::string_view body) {
    const auto question = Reader(body).text(CM_FIELD_ORACLE_ASKREQ_QUESTION);
    if (question == "throw") throw std::out_of_range("a question without an answer: " + question);
    std::ostringstream answer;
    answer << std::regex_replace(question, std::regex("[aeiou]"), "*") << ", asked " << ++asked_of_all[question]
           << " times; before: " << last_of_this_thread;
    last_of_this_thread = question;
    return answer.str();
  }

  const cm_host* host_;
  const cm_host_message* messages_;
};

void* create(const cm_host* host) {
  std::unique_ptr<Oracle> made;
  Oracle::fence(host, [&] {
    made = std::make_unique<Oracle>(host);
    return CM_OK;
  });
  return made.release();
}
void destroy(void* self) { delete static_cast<Oracle*>(self); }
cm_status start(void* /*self*/) { return CM_OK; }
void stop(void* /*self*/) {}
cm_status on_message(void* self, const cm_message* message) {
  auto& oracle = *static_cast<Oracle*>(self);
  return Oracle::fence(oracle.host(), [&] { return oracle.on_message(*message); });
}
const void* get_extension(void* /*self*/, const char* /*id*/) { return nullptr; }

constexpr cm_service_kind kind{
    sizeof(cm_service_kind), 0, CELLMESH_PLUGIN_NAME, &create, &destroy, &start, &stop, &on_message, &get_extension};
constexpr const cm_service_kind* kinds[] = {&kind};

}  // namespace

const cm_plugin cellmesh_plugin = {sizeof(cm_plugin), CM_ABI_MAJOR, CM_ABI_MINOR, nullptr, nullptr, 1, 0, kinds};
