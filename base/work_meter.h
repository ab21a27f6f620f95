// How far this process is with the blocks it has in work: they take minutes, and whoever waits wants to see something
// move. One meter for the process, as for the profile; one worker at a time begins work, any thread advances or reads.
#pragma once

#include <atomic>
#include <cstdint>

namespace fz {

class WorkMeter {
 public:
  /// Bytes of the work at hand that are done; 0 between works.
  static std::uint64_t bytes();

  /// The work at hand has so many steps from now on, whatever a step is; none is done. Without a work it means nothing.
  static void expect_steps(std::uint64_t steps);
  static void advance(std::uint64_t steps);

 private:
  friend class WorkScope;
  static inline std::atomic<std::uint64_t> total_bytes_{0};
  static inline std::atomic<std::uint64_t> total_steps_{0};
  static inline std::atomic<std::uint64_t> done_steps_{0};
};

/// While it lives there is a work of so many bytes.
class WorkScope {
 public:
  explicit WorkScope(std::uint64_t bytes);
  ~WorkScope();
  WorkScope(const WorkScope&) = delete;
  WorkScope& operator=(const WorkScope&) = delete;
};

}  // namespace fz
