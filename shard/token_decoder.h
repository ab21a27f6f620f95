// The decoder's side of a token coder for one block: decides what each lane says next, given the model's logits.
// Driven by step_through_blocks().
#pragma once

#include <vector>

#include "base/thread_pool.h"
#include "model/frequency_table.h"
#include "model/model.h"

namespace fz::shard {

/// What a thread needs to choose a token; shared by all blocks that it works on.
struct TokenScratch {
  model::FrequencyTable table;
  std::vector<std::uint64_t> rank_keys;
};

class TokenDecoder {
 public:
  virtual ~TokenDecoder() = default;
  /// How many numbers keep what the model has said of a token.
  virtual std::size_t answers_of_token() const = 0;
  /// The lane's next token; fills in `answers`. Lanes of one step may be asked at the same time, each once.
  virtual model::TokenId choose(std::size_t lane, const float* logits, TokenScratch& scratch,
                                std::uint16_t* answers) = 0;
  /// The same from what was filled in before; from any other numbers, some token.
  virtual model::TokenId choose_again(std::size_t lane, const std::uint16_t* answers) = 0;
  /// All lanes that have a token in this step have chosen it. `pool` may be null.
  virtual void end_step(ThreadPool* /*pool*/) {}
};

}  // namespace fz::shard
