#include "shard/range_token_coder.h"

#include "shard/code_tree.h"
#include "shard/forced_decisions.h"
#include "shard/lane_streams.h"
#include "shard/lanes.h"
#include "shard/token_stepper.h"

namespace fz::shard {

Bytes encode_with_ranges(model::Engine& engine, std::span<const model::TokenId> tokens, std::uint32_t lane_count) {
  const model::ModelConfig& config = engine.model().config;
  const std::vector<Lane> lanes =
      divide_into_lanes(static_cast<std::uint32_t>(tokens.size()), config.context, lane_count);
  ForcedDecisions forced(engine, tokens, lanes);
  std::vector<RangeEncoder> encoders(lane_count);
  const std::uint32_t longest = longest_lane(lanes);
  for (std::uint32_t start = 0; start < longest; start += forced.window()) {
    forced.predict(start);
    engine.pool().parallel_for(lane_count, [&](std::size_t lane, int) {
      for (std::uint32_t i = 0; i < forced.window() && lanes[lane].begin + start + i < lanes[lane].end; ++i) {
        const model::TokenId token = tokens[lanes[lane].begin + start + i];
        const Probability* const zeros = forced.decisions(lane, i);
        walk_to_token(config.vocabulary_size, token,
                      [&](int level, unsigned bit) { encoders[lane].encode(bit, zeros[level]); });
      }
    });
  }
  return join_streams(encoders);
}

std::vector<model::TokenId> decode_with_ranges(model::Engine& engine, ByteReader& reader, std::uint32_t token_count,
                                               std::uint32_t lane_count) {
  std::vector<RangeDecoder> decoders = split_streams(reader, lane_count);
  const std::vector<Lane> lanes = divide_into_lanes(token_count, engine.model().config.context, lane_count);
  std::vector<model::FrequencyTable> tables = make_frequency_tables(engine);
  return step_through_lanes(engine, lanes, [&](std::size_t lane, int thread, const float* logits) {
    model::FrequencyTable& table = tables[thread];
    table.fill(engine.kernels(), logits);
    return walk_code_tree(table, [&](int, Probability zero) { return decoders[lane].decode(zero); });
  });
}

}  // namespace fz::shard
