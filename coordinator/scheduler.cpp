#include "coordinator/scheduler.h"

#include <algorithm>

#include "base/error.h"

namespace fz::coordinator {
namespace {

/// Errors of the launch or the archive, not of a rank: another rank would have them too, and the user wants to know
/// now.
bool concerns_all(ErrorCode code) {
  return code == ErrorCode::kUsage || code == ErrorCode::kModel || code == ErrorCode::kLaunch ||
         code == ErrorCode::kCorrupt;
}

std::string blocks_text(std::size_t count) {
  return count == 0 ? "it had no blocks"
                    : fmt::format("its {} block{} dealt again", count, count == 1 ? " is" : "s are");
}

}  // namespace

Scheduler::Scheduler(std::vector<WorkItem> items, int ranks, Rules rules, double now_seconds)
    : pool_(std::move(items)), rules_(rules), ranks_(static_cast<std::size_t>(ranks)), able_(ranks) {
  FZ_CHECK(ranks >= 1);
  unfinished_ = ranks_.size();
  for (RankState& state : ranks_) state.heard_seconds = now_seconds;
}

Scheduler::RankState& Scheduler::state_of(Rank rank) {
  if (number(rank) >= ranks_.size())
    fail(ErrorCode::kLaunch, "scheduler: message from rank {} of {}", number(rank), ranks_.size());
  return ranks_[number(rank)];
}

void Scheduler::on_heard(Rank rank, double now_seconds) {
  RankState& state = state_of(rank);
  state.heard_seconds = now_seconds;
  if (!state.lost) return;
  state.lost = false;
  state.is_astray = true;
  if (!state.finished) ++unfinished_;
  if (!state.failed) ++able_;
  notices_.push_back(fmt::format("rank {} is back", number(rank)));
}

std::vector<Outgoing> Scheduler::on_ready(Rank rank, const comm::Ready& ready, double now_seconds) {
  std::vector<Outgoing> outgoing;
  RankState& state = state_of(rank);
  if (!state.is_able() || state.stopped) return outgoing;
  state.is_astray = false;
  state.ready = ready;
  idle_.insert(number(rank));
  deal(outgoing, now_seconds);
  return outgoing;
}

bool Scheduler::on_block_done(Rank rank, BlockId block, double now_seconds) {
  RankState& state = state_of(rank);
  if (!pool_.is_known(block)) {
    fail(ErrorCode::kLaunch, "rank {} reports an unknown block, {}; do all ranks run the same fz-dist?", number(rank),
         number(block));
  }
  if (std::erase(state.assigned, block) > 0) {
    Pace& pace = pace_[pool_.is_cheap(block) ? 1 : 0];
    pace.sum_seconds += now_seconds - state.assigned_seconds;
    ++pace.blocks;
  }
  return pool_.finish(block);
}

std::vector<Outgoing> Scheduler::after_done(double now_seconds) {
  std::vector<Outgoing> outgoing;
  deal(outgoing, now_seconds);
  return outgoing;
}

std::vector<BlockId> Scheduler::take_from(std::uint32_t rank) {
  idle_.erase(rank);
  ranks_[rank].ready.reset();
  return std::exchange(ranks_[rank].assigned, {});
}

std::vector<Outgoing> Scheduler::on_failed(Rank rank, const comm::Failed& failed, double now_seconds) {
  std::vector<Outgoing> outgoing;
  RankState& state = state_of(rank);
  const auto code = static_cast<ErrorCode>(failed.exit_code);
  // After Stop: what it wrote before may not be durable.
  if (state.stopped) throw Error(code, failed.message);
  if (state.failed) return outgoing;
  if (!state.lost) --able_;
  state.failed = true;
  const std::vector<BlockId> blocks = take_from(number(rank));
  bool another_may_help = all_blocks_done() || (able_ > 0 && !concerns_all(code));
  for (const BlockId block : blocks) another_may_help = pool_.fail(block) && another_may_help;
  if (!another_may_help) throw Error(code, failed.message);
  notices_.push_back(
      fmt::format("rank {} gets no more work, {}: {}", number(rank), blocks_text(blocks.size()), failed.message));
  deal(outgoing, now_seconds);
  return outgoing;
}

void Scheduler::on_finished(Rank rank) {
  RankState& state = state_of(rank);
  if (!std::exchange(state.finished, true) && !state.lost) --unfinished_;
}

std::vector<Outgoing> Scheduler::on_rank_lost(Rank rank, double now_seconds) {
  RankState& state = state_of(rank);
  std::vector<Outgoing> outgoing;
  if (state.lost) return outgoing;
  state.lost = ever_lost_ = true;
  if (!state.failed) --able_;
  if (!state.finished) --unfinished_;
  if (able_ == 0 && !all_blocks_done()) {
    fail(ErrorCode::kLaunch, "scheduler: every rank is lost; run the same command again to resume");
  }
  const std::vector<BlockId> blocks = take_from(number(rank));
  for (const BlockId block : blocks) pool_.lose(block);
  notices_.push_back(fmt::format("rank {} is lost, nothing was heard of it for {:.0f} s; {}", number(rank),
                                 now_seconds - state.heard_seconds, blocks_text(blocks.size())));
  deal(outgoing, now_seconds);
  return outgoing;
}

std::vector<Outgoing> Scheduler::on_time(double now_seconds) {
  std::vector<Outgoing> outgoing;
  for (std::uint32_t rank = 1; rank < ranks_.size(); ++rank) {
    if (ranks_[rank].lost || now_seconds - ranks_[rank].heard_seconds < rules_.silence_seconds) continue;
    const std::vector<Outgoing> more = on_rank_lost(Rank{rank}, now_seconds);
    outgoing.insert(outgoing.end(), more.begin(), more.end());
  }
  if (all_blocks_done()) {
    stop_all(outgoing, now_seconds);
  } else {
    deal_copies(outgoing, now_seconds);
  }
  return outgoing;
}

void Scheduler::assign(std::uint32_t rank, std::vector<BlockId> blocks, std::vector<Outgoing>& outgoing,
                       double now_seconds) {
  RankState& state = ranks_[rank];
  state.assigned = blocks;
  state.assigned_seconds = now_seconds;
  state.ready.reset();
  outgoing.push_back({Rank{rank}, comm::Assign{std::move(blocks)}});
}

void Scheduler::deal(std::vector<Outgoing>& outgoing, double now_seconds) {
  if (all_blocks_done()) return stop_all(outgoing, now_seconds);
  while (!idle_.empty() && pool_.waiting() > 0) {
    const std::uint32_t rank = *idle_.begin();
    const auto able = static_cast<std::size_t>(able_);
    std::vector<BlockId> blocks = pool_.take(*ranks_[rank].ready, (pool_.waiting() + able - 1) / able);
    if (blocks.empty()) return;
    idle_.erase(rank);
    assign(rank, std::move(blocks), outgoing, now_seconds);
  }
}

bool Scheduler::is_late(const RankState& state, BlockId block, double now_seconds) const {
  const Pace& pace = pace_[pool_.is_cheap(block) ? 1 : 0];
  if (pace.blocks == 0 || pool_.holders(block) != 1) return false;
  const double mean_seconds = pace.sum_seconds / static_cast<double>(pace.blocks);
  return now_seconds - state.assigned_seconds > rules_.late_factor * mean_seconds;
}

void Scheduler::deal_copies(std::vector<Outgoing>& outgoing, double now_seconds) {
  if (idle_.empty()) return;
  std::vector<BlockId> late;
  for (const RankState& state : ranks_) {
    for (const BlockId block : state.assigned) {
      if (is_late(state, block, now_seconds)) late.push_back(block);
    }
  }
  auto next = late.begin();
  while (!idle_.empty() && next != late.end()) {
    const std::uint32_t rank = *idle_.begin();
    const comm::Ready& ready = *ranks_[rank].ready;
    const bool is_cheap = pool_.is_cheap(*next);
    const std::size_t share = (static_cast<std::size_t>(late.end() - next) + idle_.size() - 1) / idle_.size();
    const std::size_t most =
        std::min<std::size_t>(share, std::max(is_cheap ? ready.cheap_blocks : ready.model_blocks, 1u));
    std::vector<BlockId> blocks;
    for (; next != late.end() && blocks.size() < most && pool_.is_cheap(*next) == is_cheap; ++next) {
      pool_.take_copy(*next);
      blocks.push_back(*next);
    }
    idle_.erase(idle_.begin());
    assign(rank, std::move(blocks), outgoing, now_seconds);
  }
}

void Scheduler::stop_all(std::vector<Outgoing>& outgoing, double now_seconds) {
  if (!done_seconds_) done_seconds_ = now_seconds;
  const bool grace_is_over = now_seconds - *done_seconds_ > rules_.grace_seconds;
  for (std::uint32_t rank = 0; rank < ranks_.size(); ++rank) {
    RankState& state = ranks_[rank];
    if (state.lost || state.stopped) continue;
    // One that has just reported its last block will be ready in a moment.
    if (!state.ready && !state.failed && state.assigned.empty() && !state.is_astray && !grace_is_over) continue;
    state.stopped = true;
    outgoing.push_back({Rank{rank}, comm::Stop{}});
  }
  idle_.clear();
}

}  // namespace fz::coordinator
