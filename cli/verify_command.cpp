// fz-dist verify
#include <iostream>

#include "base/interruption.h"
#include "cli/session.h"
#include "coordinator/restore_job.h"

namespace fz::cli {
namespace {

struct VerifyOptions {
  std::string archive;
  bool quick = false;
  WorkOptions work;
};

/// Everything that can be checked without decoding.
void verify_quickly(const VerifyOptions& options, const Context& context) {
  if (!context.world.coordinates()) return;
  const InterruptionGuard guard;
  const shard::ArchiveReader archive(options.archive);
  for (std::uint32_t i = 0; i < archive.blocks().size(); ++i) {
    throw_if_interrupted();
    archive.read_block(BlockId{i});
  }
  if (options.work.quiet) return;
  context.out << fmt::format("{}: structure and stored bytes of {} blocks are intact (not decoded)\n", options.archive,
                             archive.blocks().size());
}

void verify(const VerifyOptions& options, const Context& context) {
  if (options.quick) return verify_quickly(options, context);
  const Stopwatch watch;
  Workplace workplace(context, options.work);
  const auto make_task = [&] { return worker::make_verify_task(options.archive, workplace.resources()); };
  if (!context.world.coordinates()) return work_for_coordinator(context, make_task);

  const InterruptionGuard guard;
  const shard::ArchiveReader archive(options.archive);
  if (archive.needs_model()) shard::require_model(archive, workplace.load_model().identity());
  std::vector<BlockId> blocks;
  for (std::uint32_t i = 0; i < archive.blocks().size(); ++i) blocks.push_back(BlockId{i});
  BlockWork work;
  work.verb = "verifying";
  work.items = coordinator::block_items(archive, blocks);
  work.task = make_task();
  work.raw_bytes_of = [&](BlockId id) { return archive.blocks()[number(id)].raw_bytes; };
  work.total_raw_bytes = archive.footer().corpus_bytes;
  coordinate(context, options.work, std::move(work));
  if (options.work.quiet) return;
  const double seconds = watch.seconds();
  const std::uint64_t raw_bytes = archive.footer().corpus_bytes;
  context.out << fmt::format("{}: intact: {} blocks decoded, {} bytes, {:.2f} s, {:.1f} KB/s ({})\n", options.archive,
                             blocks.size(), raw_bytes, seconds, static_cast<double>(raw_bytes) / 1000 / seconds,
                             describe_ranks(context, workplace.threads()));
  report_profile(context, options.work, workplace);
}

}  // namespace

void add_verify(CLI::App& app, Context& context) {
  const auto options = std::make_shared<VerifyOptions>();
  CLI::App* const command = app.add_subcommand("verify", "Decode everything and compare every hash; writes nothing");
  command->add_option("ARCHIVE", options->archive, "The archive")->required();
  command->add_flag("--quick", options->quick, "Check the structure and the stored bytes only; fast, needs no model");
  add_work_options(*command, options->work);
  command->callback([options, &context] { context.chosen = [options, &context] { verify(*options, context); }; });
}

}  // namespace fz::cli
