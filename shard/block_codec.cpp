#include "shard/block_codec.h"

#include <array>
#include <utility>

#include "shard/fallback_codecs.h"
#include "shard/memory_codec.h"

namespace fz::shard {

std::string block_place(const std::string& source, BlockId id, std::uint64_t raw_offset) {
  return fmt::format("{}: block {} (offset {})", source, number(id), raw_offset);
}

EncodedBlock encode_block(BlockId id, std::uint64_t raw_offset, ByteSpan raw, TextCodec* text, TokenCoder coder,
                          ThreadPool* pool) {
  FZ_CHECK(!raw.empty() && raw.size() <= kMaxBlockBytes);
  std::array<std::pair<Codec, Bytes>, 3> candidates;
  const auto run_candidate = [&](std::size_t index, int) {
    candidates[index] = index == 0   ? std::pair(Codec::kZstd, zstd_compress(raw))
                        : index == 1 ? std::pair(Codec::kBzip2, bzip2_compress(raw))
                                     : std::pair(Codec::kMemory, memory_compress(raw));
  };
  const std::size_t without_pool_inside = text == nullptr ? 3 : 2;
  if (pool != nullptr) {
    pool->parallel_for(without_pool_inside, run_candidate);
  } else {
    for (std::size_t index = 0; index < without_pool_inside; ++index) run_candidate(index, 0);
  }
  if (text != nullptr) candidates[2] = {model_codec(coder), text->encode(raw, coder)};

  // The smallest wins, the lowest codec number among equals; a model payload of no bytes never does.
  EncodedBlock block;
  block.header.codec = Codec::kStored;
  std::size_t smallest = raw.size();
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const std::size_t size = candidates[i].second.size();
    if (size == 0 || size >= smallest) continue;
    smallest = size;
    block.header.codec = candidates[i].first;
  }
  block.payload.assign(raw.begin(), raw.end());
  for (auto& [codec, payload] : candidates) {
    if (codec == block.header.codec && codec != Codec::kStored) block.payload = std::move(payload);
  }
  block.header.id = id;
  block.header.raw_offset = raw_offset;
  block.header.raw_bytes = static_cast<std::uint32_t>(raw.size());
  block.header.payload_bytes = static_cast<std::uint32_t>(block.payload.size());
  block.header.raw_hash = hash16(raw);
  block.header.payload_check = check8(block.payload);
  return block;
}

Bytes decode_block(const BlockHeader& header, ByteSpan payload, TextCodec* text, const std::string& source) {
  const std::string place = block_place(source, header.id, header.raw_offset);
  if (payload.size() != header.payload_bytes || check8(payload) != header.payload_check) {
    fail(ErrorCode::kCorrupt, "{}: the stored bytes are damaged (check differs)", place);
  }
  Bytes raw;
  switch (header.codec) {
    case Codec::kStored:
      raw.assign(payload.begin(), payload.end());
      break;
    case Codec::kZstd:
      raw = zstd_decompress(payload, header.raw_bytes, place);
      break;
    case Codec::kBzip2:
      raw = bzip2_decompress(payload, header.raw_bytes, place);
      break;
    case Codec::kModelRange:
    case Codec::kModelRanks:
    case Codec::kModelMixed:
      FZ_CHECK(text != nullptr);
      raw = text->decode(payload, header.raw_bytes, token_coder(header.codec), place);
      break;
    case Codec::kMemory:
      raw = memory_decompress(payload, header.raw_bytes, place);
      break;
  }
  if (raw.size() != header.raw_bytes || hash16(raw) != header.raw_hash) {
    fail(ErrorCode::kCorrupt, "{}: the decoded bytes are not the original ones (hash differs)", place);
  }
  return raw;
}

}  // namespace fz::shard
