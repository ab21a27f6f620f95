// How a block's tokens are divided into lanes and chunks (docs/format.md, "Lanes"). Pure functions.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace fz::shard {

/// More lanes make larger batches for the decoder and cost a few bytes each.
inline constexpr std::uint32_t kMaxLanes = 1024;
inline constexpr std::uint32_t kDefaultMaxLanes = 64;
inline constexpr std::uint32_t kChunksPerLane = 8;

struct Lane {
  std::uint32_t begin = 0;  ///< First token of the block in this lane.
  std::uint32_t end = 0;
};

/// Lanes the encoder chooses: a power of two, with several chunks in each.
inline std::uint32_t choose_lane_count(std::uint32_t tokens, std::uint32_t context) {
  const std::uint32_t chunks = tokens / context;
  return std::bit_floor(std::clamp(chunks / kChunksPerLane, 1u, kDefaultMaxLanes));
}

/// Whole chunks are dealt out as evenly as possible; so the chunks, and with them the model's predictions, do not
/// depend on the number of lanes.
inline std::vector<Lane> divide_into_lanes(std::uint32_t tokens, std::uint32_t context, std::uint32_t lane_count) {
  const std::uint64_t chunks = (std::uint64_t{tokens} + context - 1) / context;
  std::vector<Lane> lanes(lane_count);
  for (std::uint64_t lane = 0; lane < lane_count; ++lane) {
    lanes[lane].begin =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(lane * chunks / lane_count * context, tokens));
    lanes[lane].end =
        static_cast<std::uint32_t>(std::min<std::uint64_t>((lane + 1) * chunks / lane_count * context, tokens));
  }
  return lanes;
}

}  // namespace fz::shard
