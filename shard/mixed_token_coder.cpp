#include "shard/mixed_token_coder.h"

#include "base/profile.h"
#include "memory/memory.h"
#include "shard/code_tree.h"
#include "shard/forced_decisions.h"
#include "shard/lane_streams.h"

namespace fz::shard {
namespace {

/// Of the memory beside the model.
const memory::Rules& rules_of(Codec codec) {
  return codec == Codec::kModelMixed         ? memory::kTokenRules1
         : codec == Codec::kOverlappingMixed ? memory::kTokenRules2
                                             : memory::kTokenRules3;
}

/// A block on its way through the encoder.
class BlockEncoder {
 public:
  BlockEncoder(const memory::Alphabet& alphabet, const TokenBlock& block)
      : memory_(alphabet, block.lanes, {.with_model = true, .rules = rules_of(model_codec(TokenCoder::kMixed))}),
        encoders_(block.lanes.size()),
        block_(block) {}

  std::size_t lane_count() const { return encoders_.size(); }

  /// Token t of the lane, if it has one.
  void encode(std::size_t lane, std::uint32_t t, std::uint32_t vocabulary_size, const Probability* zeros) {
    if (!memory_.is_active(lane)) return;
    const StageScope stage(Stage::kMemory);
    memory_.prepare(lane);
    walk_to_token(vocabulary_size, block_.tokens[block_.lanes[lane].begin + t], [&](int level, unsigned bit) {
      const Probability zero = memory_.mix(lane, level, zeros[level]);
      {
        const StageScope coding(Stage::kCoder);
        encoders_[lane].encode(bit, zero);
      }
      memory_.learn(lane, bit);
    });
  }

  void end_step(ThreadPool* pool) {
    const StageScope stage(Stage::kMemory);
    memory_.end_step(pool);
  }

  Bytes finish() { return join_streams(encoders_); }

 private:
  memory::Memory memory_;
  std::vector<RangeEncoder> encoders_;
  const TokenBlock& block_;
};

class MixedTokenDecoder final : public TokenDecoder {
 public:
  MixedTokenDecoder(const model::Kernels& kernels, const memory::Alphabet& alphabet, std::span<const Lane> lanes,
                    const memory::Rules& rules, std::vector<RangeDecoder> decoders)
      : kernels_(kernels),
        vocabulary_size_(alphabet.count()),
        memory_(alphabet, lanes, {.with_model = true, .rules = rules}),
        decoders_(std::move(decoders)) {}

  std::size_t answers_of_token() const override { return static_cast<std::size_t>(code_tree_depth(vocabulary_size_)); }

  model::TokenId choose(std::size_t lane, const float* logits, TokenScratch& scratch, std::uint16_t* answers) override {
    memory_.prepare(lane);
    scratch.table.fill(kernels_, logits);
    const StageScope stage(Stage::kMemory);
    return walk_code_tree(scratch.table, [&](int level, Probability zero) {
      answers[level] = zero;
      return decide(lane, level, zero);
    });
  }

  model::TokenId choose_again(std::size_t lane, const std::uint16_t* answers) override {
    const StageScope stage(Stage::kMemory);
    memory_.prepare(lane);
    return walk_code_tree(vocabulary_size_, answers,
                          [&](int level, Probability zero) { return decide(lane, level, zero); });
  }

  void end_step(ThreadPool* pool) override {
    const StageScope stage(Stage::kMemory);
    memory_.end_step(pool);
  }

 private:
  unsigned decide(std::size_t lane, int level, Probability zero) {
    const Probability mixed = memory_.mix(lane, level, zero);
    const unsigned bit = [&] {
      const StageScope coding(Stage::kCoder);
      return decoders_[lane].decode(mixed);
    }();
    memory_.learn(lane, bit);
    return bit;
  }

  const model::Kernels& kernels_;
  std::uint32_t vocabulary_size_;
  memory::Memory memory_;
  std::vector<RangeDecoder> decoders_;
};

}  // namespace

std::vector<Bytes> encode_mixed(model::Engine& engine, const memory::Alphabet& alphabet,
                                std::span<const TokenBlock> blocks, const Checkpoints& checkpoints) {
  const std::uint32_t vocabulary_size = engine.model().config.vocabulary_size;
  ThreadPool& pool = engine.pool();
  ForcedDecisions forced(engine, blocks, checkpoints);
  std::vector<std::unique_ptr<BlockEncoder>> encoders(blocks.size());
  pool.parallel_for(blocks.size(), [&](std::size_t block, int) {
    encoders[block] = std::make_unique<BlockEncoder>(alphabet, blocks[block]);
  });
  const std::vector<BlockLane> lanes = lanes_of(blocks);
  const std::uint32_t longest = longest_lane(blocks);
  const auto encode = [&](std::size_t block, std::size_t lane, std::uint32_t start, std::uint32_t i) {
    encoders[block]->encode(lane, start + i, vocabulary_size, forced.decisions(block, lane, i));
  };
  const bool block_per_thread = blocks.size() >= static_cast<std::size_t>(pool.threads());
  for (std::uint32_t start = 0; start < longest; start += forced.window()) {
    forced.predict(start);
    const std::uint32_t count = std::min(forced.window(), longest - start);
    if (block_per_thread) {  // no thread waits for another within the window
      pool.parallel_for(blocks.size(), [&](std::size_t block, int) {
        for (std::uint32_t i = 0; i < count; ++i) {
          for (std::size_t lane = 0; lane < encoders[block]->lane_count(); ++lane) encode(block, lane, start, i);
          encoders[block]->end_step(nullptr);
        }
      });
    } else {
      for (std::uint32_t i = 0; i < count; ++i) {
        pool.parallel_for(lanes.size(),
                          [&](std::size_t index, int) { encode(lanes[index].block, lanes[index].lane, start, i); });
        for (const auto& encoder : encoders) encoder->end_step(&pool);
      }
    }
  }
  std::vector<Bytes> streams;
  for (const auto& encoder : encoders) streams.push_back(encoder->finish());
  return streams;
}

std::unique_ptr<TokenDecoder> make_mixed_decoder(const model::Engine& engine, const memory::Alphabet& alphabet,
                                                 ByteReader& reader, std::span<const Lane> lanes, Codec codec) {
  std::vector<RangeDecoder> decoders = split_streams(reader, static_cast<std::uint32_t>(lanes.size()));
  return std::make_unique<MixedTokenDecoder>(engine.kernels(), alphabet, lanes, rules_of(codec), std::move(decoders));
}

}  // namespace fz::shard
