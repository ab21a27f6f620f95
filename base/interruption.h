// SIGINT, SIGTERM and SIGUSR1 (what schedulers send before a time limit) as an orderly end: a guard notes the signal,
// loops ask, and the exception unwinds to the command, which removes what is unfinished (docs/exit-codes.md). One guard
// per process, made by the command.
#pragma once

#include <functional>

namespace fz {

/// Thrown where a noted signal is found; not an Error, because nothing is wrong.
struct Interrupted {
  int signal;
};

class InterruptionGuard {
 public:
  /// `idle` is called by every throw_if_interrupted(), which is to say often, wherever the command is.
  explicit InterruptionGuard(std::function<void()> idle = {});
  ~InterruptionGuard();
  InterruptionGuard(const InterruptionGuard&) = delete;
  InterruptionGuard& operator=(const InterruptionGuard&) = delete;
};

/// For ranks other than 0, which ends the job for all: a scheduler signals every process, and one that died of it would
/// hide rank 0's exit code.
void leave_signals_to_rank_0();

/// For long loops, on the thread that made the guard: throws Interrupted when a signal has come since then; from then on
/// a second signal kills at once.
void throw_if_interrupted();

}  // namespace fz
