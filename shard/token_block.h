// The tokens of a block and their lanes, as the token coders take them: several blocks at a time. Plain data.
#pragma once

#include <span>
#include <vector>

#include "model/engine.h"
#include "shard/lanes.h"

namespace fz::shard {

/// A chunk's first predictions, made from next to nothing, are by far its worst (docs/adr/0019-chunks-overlap.md).
inline constexpr std::uint32_t kContextPerOverlap = 8;

/// How tokens are cut into what the model sees at once (docs/format.md, "Chunks and lanes").
struct Chunking {
  std::uint32_t context = 0;  ///< Of the model.
  std::uint32_t overlap = 0;  ///< Tokens before a chunk, of the same lane, that the model reads again with it.

  static Chunking of_context(std::uint32_t context) { return {context, context / kContextPerOverlap}; }

  /// Tokens that a chunk adds.
  std::uint32_t chunk_size() const { return context - overlap; }
};

struct TokenBlock {
  std::vector<model::TokenId> tokens;
  std::vector<Lane> lanes;
  Chunking chunking;

  /// Of the chunk that begins with token `t` of a lane: the tokens that are read before it.
  std::span<const model::TokenId> read_again(const Lane& lane, std::uint32_t t) const {
    const std::uint32_t count = std::min(t, chunking.overlap);
    return std::span(tokens).subspan(lane.begin + t - count, count);
  }
  ChunkPlace place(const Lane& lane, std::uint32_t t) const {
    return {lane.begin + t, static_cast<std::uint32_t>(read_again(lane, t).size())};
  }
  /// As the model is to read it.
  model::PrefillChunk chunk(const Lane& lane, std::uint32_t t) const {
    const auto known = static_cast<std::uint32_t>(read_again(lane, t).size());
    const std::uint32_t count = std::min(chunking.chunk_size(), lane.end - lane.begin - t);
    return {std::span(tokens).subspan(lane.begin + t - known, known + count), known};
  }
};

/// With the lanes that the encoder chooses.
inline TokenBlock cut_tokens(std::vector<model::TokenId> tokens, const Chunking& chunking,
                             std::uint32_t lane_limit = kMaxLanes) {
  const auto count = static_cast<std::uint32_t>(tokens.size());
  const std::uint32_t lanes = choose_lane_count(count, chunking.chunk_size(), lane_limit);
  return {std::move(tokens), divide_into_lanes(count, chunking.chunk_size(), lanes), chunking};
}

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
