// The index of an archive (docs/format.md): codec and sizes of each block, from which follows where each lies. A pure
// function over untrusted bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shard/archive_format.h"

namespace fz::shard {

/// What the index says of a block, and where it lies.
struct IndexedBlock {
  Codec codec = Codec::kStored;
  std::uint64_t raw_offset = 0;
  std::uint32_t raw_bytes = 0;
  std::uint32_t payload_bytes = 0;
  std::uint64_t file_offset = 0;  ///< Of the block header.
};

/// Throws Error(kCorrupt) unless there are exactly block_count records within the limits of the format that add up to
/// corpus_bytes. The blocks end at table_offset; where the header has them begin, and what else it says of them, is not
/// checked here.
std::vector<IndexedBlock> parse_block_index(ByteSpan bytes, const Footer& footer, const std::string& source);

}  // namespace fz::shard
