// The command line as a whole: all commands put together, and what becomes of a wrong one. Main thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"

namespace fz::cli {

/// All commands. `context` outlives what is returned.
std::unique_ptr<CLI::App> make_command_line(Context& context);

/// Sets `context.chosen`, and the options of the chosen command. False: help or the version was asked for and has been
/// printed. Throws Error(kUsage).
bool parse_command_line(CLI::App& app, const std::vector<std::string>& arguments, const Context& context);

}  // namespace fz::cli
