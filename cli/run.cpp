#include "cli/run.h"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <new>
#include <thread>

#include "base/display.h"
#include "base/interruption.h"
#include "cli/commands.h"

namespace fz::cli {
namespace {

constexpr const char* kDescription =
    "fz-dist compresses text with a language model into one archive that any machine can decode.\n"
    "\n"
    "  fz-dist compress corpus/ -o corpus.fz       archive a directory; other files go along\n"
    "  fz-dist decompress corpus.fz -o out/        everything back, as it was\n"
    "  fz-dist extract corpus.fz '*.txt' -o out/   only some files\n"
    "  fz-dist recover bad.fz -o rest.fz           what is left of a damaged archive\n"
    "  mpirun -n 4 fz-dist compress corpus/        the same archive, by four processes\n"
    "\n"
    "A command that was interrupted goes on when it is given again.";

constexpr int kUnexpectedExitCode = 1;
/// EX_TEMPFAIL of sysexits.h: batch systems and scripts take it as "requeue me".
constexpr int kResumeExitCode = 75;

/// One write a line: other processes (mpirun's notices among them) write to the same stream and must not come between.
void say(std::ostream& err, const std::string& text) {
  err << fmt::format("fz-dist: {}\n", text) << std::flush;
}

/// Ranks other than 0 report what went wrong and wait for rank 0 to end the job, so that it is said once.
int report_to_coordinator(comm::World& world, const std::string& message, int exit_code) {
  world.worker_link().send(comm::Failed{static_cast<std::uint32_t>(exit_code), message});
  std::this_thread::sleep_for(std::chrono::minutes(10));
  return exit_code;
}

int fail_with(comm::World& world, std::ostream& err, const std::string& message, int exit_code) {
  if (!world.coordinates()) return report_to_coordinator(world, message, exit_code);
  say(err, display_text(message));
  if (world.size() > 1) world.abort_all(exit_code);
  return exit_code;
}

/// CLI11 throws for help and version too.
int finish_parse(const CLI::App& app, const CLI::ParseError& error, comm::World& world, std::ostream& out,
                 std::ostream& err) {
  if (error.get_exit_code() != 0) {
    // The help of the command that was named says more than the general one.
    std::string command = "fz-dist";
    for (const CLI::App* level = &app; !level->get_subcommands().empty(); level = level->get_subcommands().front()) {
      command += " " + level->get_subcommands().front()->get_name();
    }
    const std::string message = fmt::format("command line: {}; see '{} --help'", error.what(), command);
    return fail_with(world, err, message, static_cast<int>(ErrorCode::kUsage));
  }
  if (world.coordinates()) app.exit(error, out, err);
  return 0;
}

int run_command(const std::vector<std::string>& arguments, Context& context) {
  CLI::App app(kDescription, "fz-dist");
  app.set_version_flag("--version", std::string("fz-dist ") + FZ_VERSION);
  // "At most one" rather than "one": a misspelled command is then named in the message.
  app.require_subcommand(0, 1);
  app.get_formatter()->column_width(34);
  add_compress(app, context);
  add_decompress(app, context);
  add_extract(app, context);
  add_list(app, context);
  add_info(app, context);
  add_verify(app, context);
  add_recover(app, context);
  add_model(app, context);
  try {
    // CLI11 wants the arguments last first.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    return finish_parse(app, error, context.world, context.out, context.err);
  }
  if (!context.chosen) fail(ErrorCode::kUsage, "command line: no command is given; see 'fz-dist --help'");
  context.chosen();
  return 0;
}

/// The worker thread may be deep in a block: waiting for it would keep the user waiting, so the process ends here.
[[noreturn]] void end_interrupted(comm::World& world, std::ostream& out, std::ostream& err, int signal, bool resumes) {
  // Ctrl-C is a person's wish to stop; the others mean: later.
  const int exit_code = resumes && signal != SIGINT ? kResumeExitCode : 128 + signal;
  say(err, resumes ? "interrupted; the same command given again goes on"
                   : "interrupted; the same command given again starts cleanly");
  out.flush();
  if (world.size() > 1) world.abort_all(exit_code);
  std::_Exit(exit_code);
}

int run_in_world(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err, const Parts& parts,
                 comm::World& world) {
  Context context{out, err, parts, world, {}, false};
  try {
    return run_command(arguments, context);
  } catch (const Interrupted& interrupted) {
    end_interrupted(world, out, err, interrupted.signal, context.resumes);
  } catch (const Error& error) {
    return fail_with(world, err, error.what(), error.exit_code());
  } catch (const std::bad_alloc&) {
    return fail_with(world, err, "out of memory; use fewer threads or smaller blocks",
                     static_cast<int>(ErrorCode::kUnsupported));
  } catch (const std::exception& error) {
    return fail_with(world, err, fmt::format("unexpected error: {}", error.what()), kUnexpectedExitCode);
  }
}

}  // namespace

void Context::warn(const std::string& text) const {
  if (world.coordinates()) say(err, "warning: " + display_text(text));
}

int run(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err, const Parts& parts) {
  std::unique_ptr<comm::World> world;
  try {
    world = comm::World::join();
  } catch (const Error& error) {
    say(err, display_text(error.what()));
    return error.exit_code();
  }
  const int exit_code = run_in_world(arguments, out, err, parts, *world);
  out.flush();
  world->leave();
  return exit_code;
}

}  // namespace fz::cli
