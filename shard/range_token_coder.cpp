#include "shard/range_token_coder.h"

#include "base/profile.h"
#include "shard/code_tree.h"
#include "shard/forced_decisions.h"
#include "shard/lane_streams.h"

namespace fz::shard {
namespace {

class RangeTokenDecoder final : public TokenDecoder {
 public:
  RangeTokenDecoder(const model::Engine& engine, std::vector<RangeDecoder> decoders)
      : kernels_(engine.kernels()),
        vocabulary_size_(engine.model().config.vocabulary_size),
        decoders_(std::move(decoders)) {}

  std::size_t answers_of_token() const override { return static_cast<std::size_t>(code_tree_depth(vocabulary_size_)); }

  model::TokenId choose(std::size_t lane, const float* logits, TokenScratch& scratch, std::uint16_t* answers) override {
    scratch.table.fill(kernels_, logits);
    return walk_code_tree(scratch.table, [&](int level, Probability zero) {
      const StageScope stage(Stage::kCoder);
      answers[level] = zero;
      return decoders_[lane].decode(zero);
    });
  }

  model::TokenId choose_again(std::size_t lane, const std::uint16_t* answers) override {
    const StageScope stage(Stage::kCoder);
    return walk_code_tree(vocabulary_size_, answers,
                          [&](int, Probability zero) { return decoders_[lane].decode(zero); });
  }

 private:
  const model::Kernels& kernels_;
  std::uint32_t vocabulary_size_;
  std::vector<RangeDecoder> decoders_;
};

}  // namespace

std::vector<Bytes> encode_with_ranges(model::Engine& engine, std::span<const TokenBlock> blocks,
                                      const Checkpoints& checkpoints) {
  const std::uint32_t vocabulary_size = engine.model().config.vocabulary_size;
  ForcedDecisions forced(engine, blocks, checkpoints);
  std::vector<std::vector<RangeEncoder>> encoders;
  for (const TokenBlock& block : blocks) encoders.emplace_back(block.lanes.size());
  const std::vector<BlockLane> lanes = lanes_of(blocks);
  const std::uint32_t longest = longest_lane(blocks);
  for (std::uint32_t start = 0; start < longest; start += forced.window()) {
    forced.predict(start);
    engine.pool().parallel_for(lanes.size(), [&](std::size_t index, int) {
      const StageScope stage(Stage::kCoder);
      const std::size_t block = lanes[index].block;
      const std::size_t lane = lanes[index].lane;
      const Lane& range = blocks[block].lanes[lane];
      for (std::uint32_t i = 0; i < forced.window() && range.begin + start + i < range.end; ++i) {
        const Probability* const zeros = forced.decisions(block, lane, i);
        walk_to_token(vocabulary_size, blocks[block].tokens[range.begin + start + i],
                      [&](int level, unsigned bit) { encoders[block][lane].encode(bit, zeros[level]); });
      }
    });
  }
  std::vector<Bytes> streams;
  for (std::vector<RangeEncoder>& block : encoders) streams.push_back(join_streams(block));
  return streams;
}

std::unique_ptr<TokenDecoder> make_range_decoder(const model::Engine& engine, ByteReader& reader,
                                                 std::size_t lane_count) {
  return std::make_unique<RangeTokenDecoder>(engine, split_streams(reader, static_cast<std::uint32_t>(lane_count)));
}

}  // namespace fz::shard
