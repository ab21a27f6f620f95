// Mailboxes in memory: one coordinator and any number of worker threads of the same process. Used for rank 0's own
// worker, for runs without MPI, and in tests. The hub outlives its links; links may be used from different threads.
#pragma once

#include <memory>

#include "comm/transport.h"

namespace fz::comm {

class InProcessHub {
 public:
  /// `workers` of them, numbered from `first`.
  explicit InProcessHub(int workers, Rank first = Rank{0});
  ~InProcessHub();
  InProcessHub(const InProcessHub&) = delete;
  InProcessHub& operator=(const InProcessHub&) = delete;

  CoordinatorLink& coordinator();
  WorkerLink& worker(Rank rank);

  /// From now on every worker receives nothing any more and ends. The coordinator calls it when it gives up.
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fz::comm
