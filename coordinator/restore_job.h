// A restore (decompress, extract) or a check (verify) as rank 0 sees it: which blocks, and for a restore the target.
// The block work itself is the workers'.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "coordinator/dispatch.h"
#include "coordinator/restore_target.h"
#include "shard/selection.h"

namespace fz::coordinator {

/// The blocks as work: those that need no model are cheap and go out in batches.
std::vector<WorkItem> block_items(const shard::ArchiveReader& archive, const std::vector<BlockId>& blocks);

struct RestoreRequest {
  std::filesystem::path archive;
  std::filesystem::path target;
  std::vector<std::string> patterns;  ///< Empty: everything.
  bool force = false;
};

class RestoreJob {
 public:
  /// Opens the archive and selects. Writes nothing. Throws Error.
  explicit RestoreJob(const RestoreRequest& request);

  const shard::ArchiveReader& archive() const { return archive_; }
  const shard::Selection& selection() const { return selection_; }

  /// Checks the target and prepares the staging directory.
  void prepare();
  comm::Begin begin() const { return {0, target_->staging_name(), false}; }
  std::vector<WorkItem> items() const { return block_items(archive_, selection_.blocks()); }
  /// After all blocks: everything under its final name.
  void publish() { target_->publish(); }
  void abandon() noexcept;

 private:
  RestoreRequest request_;
  shard::ArchiveReader archive_;
  shard::Selection selection_;
  std::unique_ptr<RestoreTarget> target_;
};

}  // namespace fz::coordinator
