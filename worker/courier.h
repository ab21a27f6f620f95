// What the main thread of a rank other than 0 does: it carries messages between the coordinator and the worker on its
// own thread, shows that the rank lives, and ends the rank when the coordinator is gone.
#pragma once

#include "comm/transport.h"

namespace fz::worker {

/// Nothing was heard of rank 0 for so long: this rank must end on its own.
struct CoordinatorLost {
  double silence_seconds = 0;
};

/// Until the coordinator says Leave; its word is returned. `local` is null for a rank that cannot work and only waits.
/// Throws CoordinatorLost when nothing comes from the coordinator for too long.
comm::Leave carry_messages(comm::WorkerLink& coordinator, comm::CoordinatorLink* local, const comm::Patience& patience);

}  // namespace fz::worker
