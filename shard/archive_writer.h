// Writes an archive from front to back (docs/format.md). Owned by the merge; one thread. Refuses to go on after a
// failure.
#pragma once

#include <span>
#include <vector>

#include "base/file.h"
#include "shard/archive_format.h"
#include "shard/file_table.h"

namespace fz::shard {

class ArchiveWriter {
 public:
  /// Writes header and adapter, which has the header's adapter_bytes, into the empty `file`, which must outlive the
  /// writer.
  ArchiveWriter(const File& file, const Header& header, ByteSpan adapter = {});

  /// Blocks come in order of id; `stored` is header and payload as in a shard file.
  void append_block(const BlockHeader& header, ByteSpan stored);

  /// File table, index and footer; the caller syncs. Returns the archive's size.
  std::uint64_t finish(std::span<const FileEntry> entries);

 private:
  const File& file_;
  ByteWriter index_;
  std::uint64_t file_offset_;
  std::uint64_t raw_offset_ = 0;
  std::uint32_t block_count_ = 0;
};

}  // namespace fz::shard
