// Steps all lanes of a block together on the decoder's side: position t of every lane before position t + 1 of any.
// Used by the decoders of both token coders; one block, one thread calling, parallel inside.
#pragma once

#include <functional>
#include <vector>

#include "model/engine.h"
#include "shard/lanes.h"

namespace fz::shard {

/// Calls choose(lane, thread, logits) once for every token of the block, the lanes of a step in parallel, then
/// after_step() once; returns the tokens that it chose, in the order of the block.
inline std::vector<model::TokenId> step_through_lanes(
    model::Engine& engine, const std::vector<Lane>& lanes,
    const std::function<model::TokenId(std::size_t lane, int thread, const float* logits)>& choose,
    const std::function<void()>& after_step = [] {}) {
  const std::uint32_t context = engine.model().config.context;
  std::vector<model::TokenId> tokens(lanes.back().end);
  model::KvCachePool caches(engine.model().config, lanes.size());
  const std::uint32_t steps = longest_lane(lanes);
  std::vector<model::StepInput> inputs;
  std::vector<std::size_t> input_lanes;  // the lane of each input
  for (std::uint32_t t = 0; t < steps; ++t) {
    inputs.clear();
    input_lanes.clear();
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      const std::uint32_t index = lanes[lane].begin + t;
      if (index >= lanes[lane].end) continue;
      const bool restarts = t % context == 0;
      inputs.push_back({&caches[lane], restarts ? 0 : tokens[index - 1], restarts});
      input_lanes.push_back(lane);
    }
    engine.step(inputs, [&](std::size_t input, int thread, const float* logits) {
      const std::size_t lane = input_lanes[input];
      tokens[lanes[lane].begin + t] = choose(lane, thread, logits);
    });
    after_step();
  }
  return tokens;
}

}  // namespace fz::shard
