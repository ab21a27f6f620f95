// The pull loop of a rank: asks for blocks, works on them, reports each. What the work is, a Task says. One thread; the
// task may use more inside.
#pragma once

#include <functional>
#include <span>

#include "comm/transport.h"

namespace fz::worker {

class Task {
 public:
  using Report = std::function<void(const comm::BlockDone&)>;

  virtual ~Task() = default;
  /// Before the first block.
  virtual void begin(const comm::Begin& begin, Rank rank) = 0;
  /// How many blocks to take at once.
  virtual comm::Ready ready() = 0;
  /// Works on the blocks and reports each when its result is durable, or as durable as the job needs it.
  virtual void process(std::span<const BlockId> blocks, const Report& report) = 0;
  /// From another thread, while this one may be in ready() or process(): on return nothing is being written, and
  /// nothing will be any more. What process() reports after it is not heard.
  virtual void abandon() {}
  /// After the last block, or after abandon() and from its thread: whatever was written and not synced.
  virtual void finish() {}
};

/// Runs until told to stop. An Error goes to the coordinator as Failed; then the result is false.
bool run_worker(comm::WorkerLink& link, Task& task);

}  // namespace fz::worker
