// Which blocks of an archive earlier runs of verify found intact: a file that the user names with --continue, so that a
// check of days can be interrupted. It is of one archive as it lies there, checked one way; it goes when all is
// checked. Rank 0 only. Nothing is synced: what is lost is checked again.
#pragma once

#include <filesystem>
#include <set>
#include <span>

#include "base/file.h"
#include "base/hash.h"
#include "shard/archive_reader.h"

namespace fz::coordinator {

/// Of the archive's ends, its size and the time of its last change, and of the way of checking. `path`: the archive's.
Hash verification_identity(const std::filesystem::path& path, const shard::ArchiveReader& archive, bool decodes);

class VerifiedBlocks {
 public:
  /// Opens or creates. Throws Error(kOutput) for a file that is none of ours, for one of another archive or of this one
  /// before it was changed, and for one that another run uses.
  VerifiedBlocks(const std::filesystem::path& path, const Hash& identity);

  bool contains(BlockId block) const { return blocks_.contains(block); }
  /// Throws Error(kOutput).
  void add(std::span<const BlockId> blocks);
  /// All is checked: the next verification begins anew.
  void remove();

 private:
  File file_;
  std::set<BlockId> blocks_;
};

}  // namespace fz::coordinator
