// An archive open for reading: structure parsed and checked at once, blocks read on demand. Immutable after
// construction; any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "shard/archive_format.h"
#include "shard/block_index.h"
#include "shard/file_table.h"

namespace fz::shard {

class ArchiveReader {
 public:
  /// Throws Error(kInput) when the file cannot be read, Error(kCorrupt) or Error(kUnsupported) when it is no good
  /// archive.
  explicit ArchiveReader(const std::filesystem::path& path);

  const std::string& name() const { return name_; }
  const Header& header() const { return header_; }
  const Footer& footer() const { return footer_; }
  const std::vector<FileEntry>& entries() const { return entries_; }
  const std::vector<IndexedBlock>& blocks() const { return blocks_; }
  std::uint64_t archive_bytes() const { return archive_bytes_; }
  bool needs_model() const { return !header_.model.is_none(); }

  bool has_adapter() const { return header_.adapter_bytes > 0; }
  /// Reads the adapter and checks it, but for its integers. Empty: there is none. Throws Error(kCorrupt).
  Bytes read_adapter() const;

  /// Reads one block and checks header, agreement with the index, and payload check. Throws Error(kCorrupt).
  StoredBlock read_block(BlockId id) const;

 private:
  void check_blocks_against_header() const;

  std::string name_;
  File file_;
  std::uint64_t archive_bytes_ = 0;
  Header header_;
  Footer footer_;
  std::vector<FileEntry> entries_;
  std::vector<IndexedBlock> blocks_;
};

/// Throws Error(kModel) unless `given` is what the archive was made with; `given` may be none when no model was found.
void require_model(const ArchiveReader& archive, const ModelIdentity& given);

}  // namespace fz::shard
