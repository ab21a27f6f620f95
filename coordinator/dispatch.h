// Runs a scheduler over a link until every worker has finished: carries events in and messages out, and makes results
// durable before it tells anyone. Rank 0's main thread.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <utility>

#include "comm/transport.h"
#include "coordinator/scheduler.h"

namespace fz::coordinator {

using DoneBlocks = std::span<const std::pair<Rank, comm::BlockDone>>;

struct DispatchHooks {
  /// Makes these blocks durable; only then do their ranks hear again. Each block comes once.
  std::function<void(DoneBlocks)> commit;
  /// Called often: progress, interruption, showing the others that rank 0 lives. May throw.
  std::function<void()> idle;
  /// A rank was lost, has failed, or is back.
  std::function<void(const std::string&)> warn = [](const std::string&) {};
  /// A rank has done so many bytes of its blocks that are not done.
  std::function<void(Rank, std::uint64_t)> at_work = [](Rank, std::uint64_t) {};
  /// These blocks are about to be given to a rank.
  std::function<void(std::span<const BlockId>)> before_assign = [](std::span<const BlockId>) {};
};

/// True when all ranks have finished and may leave; false when one was lost on the way: then the others stay for
/// comm::World::leave(). Throws the Error of a worker that failed when no
/// other worker can help, and Error(kLaunch) when blocks were set aside.
bool dispatch(Scheduler& scheduler, comm::CoordinatorLink& link, const comm::Begin& begin, const DispatchHooks& hooks);

}  // namespace fz::coordinator
