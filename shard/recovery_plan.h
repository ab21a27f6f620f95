// What a recovered archive will hold, and what is lost (docs/format.md, "Recovery"). The recovered archive is an
// ordinary one: the intact blocks, numbered anew, tile a corpus stream without gaps; whole files keep their names, what
// is left of others gets names that say what it is. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shard/recovery_order.h"

namespace fz::shard {

/// Half-open.
struct ByteRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t size() const { return end - begin; }
  bool operator==(const ByteRange&) const = default;
};

/// Blocks that are lost side by side. The end of the last gap is not known when footer and file table are lost.
struct LostBlocks {
  ByteRange raw;
  std::uint32_t first_id = 0;
  std::uint32_t last_id = 0;
  bool end_known = true;
};

struct DamagedFile {
  FileEntry entry;
  std::vector<ByteRange> lost;  ///< In the file.
  std::uint64_t lost_bytes = 0;
};

/// A block as it will be written.
struct RecoveredBlock {
  FoundBlock source;
  BlockHeader header;
};

struct RecoveryPlan {
  Header header;  ///< The model's identity is missing where `needs_model_identity`.
  bool header_was_lost = false;
  bool needs_model_identity = false;
  std::optional<FoundAdapter> adapter;  ///< Goes with the blocks of the model.
  bool adapter_was_lost = false;        ///< And with it those blocks.
  std::vector<RecoveredBlock> blocks;
  std::vector<FileEntry> entries;

  Trust table_trust = Trust::kLost;
  bool footer_was_lost = false;
  bool index_was_lost = false;
  std::vector<LostBlocks> lost_blocks;
  std::vector<DamagedFile> damaged_files;  ///< In the order of the file table.
  std::uint64_t intact_files = 0;          ///< Regular ones.
  std::uint64_t other_entries = 0;         ///< Directories and links.
  std::uint64_t duplicate_blocks = 0;
  std::vector<FoundBlock> unplaced;  ///< Kept under names of their own.
  std::vector<FoundBlock> dropped;   ///< Need a model, perhaps another, or do not decode: not kept.
  std::uint64_t unchecked_blocks = 0;
  std::string recovered_directory;  ///< Top-level name of what is not a whole file; empty when there is none.

  std::uint64_t kept_raw_bytes() const;
  /// Everything that the archive held is there and vouched for.
  bool is_complete() const;
};

/// `usable_unplaced` are those of order.unplaced that decode, in the same order.
RecoveryPlan plan_recovery(const RecoveryScan& scan, RecoveryTail tail, const RecoveryOrder& order,
                           const std::vector<FoundBlock>& usable_unplaced);

}  // namespace fz::shard
