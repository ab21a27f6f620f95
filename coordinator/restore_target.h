// Where a restore writes: a fresh, private staging directory inside the target first, the final names last. Nothing is
// ever written through a link, and nothing that exists is touched before everything is restored, checked and synced.
// Rank 0 only.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "shard/file_table.h"

namespace fz::coordinator {

/// Names of staging directories in a target begin so; one that no process has locked is left over from a killed run and
/// is removed.
inline constexpr const char* kStagingPrefix = ".fz-partial-";

class RestoreTarget {
 public:
  /// Checks the target and creates the staging directory. Without `force` the target must be missing or empty; the
  /// working directory may hold other things, if none has the name of a top-level entry. With `force`, only what cannot
  /// be replaced by a rename is refused. `entries` must be closed under parents, in the order of the file table; it
  /// must outlive this. Throws Error(kOutput).
  RestoreTarget(const std::filesystem::path& target, std::vector<const shard::FileEntry*> entries, bool force);
  /// Removes the staging directory, and the target if it was made here and is empty.
  ~RestoreTarget();
  RestoreTarget(const RestoreTarget&) = delete;
  RestoreTarget& operator=(const RestoreTarget&) = delete;

  const std::string& staging_name() const { return staging_name_; }

  /// Directories, and files of their final size, ready for the workers' pieces.
  void prepare();
  /// After the last piece: links, modes, times, sync, final names.
  void publish();
  void abandon() noexcept;

 private:
  void check_target() const;
  void remove_stale_staging() const;
  /// Walks the entries; renames when `moving`, else only checks that it would work.
  void move_into_place(bool moving) const;
  void finish_directories() const;

  std::filesystem::path target_;
  std::vector<const shard::FileEntry*> entries_;
  bool force_;
  bool made_target_ = false;
  std::string staging_name_;
  std::filesystem::path staging_;
  File staging_lock_;
};

}  // namespace fz::coordinator
