#include "plugin/robot_file.hpp"

#include "cellmesh/abi/plugin.h"
#include "cellmesh/manifest.pb.h"
#include "plugin/elf_file.hpp"

namespace cm::plugin {
namespace {

constexpr std::size_t kMaxManifest = 16U << 20U;

}  // namespace

bool is_robot(const std::filesystem::path& path) {
  const auto file = ElfFile::open(path);
  if (!file) return false;
  const auto bytes = file->section(CM_MANIFEST_SECTION, kMaxManifest);
  cellmesh::Manifest manifest;
  return bytes && *bytes && manifest.ParseFromString(**bytes) && manifest.robot();
}

base::Status check_no_robot(const std::filesystem::path& file) {
  if (!is_robot(file)) return {};
  return base::error(
      file.filename().string() +
      " is refused: it is a robot, which plays and does not serve; run it with `cellmesh bots --plugin " +
      file.string() + "`");
}

}  // namespace cm::plugin
