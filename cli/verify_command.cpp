// fz-dist verify
#include <algorithm>
#include <iostream>
#include <map>
#include <optional>

#include "base/display.h"
#include "base/interruption.h"
#include "base/log.h"
#include "cli/events.h"
#include "cli/keep_going_task.h"
#include "cli/part_check.h"
#include "cli/recovery_hint.h"
#include "cli/session.h"
#include "coordinator/restore_job.h"
#include "coordinator/verified_blocks.h"
#include "shard/block_codec.h"

namespace fz::cli {
namespace {

constexpr std::size_t kMaxFilesInLine = 8;

struct VerifyOptions {
  std::string archive;
  bool quick = false;
  std::string part;        ///< "I/N", which the parser has checked; empty: everything.
  std::string state_path;  ///< What is verified is kept here; empty: nowhere.
  WorkOptions work;
};

/// The blocks of a part: each block is in one of the N parts, and they differ by one block at most.
std::vector<BlockId> blocks_of(const shard::ArchiveReader& archive, const Part& part) {
  const std::uint64_t total = archive.blocks().size();
  std::vector<BlockId> blocks;
  for (std::uint64_t i = total * (part.number - 1) / part.count; i < total * part.number / part.count; ++i) {
    blocks.push_back(BlockId{static_cast<std::uint32_t>(i)});
  }
  return blocks;
}

/// Takes the blocks that earlier runs found intact out of what is to do.
void leave_out_verified(const coordinator::VerifiedBlocks& verified, BlockWork& work, const VerifyOptions& options,
                        const Context& context) {
  const std::size_t total_blocks = work.items.size();
  std::erase_if(work.items, [&](const coordinator::WorkItem& item) {
    if (!verified.contains(item.block)) return false;
    work.done_raw_bytes += work.raw_bytes_of(item.block);
    return true;
  });
  work.done_blocks = total_blocks - work.items.size();
  if (work.done_blocks == 0) return;
  report_note(
      context, options.work, "resume",
      fmt::format("{}: resuming: {} of {} blocks are verified", options.archive, work.done_blocks, total_blocks),
      {{"reused_blocks", work.done_blocks}, {"total_blocks", total_blocks}});
}

/// What is wrong with the stored bytes of a block; empty when nothing is.
std::string stored_damage(const shard::ArchiveReader& archive, BlockId block) {
  try {
    archive.read_block(block);
    return {};
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kCorrupt) throw;
    return error.what();
  }
}

/// "corpus/a.txt: 65536 bytes at 0, corpus/b: 10 bytes at 0".
std::string affected_files(const shard::ArchiveReader& archive, const shard::Selection& everything, BlockId block) {
  const auto pieces = everything.pieces(block);
  std::string text;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (i == kMaxFilesInLine) return text + fmt::format(" and {} more files", pieces.size() - i);
    text +=
        fmt::format("{}{}: {} bytes at {}", i == 0 ? "" : ", ", display_text(archive.entries()[pieces[i].entry].path),
                    pieces[i].size_bytes, pieces[i].file_offset);
  }
  return text;
}

/// Prints a line for each damaged block and throws if there is one.
void report_damage(const shard::ArchiveReader& archive, const std::map<BlockId, std::string>& damage,
                   std::size_t checked_blocks, const VerifyOptions& options, const Context& context) {
  if (damage.empty()) return;
  const shard::Selection everything(archive, {});
  for (const auto& [block, what] : damage) {
    const std::string text = fmt::format("{}; it holds {}", what, affected_files(archive, everything, block));
    log_line(LogLevel::kError, "{}", text);
    if (!options.work.quiet) context.out << text + '\n';
    if (context.has_events) write_event(context.err, "damage", {{"block", number(block)}, {"text", text}});
  }
  context.out << std::flush;
  fail(ErrorCode::kCorrupt, "{}: {} of {} blocks {} damaged, all others are intact; {}", archive.name(), damage.size(),
       checked_blocks, damage.size() == 1 ? "is" : "are", kRecoveryHint);
}

/// "", or " (part 2 of 7)".
std::string in_part(const Part& part) {
  return part.count == 1 ? "" : fmt::format(" (part {} of {})", part.number, part.count);
}

void verify(const VerifyOptions& options, const Context& context) {
  const Part part = options.part.empty() ? Part{} : *parse_part(options.part);
  const Stopwatch watch;
  Workplace workplace(context, options.work);
  log_line(LogLevel::kInfo, "verifying {} with {}", options.archive, describe_ranks(context, workplace.threads()));
  const auto make_task = [&] {
    return make_keep_going_task(options.quick ? worker::make_stored_check_task(options.archive, workplace.resources())
                                              : worker::make_verify_task(options.archive, workplace.resources()));
  };
  if (!context.world.coordinates()) return work_for_coordinator(context, options.work, make_task);

  const InterruptionGuard guard(show_life(context, options.work));
  const shard::ArchiveReader archive(options.archive);
  const std::vector<BlockId> blocks = blocks_of(archive, part);
  const auto record = [&](BlockId id) -> const shard::IndexedBlock& { return archive.blocks()[number(id)]; };
  auto items = coordinator::block_items(archive, blocks);
  if (options.quick) std::for_each(items.begin(), items.end(), [](auto& item) { item.is_cheap = true; });
  if (coordinator::needs_model(items))
    shard::require_model(archive, workplace.load_model(archive.header().model).identity());
  std::optional<coordinator::VerifiedBlocks> verified;
  if (!options.state_path.empty())
    verified.emplace(options.state_path, coordinator::verification_identity(options.archive, archive, !options.quick));
  std::map<BlockId, std::string> damage;
  std::uint64_t raw_bytes = 0;
  for (const BlockId block : blocks) raw_bytes += record(block).raw_bytes;
  BlockWork work;
  work.verb = options.quick ? "checking" : "verifying";
  work.items = std::move(items);
  work.task = make_task();
  work.commit = [&](coordinator::DoneBlocks done) {
    std::vector<BlockId> intact;
    for (const auto& [rank, block] : done) {
      if (block.offset_bytes != kDamagedMark) {
        intact.push_back(block.block);
        continue;
      }
      std::string what = stored_damage(archive, block.block);
      if (what.empty()) {
        what = fmt::format("{}: the stored bytes are those that were written, but they do not decode to the original",
                           shard::block_place(archive.name(), block.block, record(block.block).raw_offset));
      }
      damage[block.block] = std::move(what);
    }
    if (verified) verified->add(intact);
  };
  work.raw_bytes_of = [&](BlockId id) { return record(id).raw_bytes; };
  work.total_raw_bytes = raw_bytes;
  if (verified) leave_out_verified(*verified, work, options, context);
  coordinate(context, options.work, std::move(work));
  if (verified) verified->remove();
  report_damage(archive, damage, blocks.size(), options, context);
  const double seconds = watch.seconds();
  report_result(context, options.work,
                fmt::format("{}: {} {} blocks {}, {} bytes, {:.2f} s, {:.1f} KB/s ({}){}", archive.name(),
                            options.quick ? "structure and stored bytes are intact:" : "intact:", blocks.size(),
                            options.quick ? "not decoded" : "decoded", raw_bytes, seconds,
                            static_cast<double>(raw_bytes) / 1000 / seconds,
                            describe_ranks(context, workplace.threads()), in_part(part)),
                {{"blocks", blocks.size()}, {"raw_bytes", raw_bytes}, {"seconds", seconds}});
  report_profile(context, options.work, workplace);
}

}  // namespace

void add_verify(CLI::App& app, Context& context) {
  const auto options = std::make_shared<VerifyOptions>();
  CLI::App* const command = app.add_subcommand("verify", "Decode everything and compare every hash");
  command->footer(
      "Every damaged block is reported, with the files that have bytes in it. With --part, N runs with I from 1 to N\n"
      "check everything together; each also checks header, file table, index and footer.");
  command->add_option("ARCHIVE", options->archive, "The archive")->required();
  command->add_flag("--quick", options->quick, "Check the structure and the stored bytes only; fast, needs no model");
  command->add_option("--part", options->part, "Check the I-th of N equal parts of the blocks only")
      ->type_name("I/N")
      ->check(check_part);
  command
      ->add_option("--continue", options->state_path,
                   "Keep in this file which blocks are intact, and go on with what an interrupted run has kept there; "
                   "it is removed when all is checked")
      ->type_name("FILE");
  add_work_options(*command, options->work);
  command->callback([options, &context] {
    context.resumes = !options->state_path.empty();
    context.chosen = with_reports(context, options->work, [options, &context] {
      with_recovery_hint(options->archive, [&] { verify(*options, context); });
    });
  });
}

}  // namespace fz::cli
