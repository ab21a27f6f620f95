// Teacher forcing: the model's probabilities of the true decisions of many tokens at once. Owns its buffers; one block,
// one thread calling, parallel inside.
#pragma once

#include <span>
#include <vector>

#include "model/engine.h"
#include "model/frequency_table.h"
#include "shard/lanes.h"
#include "shard/range_coder.h"

namespace fz::shard {

/// One table for each thread of the engine.
std::vector<model::FrequencyTable> make_frequency_tables(const model::Engine& engine);

/// A window over some consecutive chunks of every lane.
class ForcedDecisions {
 public:
  ForcedDecisions(model::Engine& engine, std::span<const model::TokenId> tokens, const std::vector<Lane>& lanes);

  /// Tokens of each lane in the window: whole chunks.
  std::uint32_t window() const { return window_; }

  /// Moves the window to tokens [start, start + window()) of every lane; start a multiple of window().
  void predict(std::uint32_t start);

  /// P(0) of the decisions of token `start + i` of a lane, by level; levels without a decision are not set.
  const Probability* decisions(std::size_t lane, std::uint32_t i) const {
    return probabilities_.data() + (lane * window_ + i) * static_cast<std::size_t>(depth_);
  }

 private:
  model::Engine& engine_;
  std::span<const model::TokenId> tokens_;
  const std::vector<Lane>& lanes_;
  std::uint32_t context_;
  std::uint32_t window_;
  int depth_;
  std::vector<model::FrequencyTable> tables_;
  std::vector<Probability> probabilities_;  // [lane, token of the window, level]
};

}  // namespace fz::shard
