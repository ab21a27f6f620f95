// Runs a scheduler over a link until every worker has finished: carries events in and messages out, and makes results
// durable before it tells anyone. Rank 0's main thread.
#pragma once

#include <functional>
#include <span>
#include <utility>

#include "comm/transport.h"
#include "coordinator/scheduler.h"

namespace fz::coordinator {

using DoneBlocks = std::span<const std::pair<Rank, comm::BlockDone>>;

struct DispatchHooks {
  /// Makes these blocks durable; only then do their ranks hear again.
  std::function<void(DoneBlocks)> commit;
  /// Called often: progress, interruption. May throw.
  std::function<void()> idle;
};

/// Throws the Error of a worker that failed.
void dispatch(Scheduler& scheduler, comm::CoordinatorLink& link, const comm::Begin& begin, const DispatchHooks& hooks);

}  // namespace fz::coordinator
