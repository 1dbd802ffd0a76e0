#include "strip.hpp"

#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <set>
#include <string_view>

namespace cm::codegen {

namespace pb = google::protobuf;

namespace {

using Extensions = pb::RepeatedPtrField<pb::FieldDescriptorProto>;

void clean(pb::Message* options) {
  const auto& reflection = *options->GetReflection();
  std::vector<const pb::FieldDescriptor*> set;
  reflection.ListFields(*options, &set);
  for (const auto* field : set) {
    if (field->is_extension()) reflection.ClearField(options, field);
  }
  reflection.MutableUnknownFields(options)->Clear();
}

template <typename Holder>
void clean_options(Holder* holder) {
  if (holder->has_options()) clean(holder->mutable_options());
}

void drop_option_extensions(Extensions* extensions) {
  const auto declares_option = [](const pb::FieldDescriptorProto& e) {
    const std::string_view name = e.extendee();
    return name.starts_with(".google.protobuf.") && name.ends_with("Options");
  };
  extensions->erase(std::remove_if(extensions->begin(), extensions->end(), declares_option), extensions->end());
}

void clean(pb::EnumDescriptorProto* type) {
  clean_options(type);
  for (auto& value : *type->mutable_value()) clean_options(&value);
}

// Cleans and notes the names of all types that remain in use.
class Cleaner {
 public:
  std::set<std::string> used;

  void file(pb::FileDescriptorProto* file) {
    clean_options(file);
    for (auto& m : *file->mutable_message_type()) message(&m);
    for (auto& e : *file->mutable_enum_type()) clean(&e);
    drop_option_extensions(file->mutable_extension());
    for (auto& e : *file->mutable_extension()) field(&e);
    for (auto& s : *file->mutable_service()) {
      clean_options(&s);
      for (auto& m : *s.mutable_method()) {
        clean_options(&m);
        used.insert({m.input_type(), m.output_type()});
      }
    }
  }

 private:
  void message(pb::DescriptorProto* type) {
    clean_options(type);
    for (auto& f : *type->mutable_field()) field(&f);
    for (auto& o : *type->mutable_oneof_decl()) clean_options(&o);
    for (auto& r : *type->mutable_extension_range()) clean_options(&r);
    for (auto& m : *type->mutable_nested_type()) message(&m);
    for (auto& e : *type->mutable_enum_type()) clean(&e);
    drop_option_extensions(type->mutable_extension());
    for (auto& e : *type->mutable_extension()) field(&e);
  }

  void field(pb::FieldDescriptorProto* f) {
    clean_options(f);
    if (!f->type_name().empty()) used.insert(f->type_name());
    if (!f->extendee().empty()) used.insert(f->extendee());
  }
};

bool provides(const pb::FileDescriptor& file, const std::string& type) {
  const auto* m = file.pool()->FindMessageTypeByName(type);
  const auto* e = file.pool()->FindEnumTypeByName(type);
  return (m != nullptr && m->file() == &file) || (e != nullptr && e->file() == &file);
}

// An import is needed for a type of its own, or of a file that it imports publicly.
bool needed(const pb::FileDescriptor& import, const std::set<std::string>& used) {
  const auto uses = [&](const std::string& type) { return provides(import, type.substr(1)); };
  if (std::any_of(used.begin(), used.end(), uses)) return true;
  for (int i = 0; i < import.public_dependency_count(); ++i) {
    if (needed(*import.public_dependency(i), used)) return true;
  }
  return false;
}

bool is_public(const pb::FileDescriptor& file, const pb::FileDescriptor* import) {
  for (int i = 0; i < file.public_dependency_count(); ++i) {
    if (file.public_dependency(i) == import) return true;
  }
  return false;
}

bool only_for_options(const pb::FileDescriptor& file) {
  return file.name() == "google/protobuf/descriptor.proto" || file.name() == "cellmesh/options.proto";
}

}  // namespace

StrippedFiles::StrippedFiles(const std::vector<const pb::FileDescriptor*>& files, Runtime runtime, Problems& problems) {
  for (const auto* file : files) {
    const auto* copy = add(*file, runtime, problems);
    if (copy == nullptr) continue;
    stripped_.push_back(copy);
    if (runtime == Runtime::full) continue;
    for (int i = 0; i < copy->dependency_count(); ++i) {
      const auto& import = copy->dependency(i)->name();
      if (std::any_of(files.begin(), files.end(), [&](const auto* f) { return f->name() == import; })) continue;
      problems.at(*file, "it imports " + import + ", which is not among the plugin's .proto files; add it to PROTOS " +
                             "of cellmesh_add_plugin()");
    }
  }
}

const pb::FileDescriptor* StrippedFiles::add(const pb::FileDescriptor& file, Runtime runtime, Problems& problems) {
  if (const auto* known = pool_.FindFileByName(file.name())) return known;
  pb::FileDescriptorProto proto;
  file.CopyTo(&proto);
  Cleaner cleaner;
  const bool well_known = file.package() == "google.protobuf" && runtime == Runtime::full;
  if (!well_known) cleaner.file(&proto);
  if (runtime == Runtime::lite) proto.mutable_options()->set_optimize_for(pb::FileOptions::LITE_RUNTIME);

  proto.clear_dependency();
  proto.clear_public_dependency();
  proto.clear_weak_dependency();
  for (int i = 0; i < file.dependency_count(); ++i) {
    const auto* import = file.dependency(i);
    const bool shown = is_public(file, import);
    const bool keep = well_known || needed(*import, cleaner.used) || (shown && !only_for_options(*import));
    if (!keep) continue;
    if (add(*import, runtime, problems) == nullptr) return nullptr;
    if (shown) proto.add_public_dependency(proto.dependency_size());
    proto.add_dependency(import->name());
  }
  const auto* added = pool_.BuildFile(proto);
  if (added == nullptr) problems.at(file, "no C++ can be made of it without its custom options; please report this");
  return added;
}

}  // namespace cm::codegen
