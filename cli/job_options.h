// Sets the options of a command from a job file. There is no list of keys: they are the options that the command
// registers for its command line, with the types and checks that they have there. Main thread.
#pragma once

#include <string>
#include <vector>

#include "cli/commands.h"
#include "jobs/job.h"

namespace fz::cli {

/// The key of an option: its long name without the dashes; of a positional one its name in lower case, with an s where
/// it takes many: INPUT is `inputs`. Empty: a job file cannot set it
/// (JobFiles.EveryOptionOfEveryCommandCanBeSet).
std::string job_key(const CLI::Option& option);

/// "compress", "model train": as job files and users call it.
std::string full_name(const CLI::App& command);

/// The command that the job names.
CLI::App& command_of(CLI::App& app, const jobs::Job& job);

/// Sets the variables behind the options, so that a command line that is parsed afterwards overrides them. From then on
/// the parser requires nothing: returned is what the command requires and the file does not give. Throws Error(kUsage)
/// with the place of what is wrong.
std::vector<CLI::Option*> set_options(CLI::App& command, const jobs::Job& job);

}  // namespace fz::cli
