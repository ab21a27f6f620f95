#include "shard/token_stepper.h"

#include "base/work_meter.h"

namespace fz::shard {
namespace {

void end_step(ThreadPool& pool, std::span<const std::unique_ptr<TokenDecoder>> decoders) {
  if (decoders.size() == 1) {
    decoders.front()->end_step(&pool);
  } else {
    pool.parallel_for(decoders.size(), [&](std::size_t block, int) { decoders[block]->end_step(nullptr); });
  }
}

}  // namespace

void step_through_blocks(model::Engine& engine, std::span<TokenBlock> blocks,
                         std::span<const std::unique_ptr<TokenDecoder>> decoders) {
  const model::ModelConfig& config = engine.model().config;
  const std::vector<BlockLane> lanes = lanes_of(blocks);
  model::KvCachePool caches(config, lanes.size());
  std::vector<TokenScratch> scratch;
  for (int thread = 0; thread < engine.pool().threads(); ++thread) {
    scratch.push_back({model::FrequencyTable(config.vocabulary_size), {}});
  }
  const std::uint32_t steps = longest_lane(blocks);
  std::vector<model::StepInput> inputs;
  std::vector<std::size_t> input_lanes;  // of each input, in `lanes`
  std::vector<model::PrefillChunk> read_again;
  WorkMeter::expect_steps(steps);
  for (std::uint32_t t = 0; t < steps; ++t) {
    inputs.clear();
    input_lanes.clear();
    read_again.clear();
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      const TokenBlock& block = blocks[lanes[i].block];
      const Lane& lane = block.lanes[lanes[i].lane];
      if (t >= lane.end - lane.begin) continue;
      bool restarts = false;
      if (t % block.chunking.chunk_size() == 0) {
        const std::span<const model::TokenId> before = block.read_again(lane, t);
        restarts = before.empty();
        if (!restarts) read_again.push_back({before, before.size(), &caches[i]});
      }
      inputs.push_back({&caches[i], restarts ? 0 : block.tokens[lane.begin + t - 1], restarts});
      input_lanes.push_back(i);
    }
    if (!read_again.empty()) engine.prefill(read_again, nullptr);
    engine.step(inputs, [&](std::size_t input, int thread, const float* logits) {
      const BlockLane& place = lanes[input_lanes[input]];
      TokenBlock& block = blocks[place.block];
      block.tokens[block.lanes[place.lane].begin + t] =
          decoders[place.block]->choose(place.lane, logits, scratch[thread]);
    });
    end_step(engine.pool(), decoders);
    WorkMeter::advance(1);
  }
}

}  // namespace fz::shard
