// Finds an archive's blocks among all that were found when its index is lost: by their numbers, their raw ranges and
// their order in the file (docs/format.md, "Recovery"). Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "shard/recovery_scan.h"
#include "shard/recovery_tail.h"

namespace fz::shard {

struct RunEvidence {
  /// Indices into the scan's blocks, intact or not, in file order: numbers and raw ranges increase.
  std::vector<std::size_t> chosen;
  /// File offsets, increasing, of what speaks of another archive.
  std::vector<std::uint64_t> foreign_offsets;
};

/// A block of the archive with this header may look so.
bool fits_header(const FoundBlock& block, const Header& header);

RunEvidence choose_by_runs(const RecoveryScan& scan, const RecoveryTail& tail);

}  // namespace fz::shard
