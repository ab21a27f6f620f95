#include "shard/block_codec.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/profile.h"
#include "base/work_meter.h"
#include "shard/fallback_codecs.h"
#include "shard/memory_codec.h"
#include "shard/quick_codec.h"

namespace fz::shard {
namespace {

/// What a block can become; the last is the model's or, without one, the memory's.
using Candidates = std::array<std::pair<Codec, Bytes>, 3>;
constexpr std::size_t kLast = 2;

/// zstd at its highest levels holds tables of this size whatever the input.
constexpr std::uint64_t kZstdBytes = std::uint64_t{96} << 20;
constexpr std::uint64_t kOtherBytes = std::uint64_t{32} << 20;

std::pair<Codec, Bytes> try_codec(std::size_t index, ByteSpan raw) {
  const StageScope stage(Stage::kFallback);
  if (index == 0) return {Codec::kZstd, zstd_compress(raw)};
  return {Codec::kBzip2, bzip2_compress(raw)};
}

/// Whether zstd or bzip2 may make a block smaller than `payload`: that is, leave less than so many sixths of what zstd
/// leaves at a level that costs little time.
bool may_be_smaller(ByteSpan raw, const Bytes& payload, int zstd_level, std::size_t sixths) {
  return zstd_compress(raw, zstd_level).size() * sixths / 6 < payload.size();
}

/// Without a model: the memory, and the others where they have a chance.
Candidates try_codecs(const RawBlock& block, MemoryCoder coder) {
  const StageScope stage(Stage::kFallback);
  const ByteSpan raw = block.raw;
  Candidates candidates;
  if (coder == MemoryCoder::kQuick) {
    // zstd's best would hold it up for as long again. On text that takes a sixth at most off what level 6 leaves.
    candidates[kLast] = {Codec::kQuick, quick_compress(raw)};
    if (!may_be_smaller(raw, candidates[kLast].second, 6, 5)) return candidates;
  } else {
    // Here it would take a tenth of the time. Nothing halves what level 3 leaves, while the memory mostly does.
    candidates[kLast] = block.kind == Kind::kBinary
                            ? std::pair{Codec::kBinaryMemory, memory_compress(raw, memory::Contents::kBinary)}
                            : std::pair{Codec::kMemory, memory_compress(raw, memory::Contents::kText)};
    if (!may_be_smaller(raw, candidates[kLast].second, 3, 3)) return candidates;
  }
  for (std::size_t index = 0; index < kLast; ++index) candidates[index] = try_codec(index, raw);
  return candidates;
}

/// The smallest wins, the lowest codec number among equals; a model payload of no bytes never does.
StoredBlock choose(const RawBlock& block, Candidates& candidates) {
  std::pair<Codec, Bytes>* best = nullptr;
  for (std::pair<Codec, Bytes>& candidate : candidates) {
    const Bytes& payload = candidate.second;
    if (payload.empty() || payload.size() >= (best == nullptr ? block.raw.size() : best->second.size())) continue;
    best = &candidate;
  }
  if (best == nullptr) return store_as(block, Codec::kStored, block.raw);
  return store_as(block, best->first, std::move(best->second));
}

void require_intact_payload(const StoredBlock& block, const std::string& place) {
  if (block.payload.size() != block.header.payload_bytes || check8(block.payload) != block.header.payload_check) {
    fail(ErrorCode::kCorrupt, "{}: the stored bytes are damaged (check differs)", place);
  }
}

Bytes decode_without_model(const StoredBlock& block, const std::string& place) {
  const StageScope stage(Stage::kFallback);
  switch (block.header.codec) {
    case Codec::kZstd:
      return zstd_decompress(block.payload, block.header.raw_bytes, place);
    case Codec::kBzip2:
      return bzip2_decompress(block.payload, block.header.raw_bytes, place);
    case Codec::kMemory:
      return memory_decompress(block.payload, block.header.raw_bytes, memory::Contents::kText, place);
    case Codec::kBinaryMemory:
      return memory_decompress(block.payload, block.header.raw_bytes, memory::Contents::kBinary, place);
    case Codec::kQuick:
      return quick_decompress(block.payload, block.header.raw_bytes, place);
    default:
      return block.payload;
  }
}

}  // namespace

std::string block_place(const std::string& source, BlockId id, std::uint64_t raw_offset) {
  return fmt::format("{}: block {} (offset {})", source, number(id), raw_offset);
}

StoredBlock store_as(const RawBlock& block, Codec codec, Bytes payload) {
  StoredBlock stored;
  stored.header.codec = codec;
  stored.header.id = block.id;
  stored.header.raw_offset = block.raw_offset;
  stored.header.raw_bytes = static_cast<std::uint32_t>(block.raw.size());
  stored.header.payload_bytes = static_cast<std::uint32_t>(payload.size());
  stored.header.raw_hash = hash16(block.raw);
  stored.header.payload_check = check8(payload);
  stored.payload = std::move(payload);
  return stored;
}

std::vector<StoredBlock> encode_blocks(std::span<const RawBlock> blocks, TextCodec* text,
                                       const EncodeSettings& settings, ThreadPool& pool) {
  for (const RawBlock& block : blocks) FZ_CHECK(!block.raw.empty() && block.raw.size() <= kMaxBlockBytes);
  std::vector<Candidates> candidates(blocks.size());
  if (text == nullptr) {
    std::uint64_t raw_bytes = 0;
    for (const RawBlock& block : blocks) raw_bytes += block.raw.size();
    WorkMeter::expect_steps(raw_bytes);
    pool.parallel_for(blocks.size(),
                      [&](std::size_t i, int) { candidates[i] = try_codecs(blocks[i], settings.memory_coder); });
  } else {
    pool.parallel_for(blocks.size() * kLast, [&](std::size_t i, int) {
      const std::size_t index = kLast - 1 - i / blocks.size();  // the slower first
      const std::size_t block = i % blocks.size();
      candidates[block][index] = try_codec(index, blocks[block].raw);
    });
    std::vector<ByteSpan> raws;
    for (const RawBlock& block : blocks) raws.push_back(block.raw);
    std::vector<Bytes> payloads = text->encode(raws, settings);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      candidates[i][kLast] = {model_codec(settings.coder), std::move(payloads[i])};
    }
  }
  std::vector<StoredBlock> stored;
  for (std::size_t i = 0; i < blocks.size(); ++i) stored.push_back(choose(blocks[i], candidates[i]));
  return stored;
}

std::vector<Bytes> decode_blocks(std::span<const StoredBlock> blocks, TextCodec* text, const std::string& source,
                                 ThreadPool& pool, const Checkpoints& checkpoints) {
  std::vector<std::string> places;
  std::vector<StoredPayload> for_model;
  std::vector<std::size_t> cheap;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const BlockHeader& header = blocks[i].header;
    places.push_back(block_place(source, header.id, header.raw_offset));
    require_intact_payload(blocks[i], places[i]);
    if (needs_model(header.codec)) {
      for_model.push_back({blocks[i].payload, header.raw_bytes, header.codec, places[i]});
    } else {
      cheap.push_back(i);
    }
  }
  std::vector<Bytes> raws(blocks.size());
  std::uint64_t cheap_bytes = 0;
  for (const std::size_t i : cheap) cheap_bytes += blocks[i].header.raw_bytes;
  WorkMeter::expect_steps(cheap_bytes);
  pool.parallel_for(cheap.size(), [&](std::size_t i, int) {
    raws[cheap[i]] = decode_without_model(blocks[cheap[i]], places[cheap[i]]);
  });
  if (!for_model.empty()) {
    FZ_CHECK(text != nullptr);
    std::vector<Bytes> decoded = text->decode(for_model, checkpoints);
    for (std::size_t i = 0, next = 0; i < blocks.size(); ++i) {
      if (needs_model(blocks[i].header.codec)) raws[i] = std::move(decoded[next++]);
    }
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (raws[i].size() != blocks[i].header.raw_bytes || hash16(raws[i]) != blocks[i].header.raw_hash) {
      fail(ErrorCode::kCorrupt, "{}: the decoded bytes are not the original ones (hash differs)", places[i]);
    }
  }
  return raws;
}

Bytes decode_block(const StoredBlock& block, TextCodec* text, const std::string& source) {
  ThreadPool pool(1);
  return std::move(decode_blocks({&block, 1}, text, source, pool).front());
}

Footprint cheap_footprint(Direction direction, std::uint32_t block_bytes, int threads) {
  const std::uint64_t tables = std::max(memory_codec_bytes(block_bytes), quick_codec_bytes(block_bytes));
  return {kOtherBytes, 3 * std::uint64_t{block_bytes} + tables + (direction == Direction::kEncode ? kZstdBytes : 0),
          static_cast<std::uint32_t>(threads)};
}

std::uint32_t Footprint::blocks_within(std::uint64_t limit_bytes) const {
  const std::uint64_t left_bytes = limit_bytes - std::min(limit_bytes, fixed_bytes);
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(left_bytes / bytes_per_block, 1, useful_blocks));
}

}  // namespace fz::shard
