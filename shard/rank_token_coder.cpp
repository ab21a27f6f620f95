#include "shard/rank_token_coder.h"

#include <algorithm>
#include <bit>

#include "shard/fallback_codecs.h"
#include "shard/lanes.h"
#include "shard/token_stepper.h"

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

}  // namespace

Bytes encode_with_ranks(model::Engine& engine, std::span<const model::TokenId> tokens) {
  const model::ModelConfig& config = engine.model().config;
  std::vector<std::span<const model::TokenId>> chunks;
  for (std::size_t begin = 0; begin < tokens.size(); begin += config.context) {
    chunks.push_back(tokens.subspan(begin, std::min<std::size_t>(config.context, tokens.size() - begin)));
  }
  std::vector<std::uint32_t> ranks(tokens.size());
  engine.prefill(chunks, [&](std::size_t chunk, std::size_t position, int, const float* logits) {
    ranks[chunk * config.context + position] =
        engine.kernels().rank(logits, config.vocabulary_size, chunks[chunk][position]);
  });
  ByteWriter writer;
  for (std::uint32_t rank : ranks) writer.write_varint(rank);
  ByteWriter payload;
  payload.write_varint(writer.size());
  payload.write_bytes(bzip2_compress(writer.bytes()));
  return payload.take();
}

std::vector<model::TokenId> decode_with_ranks(model::Engine& engine, ByteReader& reader, std::uint32_t token_count,
                                              std::uint32_t lane_count) {
  const model::ModelConfig& config = engine.model().config;
  const std::string source = reader.source() + ": ranks";
  const std::uint64_t size_bytes = reader.read_varint();
  if (size_bytes > token_count * kMaxRankBytes) reader.corrupt("more rank bytes than tokens can have");
  const Bytes bytes = bzip2_decompress(reader.take(reader.remaining()), size_bytes, source);
  ByteReader rank_reader(bytes, source);
  std::vector<std::uint32_t> ranks(token_count);
  for (std::uint32_t& rank : ranks) {
    const std::uint64_t value = rank_reader.read_varint();
    if (value >= config.vocabulary_size) rank_reader.corrupt("rank beyond the vocabulary");
    rank = static_cast<std::uint32_t>(value);
  }
  rank_reader.expect_end();

  const std::vector<Lane> lanes = divide_into_lanes(token_count, config.context, lane_count);
  std::vector<std::uint32_t> next(lane_count);  // index of the next rank of each lane
  for (std::uint32_t lane = 0; lane < lane_count; ++lane) next[lane] = lanes[lane].begin;
  std::vector<std::vector<std::uint64_t>> keys(engine.pool().threads());
  return step_through_lanes(engine, lanes, [&](std::size_t lane, int thread, const float* logits) {
    return token_of_rank(logits, config.vocabulary_size, ranks[next[lane]++], keys[thread]);
  });
}

}  // namespace fz::shard
