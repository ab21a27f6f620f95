// Blocks: raw bytes to the smallest payload and back (docs/format.md, "Block"). Pure functions around the codecs.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/thread_pool.h"
#include "shard/archive_format.h"
#include "shard/text_codec.h"

namespace fz::shard {

/// A block's place in the corpus and its bytes.
struct RawBlock {
  BlockId id{};
  std::uint64_t raw_offset = 0;
  Bytes raw;
  Kind kind = Kind::kText;
};

/// Tries every codec that fits and keeps each block's smallest payload; the same whatever other blocks go along. `text`
/// is null for binary files and where no model is used: then the memory alone is tried, as the settings say.
std::vector<StoredBlock> encode_blocks(std::span<const RawBlock> blocks, TextCodec* text,
                                       const EncodeSettings& settings, ThreadPool& pool);

/// What a payload of that codec makes of the block.
StoredBlock store_as(const RawBlock& block, Codec codec, Bytes payload);

/// The raw bytes of each block. Throws Error(kCorrupt) naming `source`, block and offset unless each payload yields
/// exactly the bytes that the header's hash names. `text` may be null when no codec needs a model. `checkpoints` has a
/// log for each block that needs one, or none.
std::vector<Bytes> decode_blocks(std::span<const StoredBlock> blocks, TextCodec* text, const std::string& source,
                                 ThreadPool& pool, const Checkpoints& checkpoints = {});

/// The same for one block, on this thread.
Bytes decode_block(const StoredBlock& block, TextCodec* text, const std::string& source);

/// Of blocks that need no model.
Footprint cheap_footprint(Direction direction, std::uint32_t block_bytes, int threads);

/// "corpus.fz: block 17 (offset 1048576)": how errors name a block.
std::string block_place(const std::string& source, BlockId id, std::uint64_t raw_offset);

}  // namespace fz::shard
