// A block of any bytes coded with the memory alone, no model (docs/format.md, "Memory payload"). Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "memory/alphabet.h"

namespace fz::shard {

// Both functions advance the WorkMeter, a step for each byte.

/// What either function holds beside its input and output.
std::uint64_t memory_codec_bytes(std::uint32_t raw_bytes);

Bytes memory_compress(ByteSpan raw, memory::Contents contents);

/// The raw bytes again, of the same contents; `source` names archive and block in errors. Throws Error(kCorrupt) when
/// the payload is inconsistent; a damaged payload may also decode to wrong bytes, which the block's hash finds.
Bytes memory_decompress(ByteSpan payload, std::uint32_t raw_bytes, memory::Contents contents,
                        const std::string& source);

}  // namespace fz::shard
