// What the ranks of a restore note about blocks that they have finished, so that a later run need not decode them again
// (docs/format.md, "Staging directory of a restore"). A note is a claim, not a proof: who goes on reads the restored
// bytes and compares, so nothing has to be synced before it is noted (docs/adr/0015).
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "base/file.h"
#include "shard/archive_format.h"

namespace fz::shard {

/// Names inside a staging directory.
inline constexpr const char* kTreeName = "tree";
std::string restore_journal_name(std::uint64_t run, Rank rank);

/// What is noted of a block of which these pieces were restored: its raw_hash where they are all of it, which costs
/// nothing; else a hash of them that is bound to it.
Hash16 restored_hash(const BlockHeader& block, std::span<const ByteSpan> pieces);

/// Whether these pieces, as they lie on the disk, are what was restored of the block. Of a whole block the archive says
/// what its bytes are, of a part the claim does.
bool is_restored(const BlockHeader& block, std::span<const ByteSpan> pieces, const Hash16& claim);

/// The journal of one rank of one run, to which it alone appends. One thread at a time.
class RestoreJournalWriter {
 public:
  RestoreJournalWriter(const std::filesystem::path& staging, std::uint64_t run, Rank rank);
  /// `hash` is the restored_hash of what has been written.
  void add(BlockId block, const Hash16& hash);

 private:
  File file_;
};

struct RestoreClaims {
  std::map<BlockId, Hash16> blocks;
  std::uint64_t runs = 0;  ///< The highest number of a run that has left anything, predictions included.
};

/// Of all journals in the directory. What is torn, damaged or no journal claims nothing.
RestoreClaims read_restore_journals(const std::filesystem::path& staging);

}  // namespace fz::shard
