// What an archive's adapter saves, measured: blocks are decoded and coded again with it and without it. Rank 0 only.
#pragma once

#include <cstdint>

#include "cli/session.h"
#include "shard/archive_reader.h"

namespace fz::cli {

struct AdapterSaving {
  std::uint64_t blocks = 0;      ///< That were measured.
  std::uint64_t all_blocks = 0;  ///< That the model has coded.
  std::uint64_t with_bytes = 0;  ///< Of those that were measured.
  std::uint64_t without_bytes = 0;
  std::uint64_t all_bytes = 0;  ///< Payloads of all of them.

  /// Negative where the adapter makes blocks larger. Its own bytes are not counted.
  double saved_part() const {
    return with_bytes == 0 ? 0 : (static_cast<double>(without_bytes) / static_cast<double>(with_bytes)) - 1;
  }
  /// Of all blocks, if the others are like those.
  std::int64_t saved_bytes() const { return static_cast<std::int64_t>(saved_part() * static_cast<double>(all_bytes)); }
};

/// Of at most so many blocks, evenly over the archive, which must have an adapter. Takes about twice as long as
/// restoring them. Throws Error(kModel) without the right model, Error(kCorrupt) for a damaged block.
AdapterSaving measure_adapter_saving(const shard::ArchiveReader& archive, std::uint64_t blocks, Workplace& workplace);

}  // namespace fz::cli
