// Where a restore writes: a private staging directory inside the target first, the final names last. Nothing is ever
// written through a link, and nothing that exists is touched before everything is restored, checked and synced. Rank 0
// only.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/staging_directory.h"

namespace fz::coordinator {

struct RestoreTargetOptions {
  bool force = false;
  /// Go on with what an interrupted restore of the same identity has left, and leave it so that another can.
  bool resume = false;
  Hash identity{};
  /// Directories that are only on the way to what is restored: where they exist, they keep their modes and times.
  std::set<const shard::FileEntry*> mere_parents{};
};

class RestoreTarget {
 public:
  /// Checks the target and creates or adopts the staging directory. Without `force` the target must be missing or
  /// empty; the working directory may hold other things, if none has the name of a top-level entry. With `force`, only
  /// what cannot be replaced by a rename is refused. `entries` must be closed under parents, in the order of the file
  /// table; it must outlive this. Throws Error(kOutput).
  RestoreTarget(const std::filesystem::path& target, std::vector<const shard::FileEntry*> entries,
                const RestoreTargetOptions& options);
  /// As abandon().
  ~RestoreTarget();
  RestoreTarget(const RestoreTarget&) = delete;
  RestoreTarget& operator=(const RestoreTarget&) = delete;

  const StagingDirectory& staging() const { return *staging_; }
  /// Everything was restored when an earlier run was interrupted; only publish() is left.
  bool is_complete() const { return staging_->is_publishing(); }

  /// The tree is ready for the workers' pieces.
  void prepare();
  /// After the last piece: links, modes, times, sync, final names.
  void publish();
  /// Removes the staging directory, and the target if it was made here and is empty. What can be continued stays.
  void abandon() noexcept;
  /// Whether abandoning leaves something to continue.
  bool keeps_staging() const { return options_.resume && is_prepared_ && staging_; }

 private:
  void check_target();
  void check_is_empty() const;
  /// Links, modes and times, while everything is still in the staging directory.
  void finish_entries() const;
  /// Walks the entries; renames when `moving`, else only checks that it would work.
  void move_into_place(bool moving);
  void require_moved(const shard::FileEntry& entry) const;
  void finish_directories() const;

  std::filesystem::path target_;
  std::vector<const shard::FileEntry*> entries_;
  RestoreTargetOptions options_;
  std::set<const shard::FileEntry*> present_;  ///< Directories that were there before.
  bool made_target_ = false;
  bool is_prepared_ = false;
  std::optional<StagingDirectory> staging_;
};

}  // namespace fz::coordinator
