// The private directory inside a restore's target in which everything is restored before it gets its final names
// (docs/format.md, "Staging directory of a restore"). Held and locked by rank 0 for the whole restore. What a killed
// run has left is adopted by a run that continues it, or removed. Rank 0 only.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "base/file.h"
#include "base/hash.h"
#include "shard/file_table.h"

namespace fz::coordinator {

/// Names of staging directories in a target begin so.
inline constexpr const char* kStagingPrefix = ".fz-partial-";

class StagingDirectory {
 public:
  /// A fresh one. `identity` says what is restored: archive and selection.
  static StagingDirectory create(const std::filesystem::path& target, const Hash& identity);
  /// One that an earlier run, now gone, has left for the same identity; nothing when there is none. Throws
  /// Error(kOutput) when there is one of something else or of somebody else, which may hold the work of days, and
  /// Error(kLaunch) when that run is still at work.
  static std::optional<StagingDirectory> adopt(const std::filesystem::path& target, const Hash& identity);
  /// Whether a run that is gone has left it for the same identity, or had only just made it.
  static bool is_abandoned(const std::filesystem::path& path, const Hash& identity);
  /// Removes those.
  static void remove_abandoned(const std::filesystem::path& target, const Hash& identity);

  const std::filesystem::path& path() const { return path_; }
  std::string name() const { return path_.filename().native(); }
  /// Where the entries are restored.
  std::filesystem::path tree() const;
  const File& lock() const { return lock_; }
  /// Created by an earlier run.
  bool is_adopted() const { return is_adopted_; }
  /// Whether only its owner can write into it. Another is never adopted.
  bool is_private() const;

  /// Directories, and files of their final size, ready for the workers' pieces; nothing else is in the tree afterwards.
  void make_tree(std::span<const shard::FileEntry* const> entries) const;

  /// Everything is restored, checked and synced, and gets its final names from here on: durable on return.
  void mark_publishing() const;
  bool is_publishing() const { return is_publishing_; }

  void remove() noexcept;

 private:
  enum class Fit {
    kSame,
    kOther,
    kOpen,     ///< Ours by its looks, but others could have written into it.
    kBegun,    ///< There is nothing in it, yet or any more.
    kForeign,  ///< Somebody's directory has our name.
  };

  StagingDirectory(std::filesystem::path path, const Hash& identity);
  static std::optional<StagingDirectory> open_abandoned(const std::filesystem::path& path, const Hash& identity);
  Bytes identity_bytes() const;
  Fit fit() const;
  bool is_hardly_begun() const;
  bool holds_identity(const char* name) const;
  void sweep_tree(std::span<const shard::FileEntry* const> entries) const;

  std::filesystem::path path_;
  Hash identity_{};
  File lock_;
  bool is_adopted_ = false;
  bool is_publishing_ = false;
};

}  // namespace fz::coordinator
