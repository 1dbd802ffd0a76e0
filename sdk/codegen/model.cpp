#include "model.hpp"

#include <algorithm>
#include <map>
#include <string>

#include "message_id.hpp"

namespace cm::codegen {

namespace pb = google::protobuf;

namespace {

constexpr std::uint32_t kMaxProtocol = 250;  // the host keeps it in a byte

class Reader {
 public:
  explicit Reader(Problems& problems) : problems_(problems) {}

  void read(const pb::Descriptor& message) {
    if (message.options().map_entry()) return;
    if (message.options().HasExtension(cellmesh::settings)) {
      settings(message);
    } else if (message.options().HasExtension(cellmesh::state)) {
      state(message);
    } else {
      plain(message);
    }
    for (int i = 0; i < message.nested_type_count(); ++i) read(*message.nested_type(i));
  }

  Model take() {
    collisions();
    return std::move(model_);
  }

 private:
  void never_sent(const pb::Descriptor& message, const std::string& what, const std::string& option) {
    const auto& options = message.options();
    if (!options.HasExtension(cellmesh::service) && !options.HasExtension(cellmesh::route) &&
        !options.HasExtension(cellmesh::id) && !options.HasExtension(cellmesh::since)) {
      return;
    }
    problems_.at(message, "it holds " + what +
                              " and is never sent; remove its (cellmesh.service), (cellmesh.route), (cellmesh.id) "
                              "and (cellmesh.since), or its " +
                              option);
  }

  void state(const pb::Descriptor& message) {
    never_sent(message, "a state", "(cellmesh.state)");
    no_setting_fields(message);
    State found{&message, message.options().GetExtension(cellmesh::state)};
    if (!is_name(found.kind)) {
      problems_.at(message, "(cellmesh.state) = \"" + found.kind + "\" names no kind of service; " + kNameRule);
    }
    const auto same =
        std::find_if(model_.states.begin(), model_.states.end(), [&](const State& s) { return s.kind == found.kind; });
    if (same != model_.states.end()) {
      problems_.at(message, "'" + found.kind + "' has its state in " + same->descriptor->full_name() + " (" +
                                place(*same->descriptor) +
                                ") already; a kind of service has one state message: join the two");
      return;
    }
    model_.states.push_back(std::move(found));
  }

  void settings(const pb::Descriptor& message) {
    never_sent(message, "settings", "(cellmesh.settings)");
    if (message.options().HasExtension(cellmesh::state)) {
      problems_.at(message, "it holds settings and a state; make two messages of it");
    }
    Settings found{&message, read_settings(message, problems_)};
    const auto same = std::find_if(model_.settings.begin(), model_.settings.end(),
                                   [&](const Settings& s) { return s.manifest.kind() == found.manifest.kind(); });
    if (same != model_.settings.end()) {
      problems_.at(message, "'" + found.manifest.kind() + "' has its settings in " + same->descriptor->full_name() +
                                " (" + place(*same->descriptor) +
                                ") already; a kind of service has one settings message: join the two");
      return;
    }
    model_.settings.push_back(std::move(found));
  }

  void no_setting_fields(const pb::Descriptor& message) {
    for (int i = 0; i < message.field_count(); ++i) {
      if (message.field(i)->options().HasExtension(cellmesh::setting)) {
        problems_.at(*message.field(i),
                     "(cellmesh.setting) stands only in a settings message; give the message "
                     "`option (cellmesh.settings) = \"<kind of service>\";`");
      }
    }
  }

  void plain(const pb::Descriptor& message) {
    no_setting_fields(message);
    Message found{&message, message_id(message.full_name()), message.options().GetExtension(cellmesh::service),
                  message.options().GetExtension(cellmesh::route), message.options().GetExtension(cellmesh::since)};
    route(found);
    id(found);
    if (message.options().HasExtension(cellmesh::since) && (found.since == 0 || found.since > kMaxProtocol)) {
      problems_.at(message, "(cellmesh.since) = " + std::to_string(found.since) +
                                " is out of range; a version of the client protocol is 1 to " +
                                std::to_string(kMaxProtocol));
    }
    model_.messages.push_back(std::move(found));
  }

  void route(Message& m) {
    const bool has_service = m.descriptor->options().HasExtension(cellmesh::service);
    if (!cellmesh::Route_IsValid(m.route)) {
      problems_.at(*m.descriptor, "(cellmesh.route) is PASS or AUTH, not " + std::to_string(m.route));
    } else if (m.route != cellmesh::ROUTE_NONE && !has_service) {
      problems_.at(*m.descriptor, "(cellmesh.route) = " + cellmesh::Route_Name(m.route) +
                                      " says that clients may send it, but not to whom; add `option "
                                      "(cellmesh.service) = \"<kind of service>\";`");
    } else if (m.route == cellmesh::ROUTE_NONE && has_service) {
      problems_.at(*m.descriptor, "(cellmesh.service) = \"" + m.service +
                                      "\" without a route; add `option (cellmesh.route) = AUTH;` (clients that were "
                                      "admitted) or PASS (any client), or remove (cellmesh.service)");
    } else if (has_service && !is_name(m.service)) {
      problems_.at(*m.descriptor, "(cellmesh.service) = \"" + m.service + "\" names no kind of service; " + kNameRule);
    }
  }

  void id(Message& m) {
    const auto& options = m.descriptor->options();
    if (options.HasExtension(cellmesh::id)) {
      const auto fixed = options.GetExtension(cellmesh::id);
      if (fixed == 0 || fixed > 0xFFFFU) {
        problems_.at(*m.descriptor,
                     "(cellmesh.id) = " + std::to_string(fixed) + " is out of range; an id is 1 to 65535");
      }
      m.id = static_cast<std::uint16_t>(fixed);
    } else if (m.id == 0) {
      problems_.at(*m.descriptor,
                   "its name hashes to id 0, which means no message; rename it, or fix its id with "
                   "`option (cellmesh.id) = N;`");
    }
  }

  void collisions() {
    std::map<std::uint16_t, const Message*> by_id;
    for (const auto& m : model_.messages) {
      if (m.id != 0) by_id.try_emplace(m.id, &m);
    }
    for (const auto& m : model_.messages) {
      if (m.id == 0 || by_id.at(m.id) == &m) continue;
      const auto& first = *by_id.at(m.id)->descriptor;
      std::uint16_t free = m.id;
      for (int i = 0; i < 0xFFFF && (free == 0 || by_id.contains(free)); ++i) ++free;
      by_id.try_emplace(free, &m);  // the next collision is advised another one
      problems_.at(*m.descriptor, "its id " + std::to_string(m.id) + " is also that of message " + first.full_name() +
                                      " (" + place(first) +
                                      "); rename the newer of the two, or fix its id, for "
                                      "example with `option (cellmesh.id) = " +
                                      std::to_string(free) + ";`");
    }
  }

  Problems& problems_;
  Model model_;
};

}  // namespace

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
}

Model read_model(const std::vector<const pb::FileDescriptor*>& files, Problems& problems) {
  Reader reader(problems);
  for (const auto* file : files) {
    if (file->package() == "google.protobuf") continue;  // well-known types are parts of messages, never sent alone
    for (int i = 0; i < file->message_type_count(); ++i) reader.read(*file->message_type(i));
  }
  return reader.take();
}

}  // namespace cm::codegen
