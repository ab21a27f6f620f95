#include "base/work_meter.h"

#include <algorithm>

namespace fz {

std::uint64_t WorkMeter::bytes() {
  const std::uint64_t steps = total_steps_;
  if (steps == 0) return 0;
  const double part = static_cast<double>(std::min<std::uint64_t>(done_steps_, steps)) / static_cast<double>(steps);
  return static_cast<std::uint64_t>(part * static_cast<double>(total_bytes_));
}

void WorkMeter::expect_steps(std::uint64_t steps) {
  done_steps_ = 0;
  total_steps_ = steps;
}

void WorkMeter::advance(std::uint64_t steps) {
  done_steps_ += steps;
}

WorkScope::WorkScope(std::uint64_t bytes) {
  WorkMeter::expect_steps(0);
  WorkMeter::total_bytes_ = bytes;
}

WorkScope::~WorkScope() {
  WorkMeter::expect_steps(0);
  WorkMeter::total_bytes_ = 0;
}

}  // namespace fz
