// What the file shows without being loaded.
#include "check/subject.hpp"
#include "check/test.hpp"

namespace cm::check {
namespace {

void elf(Subject& subject) { (void)subject.elf(); }

void build_id(Subject& subject) {
  if (subject.elf().build_id().empty()) throw Failed("it has no build id");
}

void no_executable_stack(Subject& subject) {
  if (subject.elf().executable_stack()) throw Failed("it asks for stacks that can be run as code");
}

std::vector<plugin::ElfFile::Symbol> exports(Subject& subject) {
  auto symbols = subject.elf().exports();
  if (!symbols) throw Failed(symbols.error().text);
  return std::move(*symbols);
}

void one_symbol(Subject& subject) {
  std::vector<std::string> others;
  bool entry = false;
  for (const auto& symbol : exports(subject)) {
    if (symbol.unique) continue;  // has a test of its own
    if (symbol.name == CM_PLUGIN_SYMBOL) {
      entry = true;
    } else {
      others.push_back(symbol.name);
    }
  }
  if (!entry) throw Failed("it does not export " CM_PLUGIN_SYMBOL);
  if (others.empty()) return;
  throw Failed("it exports " + others.front() +
               (others.size() > 1 ? " and " + std::to_string(others.size() - 1) + " other symbols" : "") + " besides " +
               CM_PLUGIN_SYMBOL);
}

void unique_symbols(Subject& subject) {
  for (const auto& symbol : exports(subject)) {
    if (symbol.unique) throw Failed("its symbol " + symbol.name + " is unique in the process");
  }
}

void nodelete(Subject& subject) {
  if (subject.elf().stays_loaded()) throw Failed("it is linked with -z nodelete");
}

}  // namespace

std::vector<Test> file_tests() {
  return {
      {"file.elf",
       "A file that is cut short, damaged or for another machine never reaches the loader.",
       "copy it again, or build it for this machine with cellmesh_add_plugin()",
       {},
       elf},
      {"file.no_executable_stack",
       "Loading it does not make the stacks of the whole host executable.",
       "add .note.GNU-stack to its assembler sources and link it without -z execstack",
       {"file.elf"},
       no_executable_stack},
      {"build.id_present",
       "Log lines and backtraces name the very build that ran.",
       "link it with -Wl,--build-id",
       {"file.elf"},
       build_id},
      {"exports.one_symbol",
       "No symbol of one plugin is found by another or by the host.",
       "link it with the version script of cellmesh_add_plugin(), and write CELLMESH_PLUGIN() in one of its sources",
       {"file.elf"},
       one_symbol},
      {"unload.unique_symbols",
       "dlclose() unmaps it: a symbol that is unique in the process pins its library for ever.",
       "compile it with -fno-gnu-unique, or link it with the version script of cellmesh_add_plugin()",
       {"file.elf"},
       unique_symbols},
      {"unload.nodelete",
       "dlclose() unmaps it: a library linked with -z nodelete stays.",
       "link it without -z nodelete",
       {"file.elf"},
       nodelete},
  };
}

}  // namespace cm::check
