#include "protoc.hpp"

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace cm::test {

namespace fs = std::filesystem;

Protoc::Protoc() {
  auto name = (fs::temp_directory_path() / "cellmesh-codegen-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder " + name);
  dir_ = name;
  fs::create_directory(dir_ / "out");
}

Protoc::~Protoc() { fs::remove_all(dir_); }

void Protoc::add(const std::string& name, const std::string& body, const std::string& head) {
  std::ofstream(dir_ / name) << head << body;
}

bool Protoc::run(const std::string& parameters, const std::vector<std::string>& protos) {
  std::string command = "cd '" + dir_.string() +
                        "' && " PROTOC " --plugin=protoc-gen-cellmesh=" PROTOC_GEN_CELLMESH " -I. -I" PROTO_DIR
                        " --cellmesh_out='" +
                        parameters + ":out'";
  for (const auto& proto : protos) command += " '" + proto + "'";
  auto* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  errors_.clear();
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) errors_ += static_cast<char>(c);
  const int status = ::pclose(pipe);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::string Protoc::output(const std::string& name) const {
  std::ifstream file(dir_ / "out" / name);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace cm::test
