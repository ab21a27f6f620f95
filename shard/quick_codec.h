// A block of any bytes coded with the quick memory, no model (docs/format.md, "Quick payload"). Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace fz::shard {

// Both functions advance the WorkMeter, a step for each byte.

/// What either function holds beside its input and output.
std::uint64_t quick_codec_bytes(std::uint32_t raw_bytes);

Bytes quick_compress(ByteSpan raw);

/// The raw bytes again; `source` names archive and block in errors. Throws Error(kCorrupt) when the payload is
/// inconsistent; a damaged payload may also decode to wrong bytes, which the block's hash finds.
Bytes quick_decompress(ByteSpan payload, std::uint32_t raw_bytes, const std::string& source);

}  // namespace fz::shard
