// A lane: a run of the block's symbols that is coded in step with the other lanes. Plain data.
#pragma once

#include <cstdint>

namespace fz::memory {

/// Symbol begin + t is coded at step t. The lanes of a block tile its symbols.
struct LaneRange {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

}  // namespace fz::memory
