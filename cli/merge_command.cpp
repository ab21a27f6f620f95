// fz-dist merge
#include <iostream>

#include "base/interruption.h"
#include "cli/session.h"

namespace fz::cli {
namespace {

struct MergeOptions {
  std::string output;
  bool force = false;
  bool quiet = false;
};

void merge(const MergeOptions& options, const Context& context) {
  if (!context.world.coordinates()) return;
  const Stopwatch watch;
  const InterruptionGuard guard;
  const coordinator::ArchiveSize size =
      coordinator::merge_job({options.output, options.force, [&](const std::string& text) { context.warn(text); }});
  if (options.quiet) return;
  context.out << fmt::format("{}, merged in {:.2f} s\n", describe_size(options.output, size), watch.seconds());
}

}  // namespace

void add_merge(CLI::App& app, Context& context) {
  const auto options = std::make_shared<MergeOptions>();
  CLI::App* const command = app.add_subcommand("merge", "Make the archive whose shards 'compress --shard' has made");
  command->footer(
      "Takes the shards from OUT.fz.job/, and needs neither the inputs nor a model. The archive is the same, byte for\n"
      "byte, as that of one plain compress. Exit code 3: shards are missing, and are named; 8: some are being made.");
  command->add_option("ARCHIVE", options->output, "The archive, OUT.fz as it was called for compress")->required();
  command->add_flag("--force", options->force, "Replace an existing archive");
  command->add_flag("-q,--quiet", options->quiet, "Print errors only");
  command->callback([options, &context] {
    context.chosen = [options, &context] { merge(*options, context); };
    context.resumes = true;
  });
}

}  // namespace fz::cli
