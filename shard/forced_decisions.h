// Teacher forcing: the model's probabilities of the true decisions of many tokens at once, for the lanes of several
// blocks. Owns its buffers; one thread calling, parallel inside.
#pragma once

#include <span>
#include <vector>

#include "model/engine.h"
#include "model/frequency_table.h"
#include "shard/chunk_answers.h"
#include "shard/range_coder.h"
#include "shard/token_block.h"

namespace fz::shard {

/// One table for each thread of the engine.
std::vector<model::FrequencyTable> make_frequency_tables(const model::Engine& engine);

/// A window over some consecutive chunks of every lane.
class ForcedDecisions {
 public:
  /// The blocks must outlive it. All are cut into chunks of one size. What the logs of `checkpoints` know is not asked
  /// again.
  ForcedDecisions(model::Engine& engine, std::span<const TokenBlock> blocks, const Checkpoints& checkpoints = {});

  /// Tokens of each lane in the window: whole chunks.
  std::uint32_t window() const { return window_; }

  /// Moves the window to tokens [start, start + window()) of every lane; start a multiple of window().
  void predict(std::uint32_t start);

  /// P(0) of the decisions of token `start + i` of a lane, by level; levels without a decision are not set.
  const Probability* decisions(std::size_t block, std::size_t lane, std::uint32_t i) const {
    return probabilities_.data() + slot(block, lane, i) * static_cast<std::size_t>(depth_);
  }

  /// Bytes of the probabilities for one lane, at least.
  static std::size_t bytes_per_lane(const model::ModelConfig& config);

 private:
  std::size_t slot(std::size_t block, std::size_t lane, std::uint32_t i) const {
    return (first_lane_[block] + lane) * window_ + i;
  }

  model::Engine& engine_;
  std::span<const TokenBlock> blocks_;
  ChunkAnswers answers_;
  std::vector<BlockLane> lanes_;         // of all blocks
  std::vector<std::size_t> first_lane_;  // of each block in lanes_
  std::uint32_t window_;
  int depth_;
  std::vector<model::FrequencyTable> tables_;
  std::vector<Probability> probabilities_;  // [lane of all blocks, token of the window, level]
};

}  // namespace fz::shard
