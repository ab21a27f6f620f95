// The last step of a compress job: all blocks, in order, become the archive under its final name, and the job directory
// goes. The order of writes is that of docs/adr/0007-durable-truth-is-files.md. Either the run that made the last block
// does it, or `merge`, for a job whose shards were made by runs of their own.
#pragma once

#include <filesystem>
#include <optional>

#include "coordinator/finished_blocks.h"
#include "coordinator/journal.h"

namespace fz::coordinator {

struct ArchiveSize {
  std::uint64_t raw_bytes = 0;
  std::uint64_t archive_bytes = 0;
};

/// Lays out the blocks, which are all finished. `journal` is that of the whole job; `force` replaces an existing
/// output.
ArchiveSize merge_blocks(JobDirectory& directory, Journal& journal, const shard::Plan& plan,
                         const FinishedBlocks& finished, const std::filesystem::path& output, bool force);

/// Whether the output is the very archive that a run in this job directory was about to finish: only the clean-up was
/// missing.
bool is_merged(const std::filesystem::path& job_directory, const std::filesystem::path& output);

struct MergeRequest {
  std::filesystem::path output;
  bool force = false;
  Warn warn;
};

/// The archive from what shards have left in the job directory; needs neither the inputs nor a model. Throws
/// Error(kInput) saying which shards are missing, in which case nothing has changed.
ArchiveSize merge_job(const MergeRequest& request);

}  // namespace fz::coordinator
