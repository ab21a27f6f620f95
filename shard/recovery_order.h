// Which of the blocks found in a damaged archive are its blocks, and where in the corpus stream they belong
// (docs/format.md, "Recovery"). An archive may hold archives as data: when the header of a block is lost, blocks of an
// archive inside it come to light and must never pass for this archive's. Pure functions over what the scan found.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "shard/recovery_scan.h"
#include "shard/recovery_tail.h"

namespace fz::shard {

struct RecoveryOrder {
  /// Of this archive beyond doubt, in the order of the corpus stream; some not intact.
  std::vector<FoundBlock> placed;
  /// Intact, but contradicting the placed ones or without a certain place. In order of file offset.
  std::vector<FoundBlock> unplaced;
  /// Intact blocks that occurred more than once.
  std::uint64_t duplicate_blocks = 0;
  /// The archive's header, if it is intact.
  std::optional<Header> header;
  /// The archive's adapter, if it is intact.
  std::optional<FoundAdapter> adapter;
  /// The header names an adapter that is not there: the blocks of the model count as not intact.
  bool adapter_was_lost = false;
  /// The file table that was found is this archive's.
  bool table_belongs = false;
};

RecoveryOrder order_recovered_blocks(const RecoveryScan& scan, const RecoveryTail& tail);

}  // namespace fz::shard
