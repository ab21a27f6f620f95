// A restore (decompress, extract) or a check (verify) as rank 0 sees it: which blocks, and for a restore the target and
// what an interrupted run has left there. The block work itself is the workers'.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "coordinator/dispatch.h"
#include "coordinator/restore_target.h"
#include "coordinator/restored_blocks.h"
#include "shard/selection.h"

namespace fz::coordinator {

/// The blocks as work: those that need no model are cheap and go out in batches.
std::vector<WorkItem> block_items(const shard::ArchiveReader& archive, const std::vector<BlockId>& blocks);

struct RestoreRequest {
  std::filesystem::path archive;
  std::filesystem::path target;
  std::vector<std::string> patterns;  ///< Empty: everything.
  bool force = false;
  bool resume = false;  ///< Go on with what an interrupted restore has left; leave what can be gone on with.
};

class RestoreJob {
 public:
  /// Opens the archive and selects. Writes nothing. Throws Error.
  explicit RestoreJob(const RestoreRequest& request);

  const shard::ArchiveReader& archive() const { return archive_; }
  const shard::Selection& selection() const { return selection_; }

  /// Checks the target, prepares the staging directory, and finds what an earlier run has restored.
  void prepare(ThreadPool& pool, const ShowCheck& show);
  /// An earlier run had restored everything; only publish() is left.
  bool is_complete() const { return target_->is_complete(); }
  const std::set<BlockId>& reused_blocks() const { return reused_; }

  comm::Begin begin() const { return {run_, target_->staging().name(), false}; }
  /// What is left to do.
  std::vector<WorkItem> items() const;
  /// After all blocks: everything under its final name.
  void publish() { target_->publish(); }
  void abandon() noexcept;
  /// Whether abandoning leaves something that another run can go on with.
  bool keeps_staging() const { return target_ && target_->keeps_staging(); }

 private:
  Hash identity() const;

  RestoreRequest request_;
  shard::ArchiveReader archive_;
  shard::Selection selection_;
  std::unique_ptr<RestoreTarget> target_;
  std::uint64_t run_ = 0;
  std::set<BlockId> reused_;
};

}  // namespace fz::coordinator
