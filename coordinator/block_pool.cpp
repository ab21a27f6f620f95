#include "coordinator/block_pool.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace fz::coordinator {

bool needs_model(std::span<const WorkItem> items) {
  return std::any_of(items.begin(), items.end(), [](const WorkItem& item) { return !item.is_cheap; });
}

BlockPool::BlockPool(std::vector<WorkItem> items)
    : items_(std::move(items)), open_(items_.size()), waiting_(items_.size()) {
  std::size_t end = 0;
  for (const WorkItem& item : items_) end = std::max<std::size_t>(end, number(item.block) + std::size_t{1});
  states_.resize(end);
  for (const WorkItem& item : items_) {
    State& state = states_[number(item.block)];
    FZ_CHECK(state.stage == Stage::kUnknown);
    state.stage = Stage::kOpen;
    state.is_cheap = item.is_cheap;
    state.losses = static_cast<std::uint8_t>(std::min(item.deaths, kMostLosses - 1));
    if (item.deaths > 0) (item.deaths == 1 ? again_ : at_last_).push_back(item.block);
  }
  std::erase_if(items_, [](const WorkItem& item) { return item.deaths > 0; });
}

const BlockPool::State& BlockPool::state_of(BlockId block) const {
  FZ_CHECK(number(block) < states_.size());
  return states_[number(block)];
}

int BlockPool::holders(BlockId block) const {
  const State& state = state_of(block);
  return state.stage == Stage::kOpen ? state.holders : 0;
}

bool BlockPool::is_waiting(BlockId block) const {
  const State& state = state_of(block);
  return state.stage == Stage::kOpen && state.holders == 0;
}

bool BlockPool::take_alone(std::deque<BlockId>& from, std::vector<BlockId>& blocks) {
  while (!from.empty() && blocks.empty()) {
    if (is_waiting(from.front())) blocks.push_back(from.front());
    from.pop_front();
  }
  return !blocks.empty();
}

std::vector<BlockId> BlockPool::take(const comm::Ready& ready, std::size_t most) {
  std::vector<BlockId> blocks;
  if (waiting_ == 0 || most == 0) return blocks;
  if (!take_alone(again_, blocks)) {
    std::size_t capacity = 0;
    for (; next_ < items_.size(); ++next_) {
      const WorkItem& item = items_[next_];
      if (!is_waiting(item.block)) continue;
      if (blocks.empty()) {
        capacity = std::min<std::size_t>(most, std::max(item.is_cheap ? ready.cheap_blocks : ready.model_blocks, 1u));
      }
      if (blocks.size() == capacity || (!blocks.empty() && item.is_cheap != is_cheap(blocks.front()))) break;
      blocks.push_back(item.block);
    }
    const bool is_anything_held = open_ > waiting_;
    if (blocks.empty() && !is_anything_held) take_alone(at_last_, blocks);
  }
  for (const BlockId block : blocks) state_of(block).holders = 1;
  waiting_ -= blocks.size();
  return blocks;
}

void BlockPool::take_copy(BlockId block) {
  State& state = state_of(block);
  FZ_CHECK(state.stage == Stage::kOpen && state.holders > 0);
  ++state.holders;
}

bool BlockPool::is_known(BlockId block) const {
  return number(block) < states_.size() && states_[number(block)].stage != Stage::kUnknown;
}

bool BlockPool::finish(BlockId block) {
  FZ_CHECK(is_known(block));
  State& state = state_of(block);
  const bool was_set_aside = state.stage == Stage::kSetAside;
  if (state.stage != Stage::kOpen && !was_set_aside) return false;
  if (was_set_aside) {
    std::erase(set_aside_, block);  // a rank that was given up had done it after all
  } else {
    --open_;
    if (state.holders == 0) --waiting_;
  }
  state.stage = Stage::kDone;
  return true;
}

bool BlockPool::release(State& state) {
  if (state.stage != Stage::kOpen) return false;
  FZ_CHECK(state.holders > 0);
  return --state.holders == 0;
}

void BlockPool::lose(BlockId block) {
  State& state = state_of(block);
  const bool waits = release(state);
  if (state.stage != Stage::kOpen) return;
  ++state.losses;
  if (!waits) return;
  if (state.losses >= kMostLosses) {
    state.stage = Stage::kSetAside;
    set_aside_.push_back(block);
    --open_;
    return;
  }
  ++waiting_;
  (state.losses == 1 ? again_ : at_last_).push_back(block);
}

bool BlockPool::fail(BlockId block) {
  State& state = state_of(block);
  if (state.stage != Stage::kOpen) return true;
  if (std::exchange(state.has_failed, true)) return false;
  if (release(state)) {
    ++waiting_;
    again_.push_back(block);
  }
  return true;
}

}  // namespace fz::coordinator
