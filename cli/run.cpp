#include "cli/run.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <new>
#include <thread>

#include "base/display.h"
#include "base/interruption.h"
#include "base/log.h"
#include "cli/command_line.h"
#include "cli/events.h"
#include "worker/courier.h"

namespace fz::cli {
namespace {

constexpr int kUnexpectedExitCode = 1;
/// EX_TEMPFAIL of sysexits.h: batch systems and scripts take it as "requeue me".
constexpr int kResumeExitCode = 75;

/// One write a line: other processes (mpirun's notices among them) write to the same stream and must not come between.
void say(std::ostream& err, const std::string& text) {
  err << fmt::format("fz-dist: {}\n", text) << std::flush;
}

/// Ranks other than 0 report what went wrong, so that rank 0 says it once: it ends the job, or does the work without
/// this rank.
int report_to_coordinator(comm::World& world, const std::string& message, int exit_code) {
  world.worker_link().send(comm::Failed{static_cast<std::uint32_t>(exit_code), message});
  const auto leave = worker::carry_messages(world.worker_link(), nullptr, {});
  world.departure.waits_for_others = !leave.ranks_lost;
  return 0;
}

/// Where all ranks work in step, rank 0 waits for this one and hears nothing. Mostly all fail alike: then rank 0 ends
/// them while they wait here, and what is wrong is said once (tests/mpi/train_test.sh).
int end_all_in_step(comm::World& world, std::ostream& err, const std::string& message, int exit_code) {
  constexpr std::chrono::seconds kWordOfRank0(3);
  std::this_thread::sleep_for(kWordOfRank0);
  say(err, fmt::format("rank {}: {}", number(world.rank()), display_text(message)));
  world.abort_all(exit_code);
  return exit_code;
}

int end_without_coordinator(comm::World& world, std::ostream& err, double silence_seconds) {
  say(err, fmt::format("rank {}: nothing heard of rank 0 for {:.0f} s; run the same command again to resume",
                       number(world.rank()), silence_seconds));
  world.departure = {.waits_for_others = false, .ends_at_once = true};
  return static_cast<int>(ErrorCode::kLaunch);
}

int fail_with(const Context& context, const std::string& message, int exit_code) {
  log_line(LogLevel::kError, "end: exit code {}: {}", exit_code, message);
  if (!context.world.coordinates()) {
    return context.works_in_step ? end_all_in_step(context.world, context.err, message, exit_code)
                                 : report_to_coordinator(context.world, message, exit_code);
  }
  if (context.has_events) {
    write_event(context.err, "error", {{"exit_code", exit_code}, {"text", display_text(message)}});
  } else {
    say(context.err, display_text(message));
  }
  if (context.world.size() > 1) context.world.abort_all(exit_code);
  return exit_code;
}

void run_command(const std::vector<std::string>& arguments, Context& context) {
  if (names_job(arguments)) return run_job(arguments[1], {arguments.begin() + 2, arguments.end()}, context);
  const std::unique_ptr<CLI::App> app = make_command_line(context);
  if (!parse_command_line(*app, arguments, context)) return;
  if (!context.chosen) fail(ErrorCode::kUsage, "command line: no command is given; see 'fz-dist --help'");
  context.chosen();
}

/// The worker thread may be deep in a block: waiting for it would keep the user waiting, so the process ends here.
[[noreturn]] void end_interrupted(const Context& context, int signal) {
  // Ctrl-C is a person's wish to stop; the others mean: later.
  const int exit_code = context.resumes && signal != SIGINT ? kResumeExitCode : 128 + signal;
  const char* const text = context.resumes ? "interrupted; the same command given again goes on"
                                           : "interrupted; the same command given again starts cleanly";
  log_line(LogLevel::kWarning, "end: exit code {}: {}", exit_code, text);
  if (context.has_events) {
    write_event(context.err, "interrupted",
                {{"signal", signal}, {"exit_code", exit_code}, {"resumes", context.resumes}, {"text", text}});
  } else {
    say(context.err, text);
  }
  if (!context.streams_out) context.out.flush();
  if (context.world.size() > 1) context.world.abort_all(exit_code);
  std::_Exit(exit_code);
}

int run_in_world(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err, const Parts& parts,
                 comm::World& world) {
  Context context{out, err, parts, world, {}};
  context.arguments = arguments;
  try {
    run_command(arguments, context);
    if (world.coordinates()) context.flush_out();
    return 0;
  } catch (const Interrupted& interrupted) {
    end_interrupted(context, interrupted.signal);
  } catch (const Error& error) {
    return fail_with(context, error.what(), error.exit_code());
  } catch (const std::bad_alloc&) {
    return fail_with(context, "out of memory; use fewer threads or smaller blocks",
                     static_cast<int>(ErrorCode::kUnsupported));
  } catch (const std::exception& error) {
    return fail_with(context, fmt::format("unexpected error: {}", error.what()), kUnexpectedExitCode);
  }
}

}  // namespace

void Context::warn(const std::string& text) const {
  if (!world.coordinates()) return;
  log_line(LogLevel::kWarning, "{}", text);
  if (has_events) {
    write_event(err, "warning", {{"text", display_text(text)}});
  } else {
    say(err, "warning: " + display_text(text));
  }
}

void Context::flush_out() const {
  errno = 0;
  if (out.flush()) return;
  const std::string reason = errno != 0 ? fmt::format(": {}", std::strerror(errno)) : "";  // an earlier write's is gone
  fail(ErrorCode::kOutput, "standard output: cannot write{}", reason);
}

int run(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err, const Parts& parts) {
  std::unique_ptr<comm::World> world;
  try {
    world = comm::World::join();
  } catch (const Error& error) {
    if (comm::speaks_for_launch(comm::process_environment)) say(err, display_text(error.what()));
    return error.exit_code();
  }
  int exit_code = 0;
  try {
    exit_code = run_in_world(arguments, out, err, parts, *world);
  } catch (const worker::CoordinatorLost& lost) {
    exit_code = end_without_coordinator(*world, err, lost.silence_seconds);
  }
  Log::close();
  out.flush();
  world->leave();
  if (world->departure.ends_at_once || !world->departure.waits_for_others) std::_Exit(exit_code);
  return exit_code;
}

}  // namespace fz::cli
