#include "cli/print_contents.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "base/interruption.h"
#include "base/log.h"
#include "coordinator/restore_job.h"

namespace fz::cli {
namespace {

/// A terminal that shows the contents has no room for a line of progress.
WorkOptions without_noise(WorkOptions options) {
  if (options.progress == "auto" && ::isatty(STDOUT_FILENO) == 1) options.progress = "none";
  return options;
}

/// What fails is known at once: nothing more is decoded for a reader that is gone or a disk that is full.
void write_out(const Context& context, ByteSpan bytes) {
  context.out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  context.flush_out();
}

}  // namespace

void print_contents(const std::filesystem::path& archive, const std::vector<std::string>& patterns,
                    const WorkOptions& options, const Context& context) {
  if (context.world.size() > 1)
    fail(ErrorCode::kLaunch, "--stdout: only one process can write it; give the command without mpirun or srun");
  context.err.tie(nullptr);  // a message would wait for the worker's thread, which may wait for a reader
  const Stopwatch watch;
  Workplace workplace(context, options);
  log_line(LogLevel::kInfo, "printing what {} holds", archive.native());
  const InterruptionGuard guard;
  const shard::ArchiveReader reader(archive);
  const shard::Selection selection(reader, patterns);
  BlockWork work;
  work.verb = "printing";
  work.items = coordinator::block_items(reader, selection.blocks());
  // One worker is given the blocks in this order, and so they are written.
  std::sort(work.items.begin(), work.items.end(), [](const auto& a, const auto& b) { return a.block < b.block; });
  // Before anything is written.
  if (coordinator::needs_model(work.items))
    shard::require_model(reader, workplace.load_model(reader.header().model).identity());
  work.task = worker::make_print_task({archive, patterns, [&context](ByteSpan bytes) { write_out(context, bytes); }},
                                      workplace.resources());
  work.raw_bytes_of = [&](BlockId id) { return reader.blocks()[number(id)].raw_bytes; };
  for (const auto& item : work.items) work.total_raw_bytes += work.raw_bytes_of(item.block);
  const std::size_t blocks = work.items.size();
  coordinate(context, without_noise(options), std::move(work));
  const std::uint64_t raw_bytes = selection.raw_bytes();
  const double seconds = watch.seconds();
  WorkOptions silent = options;
  silent.quiet = true;  // standard output is the contents'
  report_result(
      context, silent,
      fmt::format("{}: printed {} bytes of {} blocks, {:.2f} s", archive.native(), raw_bytes, blocks, seconds),
      {{"raw_bytes", raw_bytes}, {"blocks", blocks}, {"seconds", seconds}});
}

}  // namespace fz::cli
