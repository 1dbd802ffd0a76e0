#include "plugin/rehearsal.hpp"

#include <unistd.h>

#include <array>
#include <memory>
#include <utility>

#include "base/child_process.hpp"
#include "plugin/library.hpp"
#include "rehearsal.pb.h"

namespace cm::plugin {
namespace {

namespace pb = cellmesh::rehearsal;

constexpr std::string_view kGood = "good\n";
constexpr std::string_view kRefused = "refused: ";
constexpr std::size_t kMemory = std::size_t{3} << 30U;  // bytes of address space, beside the state
constexpr std::size_t kMemoryOfState = 16;              // bytes for each byte of it
constexpr std::size_t kErrorsShown = 4000;

pb::Rehearsal request_of(const std::filesystem::path& library, const std::string& label, const HostIdentity& identity,
                         const std::vector<RehearsedService>& services) {
  pb::Rehearsal request;
  request.set_library(library.string());
  request.set_label(label);
  request.set_host(identity.name);
  request.set_index(identity.index);
  request.set_group(identity.group);
  for (const auto& service : services) {
    auto& out = *request.add_services();
    out.set_kind(service.kind);
    if (service.settings) out.set_settings(*service.settings);
    out.set_version(service.state->version);
    out.set_message(service.state->message);
    for (const auto& [name, table] : service.state->tables) {
      auto& rows = *out.add_tables();
      rows.set_name(name);
      for (const auto& [key, row] : table) {
        auto& entry = *rows.add_rows();
        entry.set_key(key);
        entry.set_row(row);
      }
    }
    for (const auto& w : *service.waiting) {
      auto& entry = *out.add_waiting();
      entry.set_kind(w.kind);
      entry.set_handler(w.handler);
      entry.set_count(w.count);
    }
  }
  return request;
}

StateCopy state_of(const pb::Service& service) {
  StateCopy state;
  state.version = service.version();
  state.message = service.message();
  for (const auto& table : service.tables()) {
    auto& rows = state.tables[table.name()];
    for (const auto& row : table.rows()) rows.emplace(row.key(), row.row());
  }
  return state;
}

// The last lines of what it wrote, as one indented block.
std::string last_lines(const std::string& errors) {
  std::string text = errors.size() > kErrorsShown ? errors.substr(errors.size() - kErrorsShown) : errors;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (text.empty()) return {};
  std::string block = "\n  ";
  for (const char c : text) {
    block += c;
    if (c == '\n') block += "  ";
  }
  return block;
}

base::Status answer(const base::ChildEnd& end, std::chrono::milliseconds time_limit) {
  if (end.signal == 0 && !end.timed_out && end.exit_code == 0 && end.output.ends_with(kGood)) return {};
  const auto at = end.output.rfind(kRefused);
  if (end.signal == 0 && end.exit_code == 1 && at != std::string::npos) {
    std::string why = end.output.substr(at + kRefused.size());
    while (!why.empty() && why.back() == '\n') why.pop_back();
    return base::error(std::move(why));
  }
  std::string how = "the process in which it was tried with the state as it is ended with " + end.text(time_limit);
  if (end.timed_out) how = "it did not take over the state in time: there was " + end.text(time_limit);
  return base::error(how + last_lines(end.errors));
}

std::string read_all(int fd) {
  std::string bytes;
  std::array<char, 65'536> buffer;
  for (;;) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n <= 0) return bytes;
    bytes.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

base::Status try_all(const pb::Rehearsal& request) {
  LibraryLoader loader;
  auto library = loader.open_in_place(request.library(), request.label());
  if (!library) return library.error();
  auto manifest = read_manifest(request.library());
  if (!manifest) return manifest.error();
  routing::Names names;
  routing::Registry registry(names);
  Surroundings surroundings{.registry = registry,
                            .frontends = nullptr,
                            .pool = std::make_shared<BlockingPool>(BlockingPool::Limits{}),
                            .identity = {request.host(), request.index(), request.group(), "rehearsal", "rehearsal"},
                            .patience = {},
                            .mailbox = {},
                            .faulty = {},
                            .kv = nullptr};
  auto generation = std::make_shared<Generation>(1, std::make_shared<const Manifest>(std::move(*manifest)),
                                                 request.library(), std::make_unique<Library>(std::move(*library)));
  if (auto status = generation->init(); !status) return status;
  for (const auto& service : request.services()) {
    const cm_service_kind* kind = generation->kind(service.kind());
    if (kind == nullptr) return base::error("it provides no " + service.kind());
    std::optional<std::string> settings;
    if (service.has_settings()) settings = service.settings();
    const auto tried = std::make_shared<Service>(surroundings, generation, *kind, std::move(settings));
    std::vector<Takeover::Waiting> waiting;
    for (const auto& w : service.waiting()) waiting.push_back({w.kind(), w.handler(), w.count()});
    if (auto status = Takeover::rehearse(*tried, state_of(service), waiting); !status) return status;
  }
  return {};
}

}  // namespace

base::Status rehearse(const std::filesystem::path& program, const std::filesystem::path& library,
                      const std::string& label, const HostIdentity& identity,
                      const std::vector<RehearsedService>& services, std::chrono::milliseconds time_limit) {
  base::ChildSpec spec;
  spec.argv = {program.string(), "rehearse"};
  spec.input = request_of(library, label, identity, services).SerializeAsString();
  spec.time_limit = time_limit;
  const auto end = base::run_child(spec);
  if (!end) return end.error();
  return answer(*end, time_limit);
}

int run_rehearsal() {
  const std::string input = read_all(STDIN_FILENO);
  // What the plugin prints goes with its errors: standard output is for the answer.
  const int out = ::dup(STDOUT_FILENO);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  base::confine_this_process(kMemory + kMemoryOfState * input.size());
  base::Status status;
  {
    pb::Rehearsal request;
    status =
        request.ParseFromString(input) ? try_all(request) : base::error("this is no rehearsal that a host asks for");
  }
  write_all(out, status ? std::string(kGood) : std::string(kRefused) + status.error().text + "\n");
  // exit() would destroy what a thread that the plugin left uses.
  if (library_left_running()) ::_exit(status ? 0 : 1);
  return status ? 0 : 1;
}

}  // namespace cm::plugin
