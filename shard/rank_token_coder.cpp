#include "shard/rank_token_coder.h"

#include <algorithm>
#include <bit>

#include "shard/fallback_codecs.h"

namespace fz::shard {
namespace {

/// A rank is below 2^18, so its variable-length number has at most 3 bytes.
constexpr std::uint64_t kMaxRankBytes = 3;

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

  model::TokenId choose(std::size_t lane, const float* logits, TokenScratch& scratch) override {
    return token_of_rank(logits, vocabulary_size_, ranks_[next_[lane]++], scratch.rank_keys);
  }

 private:
  std::uint32_t vocabulary_size_;
  std::vector<std::uint32_t> ranks_;
  std::vector<std::uint32_t> next_;  // index of the next rank of each lane
};

}  // namespace

std::vector<Bytes> encode_with_ranks(model::Engine& engine, std::span<const TokenBlock> blocks) {
  const model::ModelConfig& config = engine.model().config;
  std::vector<std::vector<std::uint32_t>> ranks;
  std::vector<model::PrefillChunk> chunks;
  std::vector<std::uint32_t*> targets;  // of each chunk's first rank
  for (const TokenBlock& block : blocks) {
    std::vector<std::uint32_t>& own = ranks.emplace_back(block.tokens.size());
    for (const Lane& lane : block.lanes) {
      for (std::uint32_t t = 0; t < lane.end - lane.begin; t += block.chunking.chunk_size()) {
        chunks.push_back(block.chunk(lane, t));
        targets.push_back(own.data() + lane.begin + t);
      }
    }
  }
  engine.prefill(chunks, [&](std::size_t index, std::size_t position, int, const float* logits) {
    const model::PrefillChunk& chunk = chunks[index];
    targets[index][position - chunk.known] =
        engine.kernels().rank(logits, config.vocabulary_size, chunk.tokens[position]);
  });
  std::vector<Bytes> payloads;
  for (const std::vector<std::uint32_t>& own : ranks) {
    ByteWriter writer;
    for (const std::uint32_t rank : own) writer.write_varint(rank);
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
