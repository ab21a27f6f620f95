// Waits for what other ranks do by asking again and again, so that a lost rank ends in an error and not in a hang.
#pragma once

#include <chrono>
#include <thread>

#include "base/stopwatch.h"

namespace fz::comm {

/// Asks is_done() until it says so; false when that takes longer than `timeout_seconds`.
template <typename IsDone>
bool poll_until(double timeout_seconds, const IsDone& is_done) {
  /// Asked without a pause for so long: a sum of a few megabytes is done within it.
  constexpr double kEagerSeconds = 2e-3;
  constexpr std::chrono::microseconds kPause(200);
  const Stopwatch watch;
  while (!is_done()) {
    const double seconds = watch.seconds();
    if (seconds > timeout_seconds) return false;
    if (seconds > kEagerSeconds) std::this_thread::sleep_for(kPause);
  }
  return true;
}

}  // namespace fz::comm
