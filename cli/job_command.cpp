// fz-dist run
#include "cli/command_line.h"
#include "cli/job_options.h"
#include "jobs/job_reader.h"

namespace fz::cli {

void run_job(const std::string& path, const std::vector<std::string>& arguments, Context& context) {
  const jobs::Job job = jobs::read_job(path);
  const std::unique_ptr<CLI::App> app = make_command_line(context);
  CLI::App& command = command_of(*app, job);
  const std::vector<CLI::Option*> missing = set_options(command, job);

  std::vector<std::string> line = {command.get_name()};
  if (command.get_parent() != app.get()) line.insert(line.begin(), command.get_parent()->get_name());
  line.insert(line.end(), arguments.begin(), arguments.end());
  if (!parse_command_line(*app, line, context)) return;
  for (const CLI::Option* option : missing) {
    if (option->count() > 0) continue;
    jobs::fail_at(path, job.command.position,
                  fmt::format("no key '{}'; '{}' needs it", job_key(*option), full_name(command)));
  }
  try {
    context.chosen();
  } catch (const Error& error) {
    // Options that do not fit together have no place of their own.
    if (error.code() != ErrorCode::kUsage) throw;
    jobs::fail_at(path, job.command.position, error.what());
  }
}

bool names_job(const std::vector<std::string>& arguments) {
  return arguments.size() > 1 && arguments[0] == kRunCommand && !arguments[1].empty() && arguments[1][0] != '-';
}

void add_run(CLI::App& app, Context& context) {
  const auto path = std::make_shared<std::string>();
  CLI::App* const command = app.add_subcommand(kRunCommand, "Do what a job file says");
  command->footer(
      "A job file names a command and its options by their long names, without dashes, as YAML:\n"
      "\n"
      "  command: compress\n"
      "  inputs: [corpus/, notes.txt]     # the command's INPUT; of other commands archive, patterns\n"
      "  output: corpus.fz\n"
      "  block-size: 4MiB\n"
      "  check-decode: true               # what is a switch is true or false\n"
      "\n"
      "Options of that command that follow JOB override the file: fz-dist run JOB --threads 4 -o other.fz; so do\n"
      "INPUTs and the like, from the first on. --force=false turns a switch off. Relative paths begin at the working\n"
      "directory, as on command lines, not at the file. 'fz-dist run JOB --help' checks the file and explains the\n"
      "command.");
  command->add_option("JOB", *path, "The job file; before all options")->required();
  // Reached only when something comes between: a job file that is named first never comes here (names_job).
  command->allow_extras();
  command->callback([path, &context] {
    context.chosen = [] {
      fail(ErrorCode::kUsage, "command line: the job file comes first: fz-dist run JOB [OPTIONS]");
    };
  });
}

}  // namespace fz::cli
