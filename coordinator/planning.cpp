#include "coordinator/planning.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "base/display.h"

namespace fz::coordinator {
namespace {

using shard::FileType;
using shard::Kind;

/// Cuts `raw_bytes` of one kind into as few blocks as possible, all of nearly the same size, so that ranks finish
/// together.
void cut(std::vector<shard::PlanBlock>& blocks, std::uint64_t raw_offset, std::uint64_t raw_bytes, Kind kind,
         std::uint32_t block_bytes) {
  const std::uint64_t count = (raw_bytes + block_bytes - 1) / block_bytes;
  if (count == 0) return;
  const std::uint64_t quotient = raw_bytes / count;
  const std::uint64_t remainder = raw_bytes % count;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto size = static_cast<std::uint32_t>(quotient + (i < remainder ? 1 : 0));
    blocks.push_back({raw_offset, size, kind});
    raw_offset += size;
  }
}

bool same_file(const shard::PlanEntry& a, shard::PlanEntry b) {
  if (a.file.type == FileType::kDirectory && b.file.type == FileType::kDirectory) {
    return a.file.path == b.file.path && a.file.mode == b.file.mode;
  }
  // The offset follows from the sizes of the files before: where it alone differs, it is one of those that has changed.
  b.file.raw_offset = a.file.raw_offset;
  return a == b;
}

/// How the entries follow each other in the stream: indices, and for each entry what it resembles.
struct StreamOrder {
  std::vector<std::uint32_t> indices;
  std::vector<std::uint32_t> groups;
};

StreamOrder stream_order(const ScanResult& scanned, FileOrder order) {
  StreamOrder result;
  result.indices.resize(scanned.entries.size());
  std::iota(result.indices.begin(), result.indices.end(), 0u);
  result.groups = result.indices;
  if (order == FileOrder::kPath) return result;
  std::vector<std::uint32_t> names;
  for (const shard::PlanEntry& entry : scanned.entries) names.push_back(name_hash(entry.file.path));
  result.groups = groups_of(scanned.sketches, names);
  std::stable_sort(result.indices.begin(), result.indices.end(),
                   [&](auto a, auto b) { return result.groups[a] < result.groups[b]; });
  return result;
}

bool has_content(const shard::PlanEntry& entry, Kind kind) {
  return entry.file.type == FileType::kRegular && entry.file.raw_bytes > 0 && entry.kind == kind;
}

/// Entries of one group that follow each other in the order; what they hold of one kind.
struct Run {
  std::span<const std::uint32_t> indices;
  std::uint64_t bytes = 0;
  std::uint64_t files = 0;
};

Run run_from(std::size_t begin, const StreamOrder& order, const std::vector<shard::PlanEntry>& entries, Kind kind) {
  Run run;
  std::size_t end = begin;
  for (; end < order.indices.size(); ++end) {
    const std::uint32_t index = order.indices[end];
    if (order.groups[index] != order.groups[order.indices[begin]]) break;
    if (!has_content(entries[index], kind)) continue;
    run.bytes += entries[index].file.raw_bytes;
    ++run.files;
  }
  run.indices = std::span(order.indices).subspan(begin, end - begin);
  return run;
}

/// For a run that does not fit into an ordinary block: large enough for some files, so that most of them find another
/// in their block. Small files find enough in an ordinary one.
std::uint32_t block_bytes_for(const Run& run, const PlanOptions& options) {
  constexpr std::uint64_t kFilesOfBlock = 8;
  if (run.files < 2 || run.bytes <= options.block_bytes) return options.block_bytes;
  const std::uint64_t wanted = (kFilesOfBlock * run.bytes + run.files - 1) / run.files;  // all of so many, to the byte
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(
      wanted, options.block_bytes, std::max(options.block_bytes, options.similar_block_bytes)));
}

/// Gives the files of a run their places from `raw_offset` on; where the next ones follow.
std::uint64_t place(const Run& run, Kind kind, std::uint64_t raw_offset, std::vector<shard::PlanEntry>& entries) {
  for (const std::uint32_t index : run.indices) {
    shard::PlanEntry& entry = entries[index];
    if (!has_content(entry, kind)) continue;
    if (entry.file.raw_bytes >= shard::kMaxCorpusBytes - raw_offset) {
      fail(ErrorCode::kUnsupported, "{}: the corpus is too large", display_text(entry.file.path));
    }
    entry.file.raw_offset = raw_offset;
    raw_offset += entry.file.raw_bytes;
  }
  return raw_offset;
}

}  // namespace

shard::Plan make_plan(ScanResult scanned, const PlanOptions& options) {
  const StreamOrder order = stream_order(scanned, options.order);
  shard::Plan plan;
  plan.coder = options.coder;
  plan.memory_coder = options.memory_coder;
  plan.block_bytes = options.block_bytes;
  plan.inputs = std::move(scanned.inputs);
  plan.entries = std::move(scanned.entries);
  std::uint64_t raw_offset = 0;
  for (const Kind kind : {Kind::kText, Kind::kBinary}) {
    const std::uint64_t begin = raw_offset;
    std::vector<Run> with_larger_blocks;  // they come last, lest they cut the others in pieces
    for (std::size_t i = 0; i < order.indices.size();) {
      const Run run = run_from(i, order, plan.entries, kind);
      i += run.indices.size();
      if (block_bytes_for(run, options) > options.block_bytes) {
        with_larger_blocks.push_back(run);
      } else {
        raw_offset = place(run, kind, raw_offset, plan.entries);
      }
    }
    cut(plan.blocks, begin, raw_offset - begin, kind, options.block_bytes);
    for (const Run& run : with_larger_blocks) {
      const std::uint64_t run_begin = raw_offset;
      raw_offset = place(run, kind, raw_offset, plan.entries);
      cut(plan.blocks, run_begin, run.bytes, kind, block_bytes_for(run, options));
    }
  }
  for (const shard::PlanBlock& block : plan.blocks) plan.block_bytes = std::max(plan.block_bytes, block.raw_bytes);
  if (plan.blocks.size() > UINT32_MAX)
    fail(ErrorCode::kUnsupported, "plan: more than 2^32 blocks; use a larger --block-size");
  return plan;
}

bool needs_model(const shard::Plan& plan) {
  return std::any_of(plan.blocks.begin(), plan.blocks.end(),
                     [](const shard::PlanBlock& block) { return block.kind == Kind::kText; });
}

std::string plan_difference(const shard::Plan& old_plan, const shard::Plan& new_plan) {
  if (old_plan.inputs != new_plan.inputs) return "it was begun with other inputs";
  if (old_plan.coder != new_plan.coder) return "it was begun with another --coder";
  auto old_entry = old_plan.entries.begin();
  for (const shard::PlanEntry& entry : new_plan.entries) {
    if (old_entry == old_plan.entries.end() || shard::path_less(entry.file.path, old_entry->file.path)) {
      return display_text(entry.file.path) + " is new since it was begun";
    }
    if (shard::path_less(old_entry->file.path, entry.file.path)) {
      return display_text(old_entry->file.path) + " is gone since it was begun";
    }
    if (!same_file(*old_entry, entry)) return display_text(entry.file.path) + " has changed since it was begun";
    ++old_entry;
  }
  if (old_entry != old_plan.entries.end()) return display_text(old_entry->file.path) + " is gone since it was begun";
  if (old_plan.model != new_plan.model) return "it was begun with another model";
  if (old_plan.memory_coder != new_plan.memory_coder) {
    return fmt::format("it was begun with{} --thorough",
                       old_plan.memory_coder == shard::MemoryCoder::kQuick ? "out" : "");
  }
  if (old_plan.adapter_hash != new_plan.adapter_hash) return "it was begun with another --adapter, or one is missing";
  if (old_plan.memorize != new_plan.memorize) {
    return fmt::format("it was begun with --memorize {}, now it is {}",
                       old_plan.memorize.empty() ? "off" : old_plan.memorize,
                       new_plan.memorize.empty() ? "off" : new_plan.memorize);
  }
  if (old_plan.lane_limit != new_plan.lane_limit) return "it was begun with another --memory-limit";
  if (old_plan.block_bytes != new_plan.block_bytes || old_plan.blocks != new_plan.blocks)
    return "its blocks were cut otherwise: with another --block-size, or by another version of the program";
  return {};
}

}  // namespace fz::coordinator
