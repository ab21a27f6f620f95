// The commands of the tool, one file each. A command registers its options; when it is chosen, `chosen` becomes what to
// do. Main thread.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "cli/run.h"
#include "comm/launch.h"

namespace fz::cli {

struct Context {
  std::ostream& out;
  std::ostream& err;
  const Parts& parts;
  comm::World& world;
  std::function<void()> chosen;             ///< What the command line asks for; set while it is parsed.
  bool resumes = false;                     ///< The same command given again goes on where an interrupted one was.
  bool works_in_step = false;               ///< No rank hears messages: one that fails ends all.
  bool streams_out = false;                 ///< A worker's thread writes to `out`, perhaps to a reader that sleeps.
  std::vector<std::string> arguments = {};  ///< The command line, for the log.
  bool has_events = false;                  ///< Whatever goes to `err` is an event for programs (cli/events.h).

  /// A line to the user, on rank 0 only.
  void warn(const std::string& text) const;
  /// Throws Error(kOutput) when something that went to `out` could not be written.
  void flush_out() const;
};

void add_compress(CLI::App& app, Context& context);
void add_decompress(CLI::App& app, Context& context);
void add_extract(CLI::App& app, Context& context);
void add_list(CLI::App& app, Context& context);
void add_info(CLI::App& app, Context& context);
void add_verify(CLI::App& app, Context& context);
void add_merge(CLI::App& app, Context& context);
void add_recover(CLI::App& app, Context& context);
void add_run(CLI::App& app, Context& context);
void add_status(CLI::App& app, Context& context);
void add_bench(CLI::App& app, Context& context);
void add_model(CLI::App& app, Context& context);
/// Of the group `model`.
void add_model_tokenizer(CLI::App& group, Context& context);
void add_model_train(CLI::App& group, Context& context);

/// `run` takes the options of another command, which only its job file names: its command line is not for the parser.
inline constexpr const char* kRunCommand = "run";
bool names_job(const std::vector<std::string>& arguments);

/// Does what the job file says, but for what these arguments, of the job's command, say otherwise.
void run_job(const std::string& path, const std::vector<std::string>& arguments, Context& context);

}  // namespace fz::cli
