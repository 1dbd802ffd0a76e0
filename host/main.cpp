#include <iostream>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "cli/command.hpp"
#include "cli/hide_secrets.hpp"

// The `cellmesh` program: one word, one command.
int main(int argc, char** argv) {
  using namespace cm::cli;
  cm::base::prepare_process();
  const std::vector<Command> commands{host_command(), chat_command(),       ctl_command(),
                                      new_command(),  manifest_command(),   check_command(),
                                      bots_command(), acl_policy_command(), rehearse_command()};
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  hide_secrets(commands, {argv, static_cast<std::size_t>(argc)});
  return dispatch(commands, arguments, std::cout, std::cerr);
}
