#include "shard/rank_token_coder.h"

#include <algorithm>
#include <bit>

#include "shard/chunk_answers.h"
#include "shard/fallback_codecs.h"

namespace fz::shard {
namespace {

/// A rank is below 2^18, so its variable-length number has at most 3 bytes.
constexpr std::uint64_t kMaxRankBytes = 3;
/// 16-bit numbers that hold one, or a token.
constexpr std::size_t kHalves = 2;

/// The token with `rank` logits before it.
model::TokenId token_of_rank(const float* logits, std::uint32_t vocabulary_size, std::uint32_t rank,
                             std::vector<std::uint64_t>& keys) {
  if (rank == 0) return static_cast<model::TokenId>(std::max_element(logits, logits + vocabulary_size) - logits);
  // Keys ascend as logits descend, then as token ids ascend.
  keys.resize(vocabulary_size);
  for (std::uint32_t token = 0; token < vocabulary_size; ++token) {
    const float logit = logits[token] + 0.0f;  // −0 counts as 0
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(logit);
    const std::uint32_t descending = bits >> 31 != 0 ? bits : ~bits & 0x7fffffff;
    keys[token] = std::uint64_t{descending} << 32 | token;
  }
  std::nth_element(keys.begin(), keys.begin() + rank, keys.end());
  return static_cast<model::TokenId>(keys[rank] & 0xffffffff);
}

/// Reads the ranks of a block of `token_count` tokens.
std::vector<std::uint32_t> read_ranks(ByteReader& reader, std::uint32_t token_count, std::uint32_t vocabulary_size) {
  const std::string source = reader.source() + ": ranks";
  const std::uint64_t size_bytes = reader.read_varint();
  if (size_bytes > token_count * kMaxRankBytes) reader.corrupt("more rank bytes than tokens can have");
  const Bytes bytes = bzip2_decompress(reader.take(reader.remaining()), size_bytes, source);
  ByteReader rank_reader(bytes, source);
  std::vector<std::uint32_t> ranks(token_count);
  for (std::uint32_t& rank : ranks) {
    const std::uint64_t value = rank_reader.read_varint();
    if (value >= vocabulary_size) rank_reader.corrupt("rank beyond the vocabulary");
    rank = static_cast<std::uint32_t>(value);
  }
  rank_reader.expect_end();
  return ranks;
}

class RankTokenDecoder final : public TokenDecoder {
 public:
  RankTokenDecoder(std::uint32_t vocabulary_size, std::vector<std::uint32_t> ranks, std::span<const Lane> lanes)
      : vocabulary_size_(vocabulary_size), ranks_(std::move(ranks)) {
    for (const Lane& lane : lanes) next_.push_back(lane.begin);
  }

  // The token itself: a rank says nothing without the logits.
  std::size_t answers_of_token() const override { return kHalves; }

  model::TokenId choose(std::size_t lane, const float* logits, TokenScratch& scratch, std::uint16_t* answers) override {
    const model::TokenId token = token_of_rank(logits, vocabulary_size_, ranks_[next_[lane]++], scratch.rank_keys);
    answers[0] = static_cast<std::uint16_t>(token);
    answers[1] = static_cast<std::uint16_t>(token >> 16);
    return token;
  }

  model::TokenId choose_again(std::size_t lane, const std::uint16_t* answers) override {
    ++next_[lane];
    return std::min<model::TokenId>(answers[0] | model::TokenId{answers[1]} << 16, vocabulary_size_ - 1);
  }

 private:
  std::uint32_t vocabulary_size_;
  std::vector<std::uint32_t> ranks_;
  std::vector<std::uint32_t> next_;  // index of the next rank of each lane
};

}  // namespace

std::vector<Bytes> encode_with_ranks(model::Engine& engine, std::span<const TokenBlock> blocks,
                                     const Checkpoints& checkpoints) {
  const std::uint32_t vocabulary_size = engine.model().config.vocabulary_size;
  std::vector<std::vector<std::uint16_t>> ranks;  // of each block, each rank in two halves, the lower one first
  for (const TokenBlock& block : blocks) ranks.emplace_back(block.tokens.size() * kHalves);
  std::vector<ChunkAnswers::Question> questions;
  for (const BlockLane& place : lanes_of(blocks)) {
    const TokenBlock& block = blocks[place.block];
    const Lane& lane = block.lanes[place.lane];
    const std::uint32_t chunk_size = block.chunking.chunk_size();
    for (std::uint32_t t = 0; t < lane.end - lane.begin; t += chunk_size) {
      const std::size_t count = std::min(chunk_size, lane.end - lane.begin - t);
      questions.push_back(
          {place, t, std::span(ranks[place.block]).subspan((lane.begin + t) * kHalves, count * kHalves)});
    }
  }
  ChunkAnswers answers(engine, blocks, checkpoints);
  const std::size_t at_once = static_cast<std::size_t>(engine.pool().threads()) * ChunkAnswers::kChunksOfThread;
  for (std::size_t first = 0; first < questions.size(); first += at_once) {
    answers.get(std::span(questions).subspan(first, std::min(at_once, questions.size() - first)),
                [&](model::TokenId token, int, const float* logits, std::uint16_t* halves) {
                  const std::uint32_t rank = engine.kernels().rank(logits, vocabulary_size, token);
                  halves[0] = static_cast<std::uint16_t>(rank);
                  halves[1] = static_cast<std::uint16_t>(rank >> 16);
                });
  }
  std::vector<Bytes> payloads;
  for (const std::vector<std::uint16_t>& halves : ranks) {
    ByteWriter writer;
    for (std::size_t i = 0; i < halves.size(); i += kHalves) {
      writer.write_varint(halves[i] | std::uint32_t{halves[i + 1]} << 16);
    }
    ByteWriter payload;
    payload.write_varint(writer.size());
    payload.write_bytes(bzip2_compress(writer.bytes()));
    payloads.push_back(payload.take());
  }
  return payloads;
}

std::unique_ptr<TokenDecoder> make_rank_decoder(const model::Engine& engine, ByteReader& reader,
                                                std::span<const Lane> lanes) {
  const std::uint32_t vocabulary_size = engine.model().config.vocabulary_size;
  return std::make_unique<RankTokenDecoder>(vocabulary_size, read_ranks(reader, lanes.back().end, vocabulary_size),
                                            lanes);
}

}  // namespace fz::shard
