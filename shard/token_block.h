// The tokens of a block and their lanes, as the token coders take them: several blocks at a time. Plain data.
#pragma once

#include <span>
#include <vector>

#include "model/model.h"
#include "shard/lanes.h"

namespace fz::shard {

struct TokenBlock {
  std::vector<model::TokenId> tokens;
  std::vector<Lane> lanes;
};

/// Names a lane among those of several blocks.
struct BlockLane {
  std::size_t block = 0;
  std::size_t lane = 0;
};

inline std::vector<BlockLane> lanes_of(std::span<const TokenBlock> blocks) {
  std::vector<BlockLane> all;
  for (std::size_t block = 0; block < blocks.size(); ++block) {
    for (std::size_t lane = 0; lane < blocks[block].lanes.size(); ++lane) all.push_back({block, lane});
  }
  return all;
}

inline std::uint32_t longest_lane(std::span<const TokenBlock> blocks) {
  std::uint32_t longest = 0;
  for (const TokenBlock& block : blocks) longest = std::max(longest, longest_lane(block.lanes));
  return longest;
}

}  // namespace fz::shard
