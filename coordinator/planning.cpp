#include "coordinator/planning.h"

#include <algorithm>
#include <numeric>

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

/// Indices of the entries as they follow each other in the stream.
std::vector<std::uint32_t> stream_order(const ScanResult& scanned, FileOrder order) {
  std::vector<std::uint32_t> indices(scanned.entries.size());
  std::iota(indices.begin(), indices.end(), 0u);
  if (order == FileOrder::kPath) return indices;
  std::vector<std::uint32_t> names;
  for (const shard::PlanEntry& entry : scanned.entries) names.push_back(name_hash(entry.file.path));
  const std::vector<std::uint32_t> groups = groups_of(scanned.sketches, names);
  std::stable_sort(indices.begin(), indices.end(), [&](auto a, auto b) { return groups[a] < groups[b]; });
  return indices;
}

}  // namespace

shard::Plan make_plan(ScanResult scanned, const PlanOptions& options) {
  const std::vector<std::uint32_t> order = stream_order(scanned, options.order);
  shard::Plan plan;
  plan.coder = options.coder;
  plan.block_bytes = options.block_bytes;
  plan.inputs = std::move(scanned.inputs);
  plan.entries = std::move(scanned.entries);
  std::uint64_t raw_offset = 0;
  for (const Kind kind : {Kind::kText, Kind::kBinary}) {
    const std::uint64_t begin = raw_offset;
    for (const std::uint32_t index : order) {
      shard::PlanEntry& entry = plan.entries[index];
      if (entry.file.type != FileType::kRegular || entry.file.raw_bytes == 0 || entry.kind != kind) continue;
      if (entry.file.raw_bytes >= shard::kMaxCorpusBytes - raw_offset) {
        fail(ErrorCode::kUnsupported, "{}: the corpus is too large", display_text(entry.file.path));
      }
      entry.file.raw_offset = raw_offset;
      raw_offset += entry.file.raw_bytes;
    }
    cut(plan.blocks, begin, raw_offset - begin, kind, plan.block_bytes);
  }
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
  if (old_plan.block_bytes != new_plan.block_bytes) {
    return fmt::format("it was begun with --block-size {}, now it is {}", old_plan.block_bytes, new_plan.block_bytes);
  }
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
  if (old_plan.adapter_hash != new_plan.adapter_hash) return "it was begun with another --adapter, or one is missing";
  if (old_plan.memorize != new_plan.memorize) {
    return fmt::format("it was begun with --memorize {}, now it is {}",
                       old_plan.memorize.empty() ? "off" : old_plan.memorize,
                       new_plan.memorize.empty() ? "off" : new_plan.memorize);
  }
  if (old_plan.lane_limit != new_plan.lane_limit) return "it was begun with another --memory-limit";
  if (old_plan.blocks != new_plan.blocks) return "its blocks were cut by another version of the program";
  return {};
}

}  // namespace fz::coordinator
