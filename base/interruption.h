// SIGINT and SIGTERM as an orderly end: a guard notes the signal, loops ask, and the exception unwinds to the command,
// which removes what is unfinished and exits with 128 + signal. One guard per process, made by the command.
#pragma once

namespace fz {

/// Thrown where a noted signal is found; not an Error, because nothing is wrong.
struct Interrupted {
  int signal;
};

class InterruptionGuard {
 public:
  InterruptionGuard();
  ~InterruptionGuard();
  InterruptionGuard(const InterruptionGuard&) = delete;
  InterruptionGuard& operator=(const InterruptionGuard&) = delete;
};

/// Throws Interrupted when a signal has come since the guard was made; from then on a second signal kills at once.
void throw_if_interrupted();

}  // namespace fz
