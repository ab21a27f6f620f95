// What the model says of the chunks of blocks whose tokens are known: asked now and kept in the blocks' logs, or read
// from the logs of a run that was interrupted. One thread calling, parallel inside.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "model/engine.h"
#include "shard/prediction_log.h"
#include "shard/token_block.h"

namespace fz::shard {

class ChunkAnswers {
 public:
  /// Chunks for each thread in one call of get(): enough to keep all threads busy to its end, few enough to bound
  /// memory.
  static constexpr std::size_t kChunksOfThread = 8;

  /// A chunk, and where the same number of answers for each of its new tokens shall go.
  struct Question {
    BlockLane lane;
    std::uint32_t first_token = 0;  ///< Of the lane.
    std::span<std::uint16_t> answers;
  };
  /// Writes the answers for one token; called from several threads at once.
  using Fill = std::function<void(model::TokenId token, int thread, const float* logits, std::uint16_t* answers)>;

  /// The blocks must outlive it. `checkpoints` has logs of just these blocks, or none.
  ChunkAnswers(model::Engine& engine, std::span<const TokenBlock> blocks, const Checkpoints& checkpoints);

  /// Answers them all. What a log says may be any number.
  void get(std::span<const Question> questions, const Fill& fill);

 private:
  model::Engine& engine_;
  std::span<const TokenBlock> blocks_;
  Checkpoints checkpoints_;
  std::size_t chunk_count_;    // of all blocks
  std::optional<bool> keeps_;  // in the logs; known when the first chunks have been timed
};

}  // namespace fz::shard
