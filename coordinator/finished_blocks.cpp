#include "coordinator/finished_blocks.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/display.h"
#include "base/interruption.h"
#include "coordinator/journal.h"

namespace fz::coordinator {
namespace {

constexpr std::size_t kMaxShardsInLine = 12;

/// Every place where a journal says that a block lies.
std::multimap<BlockId, shard::BlockPlace> named_places(const JobDirectory& directory, const shard::Plan& plan,
                                                       const shard::JobPart& wanted, const Warn& warn) {
  const shard::Check8 check = shard::plan_check(plan);
  std::multimap<BlockId, shard::BlockPlace> places;
  for (const shard::JobPart& part : shard::parts_with_file(directory.path(), shard::kJournalName)) {
    // The other shards of the same division have none of this one's blocks; reading all would cost N * N reads.
    if (wanted && part && part->count == wanted->count && part != wanted) continue;
    const std::filesystem::path path = directory.path() / shard::name_of_part(shard::kJournalName, part);
    try {
      const JournalContent content = read_journal(path, part);
      if (content.plan_check != check) continue;
      for (const auto& [id, place] : content.blocks) {
        if (number(id) < plan.blocks.size() && belongs_to(id, wanted)) places.emplace(id, place);
      }
    } catch (const Error& error) {
      warn(error.what());
    }
  }
  return places;
}

}  // namespace

bool belongs_to(BlockId block, const shard::JobPart& part) {
  return !part || number(block) % part->count == part->number - 1;
}

std::uint64_t blocks_of_part(const shard::Plan& plan, const shard::JobPart& part) {
  const std::uint64_t all = plan.blocks.size();
  if (!part) return all;
  return all / part->count + (all % part->count >= part->number ? 1 : 0);
}

FinishedBlocks find_finished_blocks(const JobDirectory& directory, const shard::Plan& plan, const shard::JobPart& part,
                                    const Warn& warn) {
  FinishedBlocks finished;
  std::map<BlockId, std::string> damage;
  Bytes stored;
  for (const auto& [id, place] : named_places(directory, plan, part, warn)) {
    if (finished.contains(id)) continue;
    throw_if_interrupted();
    try {
      shard::read_finished_block(directory.path(), place, plan, id, stored);
      finished[id] = place;
    } catch (const Error& error) {
      damage[id] = error.what();
    }
  }
  for (const auto& [id, what] : damage) {
    if (!finished.contains(id)) warn(fmt::format("{}; block {} must be made again", what, number(id)));
  }
  return finished;
}

std::string missing_blocks_remedy(const JobDirectory& directory, const shard::Plan& plan,
                                  const FinishedBlocks& finished) {
  // Into how many shards the job was divided is known from their journals alone; if into several numbers, most of what
  // was begun counts.
  std::map<std::uint64_t, std::size_t> divisions;
  for (const shard::JobPart& part : shard::parts_with_file(directory.path(), shard::kJournalName)) {
    if (part) ++divisions[part->count];
  }
  if (divisions.empty()) return "give the same compress command again";
  const std::uint64_t count = std::max_element(divisions.begin(), divisions.end(), [](const auto& a, const auto& b) {
                                return a.second < b.second;
                              })->first;
  std::set<std::uint64_t> numbers;
  for (std::uint32_t i = 0; i < plan.blocks.size(); ++i) {
    if (!finished.contains(BlockId{i})) numbers.insert(i % count + 1);
  }
  std::vector<std::uint64_t> shown(numbers.begin(), numbers.end());
  shown.resize(std::min(shown.size(), kMaxShardsInLine));
  const std::size_t hidden = numbers.size() - shown.size();
  return fmt::format("run shard{} {}{} of {} again, or compress without --shard", numbers.size() == 1 ? "" : "s",
                     fmt::join(shown, ", "), hidden == 0 ? "" : fmt::format(" and {} more", hidden), count);
}

}  // namespace fz::coordinator
