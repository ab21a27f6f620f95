#include "coordinator/restored_blocks.h"

#include <atomic>
#include <mutex>
#include <vector>

#include "base/file.h"
#include "base/interruption.h"

namespace fz::coordinator {
namespace {

bool is_restored(const shard::ArchiveReader& archive, const shard::Selection& selection,
                 const std::filesystem::path& tree, BlockId id, const shard::Hash16& claimed) {
  try {
    const shard::BlockHeader header = archive.read_block(id).header;
    std::vector<Bytes> pieces;
    for (const shard::Selection::Piece& piece : selection.pieces(id)) {
      const File file = File::open_for_reading(tree / archive.entries()[piece.entry].path, false);
      // A write that failed late leaves pages in memory that look right: what counts is on the disk.
      file.drop_cached(piece.file_offset, piece.size_bytes);
      pieces.push_back(file.read_at(piece.file_offset, piece.size_bytes));
    }
    return !pieces.empty() && shard::is_restored(header, std::vector<ByteSpan>(pieces.begin(), pieces.end()), claimed);
  } catch (const Error&) {
    return false;  // whatever is wrong, decoding it anew will say
  }
}

}  // namespace

std::set<BlockId> find_restored_blocks(const shard::ArchiveReader& archive, const shard::Selection& selection,
                                       const std::filesystem::path& tree, const shard::RestoreClaims& claims,
                                       ThreadPool& pool, const ShowCheck& show) {
  std::vector<std::pair<BlockId, shard::Hash16>> claimed;
  std::uint64_t claimed_bytes = 0;
  for (const auto& claim : claims.blocks) {
    if (number(claim.first) >= archive.blocks().size()) continue;
    claimed.push_back(claim);
    claimed_bytes += archive.blocks()[number(claim.first)].raw_bytes;
  }
  std::mutex mutex;
  std::set<BlockId> restored;
  std::atomic<std::uint64_t> checked_bytes{0};
  pool.parallel_for(claimed.size(), [&](std::size_t i, int thread) {
    throw_if_interrupted();
    const auto& [id, hash] = claimed[i];
    if (is_restored(archive, selection, tree, id, hash)) {
      const std::scoped_lock lock(mutex);
      restored.insert(id);
    }
    checked_bytes += archive.blocks()[number(id)].raw_bytes;
    if (thread == 0 && show) show(checked_bytes, claimed_bytes);
  });
  return restored;
}

}  // namespace fz::coordinator
