// What can be known of the end of a damaged archive: its footer, index and file table, wherever in the file they are
// (docs/format.md, "Recovery"). One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/file.h"
#include "shard/block_index.h"
#include "shard/file_table.h"
#include "shard/recovery_scan.h"

namespace fz::shard {

/// How well a part without a check of its own is known.
enum class Trust : std::uint8_t {
  kLost,
  kUnconfirmed,  ///< Found and sound in itself, but the hash that would confirm it is lost.
  kConfirmed,
};

struct RecoveryTail {
  std::optional<FoundFooter> footer;
  /// The parts before the footer lie just where it says: no bytes were inserted or lost before it.
  bool footer_in_place = false;
  /// Only when the footer's hash confirms it.
  std::optional<std::vector<IndexedBlock>> index;

  Trust table_trust = Trust::kLost;
  std::uint64_t table_offset = 0;  ///< Where the table was found.
  std::uint64_t corpus_bytes = 0;  ///< Of the table's files.
  std::vector<FileEntry> entries;

  /// By how much the parts before the footer have moved since the archive was written (modulo 2^64).
  std::uint64_t footer_shift() const;
};

RecoveryTail find_recovery_tail(const File& file, const RecoveryScan& scan);

/// The record of a block in the index fits its header.
bool agrees(const IndexedBlock& record, const BlockHeader& header);

}  // namespace fz::shard
