#include <iostream>
#include <string>
#include <vector>

#include "cli/command.hpp"

// The `cellmesh` program: one word, one command.
int main(int argc, char** argv) {
  using namespace cm::cli;
  const std::vector<Command> commands{host_command(),     chat_command(),  ctl_command(),  new_command(),
                                      manifest_command(), check_command(), bots_command(), rehearse_command()};
  return dispatch(commands, std::vector<std::string>(argv + 1, argv + argc), std::cout, std::cerr);
}
