// Which entries of an archive a restore is about, which blocks it needs, and where the bytes of a block go. Pure; the
// same on every rank.
#pragma once

#include <string>
#include <vector>

#include "shard/archive_reader.h"

namespace fz::shard {

class Selection {
 public:
  /// No patterns: everything. A pattern is a shell glob in which `*` also matches `/`; one that matches a directory
  /// takes all below it. The parents of what is taken are taken too. Throws Error(kInput) for a pattern that matches
  /// nothing.
  Selection(const ArchiveReader& archive, const std::vector<std::string>& patterns);

  bool has(std::size_t entry) const { return selected_[entry]; }
  /// Taken only because something below it is.
  bool is_mere_parent(std::size_t entry) const { return mere_parent_[entry]; }
  /// Indices of the taken entries, in the order of the file table.
  std::vector<std::size_t> entries() const;
  std::vector<BlockId> blocks() const;
  std::uint64_t raw_bytes() const;

  struct Piece {
    std::size_t entry = 0;
    std::uint64_t file_offset = 0;   ///< In the restored file.
    std::uint32_t block_offset = 0;  ///< In the block's raw bytes.
    std::uint32_t size_bytes = 0;
  };
  /// The parts of taken files that lie in this block.
  std::vector<Piece> pieces(BlockId block) const;

 private:
  const ArchiveReader& archive_;
  std::vector<bool> selected_;
  std::vector<bool> mere_parent_;
  std::vector<std::size_t> by_offset_;  // taken files that are not empty
};

}  // namespace fz::shard
