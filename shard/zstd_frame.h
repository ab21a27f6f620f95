// One zstd frame in a file whose end is not known, as recovery meets it. Memory grows with what the frame yields.
#pragma once

#include <cstdint>
#include <optional>

#include "shard/recovery_scan.h"

namespace fz::shard {

inline constexpr std::uint32_t kZstdMagic = 0xFD2FB528;

struct ZstdFrame {
  Bytes raw;
  std::uint64_t stored_bytes = 0;
};

/// Nothing when no whole frame begins there, or when it would yield more than `raw_limit_bytes`.
std::optional<ZstdFrame> read_zstd_frame(FileWindow& window, std::uint64_t offset, std::uint64_t raw_limit_bytes);

}  // namespace fz::shard
