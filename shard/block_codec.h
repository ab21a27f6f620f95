// One block: raw bytes to the smallest payload and back (docs/format.md, "Block"). Pure functions around the codecs.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/thread_pool.h"
#include "shard/archive_format.h"
#include "shard/text_codec.h"

namespace fz::shard {

struct EncodedBlock {
  BlockHeader header;
  Bytes payload;
};

/// Tries every codec that fits and keeps the smallest payload; `text` is null for binary files and where no model is
/// used: then the memory alone is tried. `pool` may be null.
EncodedBlock encode_block(BlockId id, std::uint64_t raw_offset, ByteSpan raw, TextCodec* text, TokenCoder coder,
                          ThreadPool* pool);

/// Throws Error(kCorrupt) naming `source`, block and offset unless the payload yields exactly the bytes that the
/// header's hash names. `text` may be null when the codec needs no model.
Bytes decode_block(const BlockHeader& header, ByteSpan payload, TextCodec* text, const std::string& source);

/// "corpus.fz: block 17 (offset 1048576)": how errors name a block.
std::string block_place(const std::string& source, BlockId id, std::uint64_t raw_offset);

}  // namespace fz::shard
