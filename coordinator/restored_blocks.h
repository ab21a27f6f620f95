// Which blocks an interrupted restore had finished: what its journals claim, compared with the restored bytes. So a
// wrong claim costs time and never a wrong file. Rank 0 only; parallel over the pool.
#pragma once

#include <filesystem>
#include <functional>
#include <set>

#include "base/thread_pool.h"
#include "shard/restore_journal.h"
#include "shard/selection.h"

namespace fz::coordinator {

/// Bytes checked, bytes claimed. On the calling thread, often.
using ShowCheck = std::function<void(std::uint64_t, std::uint64_t)>;

/// Of the claimed blocks those whose bytes are in the tree, on the disk.
std::set<BlockId> find_restored_blocks(const shard::ArchiveReader& archive, const shard::Selection& selection,
                                       const std::filesystem::path& tree, const shard::RestoreClaims& claims,
                                       ThreadPool& pool, const ShowCheck& show);

}  // namespace fz::coordinator
