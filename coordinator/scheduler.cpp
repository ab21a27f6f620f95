#include "coordinator/scheduler.h"

#include <algorithm>

#include "base/error.h"

namespace fz::coordinator {

bool needs_model(std::span<const WorkItem> items) {
  return std::any_of(items.begin(), items.end(), [](const WorkItem& item) { return !item.is_cheap; });
}

Scheduler::Scheduler(std::vector<WorkItem> items, int ranks)
    : queue_(items.begin(), items.end()), open_(items.size()), ranks_(static_cast<std::size_t>(ranks)) {
  FZ_CHECK(ranks >= 1);
  for (const WorkItem& item : items) is_cheap_[item.block] = item.is_cheap;
  FZ_CHECK(is_cheap_.size() == items.size());
}

Scheduler::RankState& Scheduler::state_of(Rank rank) {
  if (number(rank) >= ranks_.size())
    fail(ErrorCode::kLaunch, "scheduler: message from rank {} of {}", number(rank), ranks_.size());
  return ranks_[number(rank)];
}

std::vector<Outgoing> Scheduler::on_ready(Rank rank, const comm::Ready& ready) {
  std::vector<Outgoing> outgoing;
  RankState& state = state_of(rank);
  if (state.lost || state.stopped) return outgoing;
  state.ready = ready;
  deal(outgoing);
  return outgoing;
}

bool Scheduler::on_block_done(Rank rank, BlockId block) {
  state_of(rank).assigned.erase(block);
  if (is_cheap_.erase(block) == 0) return false;
  --open_;
  // The block may have been taken from a rank that was given up, and now be queued or dealt again.
  std::erase_if(queue_, [&](const WorkItem& item) { return item.block == block; });
  return true;
}

std::vector<Outgoing> Scheduler::after_done() {
  std::vector<Outgoing> outgoing;
  deal(outgoing);
  return outgoing;
}

void Scheduler::on_finished(Rank rank) {
  state_of(rank).finished = true;
}

std::vector<Outgoing> Scheduler::on_rank_lost(Rank rank) {
  RankState& state = state_of(rank);
  std::vector<Outgoing> outgoing;
  if (state.lost) return outgoing;
  state.lost = true;
  if (std::all_of(ranks_.begin(), ranks_.end(), [](const RankState& other) { return other.lost; })) {
    fail(ErrorCode::kLaunch, "scheduler: every rank is lost; run the same command again to resume");
  }
  // Back to the front, in order, so that they are not the last ones to be done.
  for (auto block = state.assigned.rbegin(); block != state.assigned.rend(); ++block) {
    if (const auto open = is_cheap_.find(*block); open != is_cheap_.end()) queue_.push_front({*block, open->second});
  }
  state.assigned.clear();
  deal(outgoing);
  return outgoing;
}

bool Scheduler::finished() const {
  return open_ == 0 &&
         std::all_of(ranks_.begin(), ranks_.end(), [](const RankState& rank) { return rank.lost || rank.finished; });
}

void Scheduler::deal(std::vector<Outgoing>& outgoing) {
  const auto living = static_cast<std::size_t>(
      std::count_if(ranks_.begin(), ranks_.end(), [](const RankState& state) { return !state.lost; }));
  for (std::size_t index = 0; index < ranks_.size(); ++index) {
    RankState& state = ranks_[index];
    if (state.lost || state.stopped || !state.ready) continue;
    const Rank rank{static_cast<std::uint32_t>(index)};
    if (open_ == 0) {
      state.stopped = true;
      outgoing.push_back({rank, comm::Stop{}});
      continue;
    }
    comm::Assign assign{take(*state.ready, (queue_.size() + living - 1) / living)};
    if (assign.blocks.empty()) continue;
    state.assigned.insert(assign.blocks.begin(), assign.blocks.end());
    state.ready.reset();
    outgoing.push_back({rank, std::move(assign)});
  }
}

std::vector<BlockId> Scheduler::take(const comm::Ready& ready, std::size_t most) {
  std::vector<BlockId> blocks;
  if (queue_.empty()) return blocks;
  const bool is_cheap = queue_.front().is_cheap;
  const std::size_t capacity = std::max<std::uint32_t>(is_cheap ? ready.cheap_blocks : ready.model_blocks, 1);
  while (!queue_.empty() && queue_.front().is_cheap == is_cheap && blocks.size() < std::min(capacity, most)) {
    blocks.push_back(queue_.front().block);
    queue_.pop_front();
  }
  return blocks;
}

}  // namespace fz::coordinator
