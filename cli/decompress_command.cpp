// fz-dist decompress and fz-dist extract: the same restore, of everything or of what matches.
#include <iostream>

#include "base/interruption.h"
#include "cli/recovery_hint.h"
#include "cli/session.h"
#include "coordinator/restore_job.h"

namespace fz::cli {
namespace {

struct RestoreOptions {
  std::string archive;
  std::vector<std::string> patterns;
  std::string target = ".";
  bool force = false;
  WorkOptions work;
};

constexpr const char* kTargetRule =
    "Files appear under their names only when all of them are complete. A target directory that is not empty is\n"
    "refused; the working directory may hold other things, if none has a name that the archive brings.";

constexpr const char* kPatternRule =
    "A PATTERN is a shell glob over the whole path, in which * also matches /; one that names a directory takes\n"
    "everything below it.\n";

void restore(const RestoreOptions& options, const Context& context) {
  const Stopwatch watch;
  Workplace workplace(context, options.work);
  const auto make_task = [&] {
    return worker::make_restore_task({options.archive, options.target, options.patterns}, workplace.resources());
  };
  if (!context.world.coordinates()) return work_for_coordinator(context, options.work, make_task);

  const InterruptionGuard guard(show_life(context, options.work));
  coordinator::RestoreJob job({options.archive, options.target, options.patterns, options.force});
  if (coordinator::needs_model(job.items())) shard::require_model(job.archive(), workplace.load_model().identity());
  job.prepare();
  try {
    BlockWork work;
    work.verb = "restoring";
    work.begin = job.begin();
    work.items = job.items();
    work.task = make_task();
    work.raw_bytes_of = [&](BlockId id) { return job.archive().blocks()[number(id)].raw_bytes; };
    for (const auto& item : work.items) work.total_raw_bytes += work.raw_bytes_of(item.block);
    coordinate(context, options.work, std::move(work));
    job.publish();
  } catch (...) {
    job.abandon();  // now: after an interruption no destructor runs
    throw;
  }
  if (options.work.quiet) return;
  const std::uint64_t raw_bytes = job.selection().raw_bytes();
  const double seconds = watch.seconds();
  context.out << fmt::format("{}: restored {} entries, {} bytes, {:.2f} s, {:.1f} KB/s ({})\n", options.archive,
                             job.selection().entries().size(), raw_bytes, seconds,
                             static_cast<double>(raw_bytes) / 1000 / seconds,
                             describe_ranks(context, workplace.threads()));
  report_profile(context, options.work, workplace);
}

void add_common(CLI::App& command, Context& context, const std::shared_ptr<RestoreOptions>& options) {
  command.add_option("-o,--output", options->target, "Directory to restore into; default: the working directory")
      ->type_name("DIR");
  command.add_flag("--force", options->force, "Restore into a directory that is not empty; replace files that exist");
  add_work_options(command, options->work);
  command.callback([options, &context] {
    context.chosen = [options, &context] { with_recovery_hint(options->archive, [&] { restore(*options, context); }); };
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
