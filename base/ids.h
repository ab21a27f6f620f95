// Numbers that cross interfaces, as types of their own, so that a rank is never taken for a block.
#pragma once

#include <cstdint>

namespace fz {

/// A process of the job; 0 coordinates (and works too).
enum class Rank : std::uint32_t {};

/// A block's position in the archive, from 0.
enum class BlockId : std::uint32_t {};

constexpr std::uint32_t number(Rank rank) {
  return static_cast<std::uint32_t>(rank);
}
constexpr std::uint32_t number(BlockId block) {
  return static_cast<std::uint32_t>(block);
}

}  // namespace fz
