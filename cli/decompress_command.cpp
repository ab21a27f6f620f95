// fz-dist decompress and fz-dist extract: the same restore, of everything or of what matches; or the same printed.
#include <iostream>
#include <optional>

#include "base/interruption.h"
#include "base/log.h"
#include "cli/print_contents.h"
#include "cli/progress.h"
#include "cli/recovery_hint.h"
#include "cli/session.h"
#include "coordinator/restore_job.h"

namespace fz::cli {
namespace {

struct RestoreOptions {
  std::string archive;
  std::vector<std::string> patterns;
  std::optional<std::string> output;
  bool force = false;
  bool resume = false;
  bool to_stdout = false;
  double checkpoint_after_seconds = worker::kCheckpointAfterSeconds;
  WorkOptions work;

  std::string target() const { return output.value_or("."); }
};

constexpr const char* kTargetRule =
    "Files appear under their names only when all of them are complete. A target directory that is not empty is\n"
    "refused; the working directory may hold other things, if none has a name that the archive brings.";

constexpr const char* kPatternRule =
    "A PATTERN is a shell glob over the whole path, in which * also matches /; one that names a directory takes\n"
    "everything below it.\n";

/// Finds what an interrupted run has left, which may take a while, and says so.
void prepare(coordinator::RestoreJob& job, const RestoreOptions& options, Workplace& workplace,
             const Context& context) {
  std::optional<Progress> progress;
  job.prepare(workplace.pool(), [&](std::uint64_t checked_bytes, std::uint64_t claimed_bytes) {
    if (!progress) {
      const ProgressStyle style = progress_style(options.work.progress, options.work.quiet, context.err);
      progress.emplace(context.err, style,
                       ProgressJob{.verb = "checking what is restored:", .total_bytes = claimed_bytes});
    }
    progress->set_done(checked_bytes);
    progress->update();
  });
  progress.reset();
  const std::size_t blocks = job.selection().blocks().size();
  if (job.is_complete()) {
    report_note(context, options.work, "resume",
                fmt::format("{}: all is restored, going on with names", options.target()),
                {{"reused_blocks", blocks}, {"total_blocks", blocks}});
  } else if (!job.reused_blocks().empty()) {
    const std::size_t reused = job.reused_blocks().size();
    report_note(context, options.work, "resume",
                fmt::format("{}: resuming: {} of {} blocks are restored", options.target(), reused, blocks),
                {{"reused_blocks", reused}, {"total_blocks", blocks}});
  }
}

void restore(const RestoreOptions& options, const Context& context) {
  const Stopwatch watch;
  Workplace workplace(context, options.work);
  log_line(LogLevel::kInfo, "restoring {} with {}", options.archive, describe_ranks(context, workplace.threads()));
  const auto make_task = [&] {
    return worker::make_restore_task(
        {options.archive, options.target(), options.patterns, options.checkpoint_after_seconds}, workplace.resources());
  };
  if (!context.world.coordinates()) return work_for_coordinator(context, options.work, make_task);

  const InterruptionGuard guard(show_life(context, options.work));
  coordinator::RestoreJob job({options.archive, options.target(), options.patterns, options.force, options.resume});
  // Before anything is written.
  if (coordinator::needs_model(coordinator::block_items(job.archive(), job.selection().blocks())))
    shard::require_model(job.archive(), workplace.load_model(job.archive().header().model).identity());
  try {
    prepare(job, options, workplace, context);
    BlockWork work;
    work.verb = "restoring";
    work.begin = job.begin();
    work.items = job.items();
    work.task = make_task();
    work.raw_bytes_of = [&](BlockId id) { return job.archive().blocks()[number(id)].raw_bytes; };
    for (const auto& item : work.items) work.total_raw_bytes += work.raw_bytes_of(item.block);
    for (const BlockId block : job.reused_blocks()) work.done_raw_bytes += work.raw_bytes_of(block);
    work.total_raw_bytes += work.done_raw_bytes;
    work.done_blocks = job.reused_blocks().size();
    coordinate(context, options.work, std::move(work));
    job.publish();
  } catch (const Error& error) {
    const bool keeps_staging = job.keeps_staging();
    job.abandon();
    if (!keeps_staging) throw;
    throw Error(error.code(), fmt::format("{}; what is restored is kept, the same command goes on", error.what()));
  } catch (...) {
    job.abandon();  // now: after an interruption no destructor runs
    throw;
  }
  const std::uint64_t raw_bytes = job.selection().raw_bytes();
  const double seconds = watch.seconds();
  const std::size_t entries = job.selection().entries().size();
  const double bytes_per_second = static_cast<double>(raw_bytes) / seconds;
  report_result(
      context, options.work,
      fmt::format("{}: restored {} entries, {} bytes, {:.2f} s, {:.1f} KB/s ({})", options.archive, entries, raw_bytes,
                  seconds, bytes_per_second / 1000, describe_ranks(context, workplace.threads())),
      {{"entries", entries}, {"raw_bytes", raw_bytes}, {"seconds", seconds}, {"bytes_per_second", bytes_per_second}});
  report_profile(context, options.work, workplace);
}

void print(const RestoreOptions& options, const Context& context) {
  if (options.output || options.force || options.resume)
    fail(ErrorCode::kUsage, "--stdout takes the place of a directory; leave out -o, --force and --continue");
  if (options.work.profile)
    fail(ErrorCode::kUsage, "--stdout is for contents, and --profile prints there; leave out one of them");
  print_contents(options.archive, options.patterns, options.work, context);
}

void add_common(CLI::App& command, Context& context, const std::shared_ptr<RestoreOptions>& options) {
  command.add_option("-o,--output", options->output, "Directory to restore into; default: the working directory")
      ->type_name("DIR");
  command.add_flag("--force", options->force, "Restore into a directory that is not empty; replace files that exist");
  command.add_flag("--continue", options->resume,
                   "Go on with what an interrupted restore has left, and keep what is restored if this one is "
                   "interrupted");
  command.add_flag("-c,--stdout", options->to_stdout,
                   "Write what the files hold to standard output instead, one after the other as they lie in the "
                   "archive, each block after its hash was compared");
  add_checkpoint_option(command, options->checkpoint_after_seconds, "beside what is restored (--continue)");
  add_work_options(command, options->work);
  command.callback([options, &context] {
    context.resumes = options->resume;
    context.streams_out = options->to_stdout;
    context.chosen = with_reports(context, options->work, [options, &context] {
      with_recovery_hint(options->archive,
                         [&] { options->to_stdout ? print(*options, context) : restore(*options, context); });
    });
  });
}

}  // namespace

void add_decompress(CLI::App& app, Context& context) {
  const auto options = std::make_shared<RestoreOptions>();
  CLI::App* const command = app.add_subcommand("decompress", "Restore everything in an archive");
  command->footer(kTargetRule);
  command->add_option("ARCHIVE", options->archive, "The archive")->required();
  add_common(*command, context, options);
}

void add_extract(CLI::App& app, Context& context) {
  const auto options = std::make_shared<RestoreOptions>();
  CLI::App* const command =
      app.add_subcommand("extract", "Restore some files or directories; decodes only what they need");
  command->footer(std::string(kPatternRule) + kTargetRule);
  command->add_option("ARCHIVE", options->archive, "The archive")->required();
  command->add_option("PATTERN", options->patterns, "Paths or globs, as in 'corpus/logs/2024-*'")
      ->required()
      ->check(check_not_braces);
  add_common(*command, context, options);
}

}  // namespace fz::cli
