#include "coordinator/dispatch.h"

#include "base/error.h"
#include "base/stopwatch.h"

namespace fz::coordinator {
namespace {

constexpr std::chrono::milliseconds kIdlePeriod(100);
constexpr double kTimePeriodSeconds = 0.1;
constexpr std::size_t kMostNamed = 8;

void send_all(comm::CoordinatorLink& link, const DispatchHooks& hooks, const std::vector<Outgoing>& outgoing) {
  for (const Outgoing& item : outgoing) {
    if (const auto* assign = std::get_if<comm::Assign>(&item.message)) hooks.before_assign(assign->blocks);
    link.send(item.to, item.message);
  }
}

/// To every rank that is not lost.
void send_to_living(const Scheduler& scheduler, comm::CoordinatorLink& link, const comm::Message& message) {
  for (int i = 0; i < link.workers(); ++i) {
    const auto rank = static_cast<Rank>(i);
    if (!scheduler.is_lost(rank)) link.send(rank, message);
  }
}

/// Whatever has arrived is taken together, so that one sync of the journal serves all of it.
bool take_arrived(Scheduler& scheduler, comm::CoordinatorLink& link, const DispatchHooks& hooks, double now_seconds) {
  std::vector<std::pair<Rank, comm::BlockDone>> done;
  std::vector<comm::Incoming> later;
  bool arrived = false;
  while (auto incoming = link.try_receive()) {
    arrived = true;
    scheduler.on_heard(incoming->from, now_seconds);
    if (const auto* block = std::get_if<comm::BlockDone>(&incoming->message)) {
      if (scheduler.on_block_done(incoming->from, block->block, now_seconds)) done.emplace_back(incoming->from, *block);
    } else {
      later.push_back(std::move(*incoming));
    }
  }
  if (!done.empty()) {
    hooks.commit(done);
    send_all(link, hooks, scheduler.after_done(now_seconds));
  }
  for (const auto& [from, message] : later) {
    if (const auto* ready = std::get_if<comm::Ready>(&message)) {
      send_all(link, hooks, scheduler.on_ready(from, *ready, now_seconds));
    } else if (std::holds_alternative<comm::Finished>(message)) {
      scheduler.on_finished(from);
    } else if (const auto* failed = std::get_if<comm::Failed>(&message)) {
      send_all(link, hooks, scheduler.on_failed(from, *failed, now_seconds));
    } else if (const auto* alive = std::get_if<comm::Alive>(&message)) {
      hooks.at_work(from, alive->bytes_in_work);
    } else {
      fail(ErrorCode::kLaunch, "rank {}: unexpected message; do all ranks run the same fz-dist?", number(from));
    }
  }
  return arrived;
}

void refuse_set_aside(const Scheduler& scheduler) {
  const std::vector<BlockId>& blocks = scheduler.set_aside();
  if (blocks.empty()) return;
  std::string names;
  for (std::size_t i = 0; i < std::min(blocks.size(), kMostNamed); ++i) {
    names += fmt::format("{}{}", i == 0 ? "" : ", ", number(blocks[i]));
  }
  fail(ErrorCode::kLaunch,
       "blocks set aside, {}: {}{}: {} ranks were lost working on each; all other blocks are done; run the same "
       "command again to try them again",
       blocks.size(), names, blocks.size() > kMostNamed ? ", …" : "", BlockPool::kMostLosses);
}

}  // namespace

bool dispatch(Scheduler& scheduler, comm::CoordinatorLink& link, const comm::Begin& begin, const DispatchHooks& hooks) {
  const Stopwatch watch;
  double next_time_seconds = 0;
  send_to_living(scheduler, link, begin);
  while (!scheduler.finished()) {
    // One time for all: when this thread itself was held up (a slow disk), what came meanwhile counts as heard now.
    const double now_seconds = watch.seconds();
    const bool arrived = take_arrived(scheduler, link, hooks, now_seconds);
    if (now_seconds >= next_time_seconds) {
      next_time_seconds = now_seconds + kTimePeriodSeconds;
      send_all(link, hooks, scheduler.on_time(now_seconds));
    }
    for (const std::string& notice : scheduler.take_notices()) hooks.warn(notice);
    hooks.idle();
    if (!arrived) link.wait(kIdlePeriod);
  }
  // Where one was lost the others stay until this rank leaves: some launchers would end the whole job with the first.
  if (!scheduler.any_lost()) send_to_living(scheduler, link, comm::Leave{});
  refuse_set_aside(scheduler);
  return !scheduler.any_lost();
}

}  // namespace fz::coordinator
