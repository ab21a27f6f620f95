// How a block's tokens are divided into lanes and chunks (docs/format.md, "Lanes"). Pure functions.
#pragma once

#include <algorithm>
#include <bit>
#include <compare>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "memory/lane_range.h"

namespace fz::shard {

inline constexpr std::uint32_t kMaxLanes = 1024;
/// That the encoder chooses at most. More make larger batches for the decoder; but each sees less of what it follows,
/// and the memory learns later (ADR 0005).
inline constexpr std::uint32_t kUsualLanes = 4;
inline constexpr std::uint32_t kLeastChunksOfLane = 8;

/// A lane's tokens or bytes, as indices in the block.
using Lane = memory::LaneRange;

/// A chunk, by what the model's answers for it depend on.
struct ChunkPlace {
  std::uint32_t begin = 0;       ///< Its first token, of the block.
  std::uint32_t read_again = 0;  ///< Tokens before that one that the model reads with it.

  auto operator<=>(const ChunkPlace&) const = default;
};

inline std::uint32_t longest_lane(const std::vector<Lane>& lanes) {
  std::uint32_t longest = 0;
  for (const Lane& lane : lanes) longest = std::max(longest, lane.end - lane.begin);
  return longest;
}

/// Lanes the encoder chooses: a power of two, at most `limit`.
inline std::uint32_t choose_lane_count(std::uint32_t tokens, std::uint32_t chunk_size,
                                       std::uint32_t limit = kMaxLanes) {
  const std::uint32_t wanted = std::clamp(tokens / chunk_size / kLeastChunksOfLane, 1u, kUsualLanes);
  return std::bit_floor(std::clamp(limit, 1u, wanted));
}

/// Whole chunks are dealt out as evenly as possible.
inline std::vector<Lane> divide_into_lanes(std::uint32_t tokens, std::uint32_t chunk_size, std::uint32_t lane_count) {
  const std::uint64_t chunks = (std::uint64_t{tokens} + chunk_size - 1) / chunk_size;
  std::vector<Lane> lanes(lane_count);
  for (std::uint64_t lane = 0; lane < lane_count; ++lane) {
    lanes[lane].begin =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(lane * chunks / lane_count * chunk_size, tokens));
    lanes[lane].end =
        static_cast<std::uint32_t>(std::min<std::uint64_t>((lane + 1) * chunks / lane_count * chunk_size, tokens));
  }
  return lanes;
}

/// Reads lane_bits. Throws Error(kCorrupt) for more lanes than there are of what they consist of, `parts`.
inline std::uint32_t read_lane_count(ByteReader& reader, std::uint32_t parts) {
  const auto lane_bits = reader.read<std::uint8_t>();
  if (lane_bits >= 32 || std::uint32_t{1} << lane_bits > kMaxLanes) {
    reader.corrupt(fmt::format("2^{} lanes, at most {} are allowed", lane_bits, kMaxLanes));
  }
  const std::uint32_t lane_count = std::uint32_t{1} << lane_bits;
  if (lane_count > std::max(parts, 1u)) reader.corrupt(fmt::format("{} lanes for {} parts", lane_count, parts));
  return lane_count;
}

}  // namespace fz::shard
