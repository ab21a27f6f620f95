// The codecs that need no model: zstd and bzip2, each as one exact frame or stream. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace fz::shard {

/// Level 19, or another; deterministic.
Bytes zstd_compress(ByteSpan raw, int level = 19);

/// Exactly one frame that yields exactly `raw_bytes`; memory grows with what it really yields. Throws Error(kCorrupt).
Bytes zstd_decompress(ByteSpan payload, std::uint64_t raw_bytes, const std::string& source);

/// Level 9.
Bytes bzip2_compress(ByteSpan raw);
Bytes bzip2_decompress(ByteSpan payload, std::uint64_t raw_bytes, const std::string& source);

}  // namespace fz::shard
