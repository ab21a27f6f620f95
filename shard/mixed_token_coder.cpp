#include "shard/mixed_token_coder.h"

#include "memory/memory.h"
#include "shard/code_tree.h"
#include "shard/forced_decisions.h"
#include "shard/lane_streams.h"
#include "shard/lanes.h"
#include "shard/token_stepper.h"

namespace fz::shard {

Bytes encode_mixed(model::Engine& engine, const memory::Alphabet& alphabet, std::span<const model::TokenId> tokens,
                   std::uint32_t lane_count) {
  const model::ModelConfig& config = engine.model().config;
  const std::vector<Lane> lanes =
      divide_into_lanes(static_cast<std::uint32_t>(tokens.size()), config.context, lane_count);
  memory::Memory memory(alphabet, lanes, {.with_model = true});
  ForcedDecisions forced(engine, tokens, lanes);
  std::vector<RangeEncoder> encoders(lane_count);
  const std::uint32_t longest = longest_lane(lanes);
  for (std::uint32_t t = 0; t < longest; ++t) {
    const std::uint32_t in_window = t % forced.window();
    if (in_window == 0) forced.predict(t);
    engine.pool().parallel_for(lane_count, [&](std::size_t lane, int) {
      if (!memory.is_active(lane)) return;
      memory.prepare(lane);
      const Probability* const zeros = forced.decisions(lane, in_window);
      walk_to_token(config.vocabulary_size, tokens[lanes[lane].begin + t], [&](int level, unsigned bit) {
        encoders[lane].encode(bit, memory.mix(lane, level, zeros[level]));
        memory.learn(lane, bit);
      });
    });
    memory.end_step(&engine.pool());
  }
  return join_streams(encoders);
}

std::vector<model::TokenId> decode_mixed(model::Engine& engine, const memory::Alphabet& alphabet, ByteReader& reader,
                                         std::uint32_t token_count, std::uint32_t lane_count) {
  std::vector<RangeDecoder> decoders = split_streams(reader, lane_count);
  const std::vector<Lane> lanes = divide_into_lanes(token_count, engine.model().config.context, lane_count);
  memory::Memory memory(alphabet, lanes, {.with_model = true});
  std::vector<model::FrequencyTable> tables = make_frequency_tables(engine);
  const auto choose = [&](std::size_t lane, int thread, const float* logits) {
    memory.prepare(lane);
    model::FrequencyTable& table = tables[thread];
    table.fill(engine.kernels(), logits);
    return walk_code_tree(table, [&](int level, Probability zero) {
      const unsigned bit = decoders[lane].decode(memory.mix(lane, level, zero));
      memory.learn(lane, bit);
      return bit;
    });
  };
  return step_through_lanes(engine, lanes, choose, [&] { memory.end_step(&engine.pool()); });
}

}  // namespace fz::shard
