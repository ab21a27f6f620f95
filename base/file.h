// Files at the edge of the program: positioned reads and writes, sync, atomic replacement. Every failure is an Error
// with the path and the system's reason. A File belongs to one owner; pread/pwrite may be called from several threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace fz {

/// Advisory locks belong to an open file and end with the process that opened it, however that ends.
enum class LockKind {
  kExclusive,
  kShared,  ///< Several may hold it, but none beside an exclusive one.
};

/// An open file descriptor.
class File {
 public:
  /// Opens for reading; does not follow a final symlink when `follow_symlink` is false.
  static File open_for_reading(const std::filesystem::path& path, bool follow_symlink = true);
  /// Creates a new file; fails if it exists.
  static File create(const std::filesystem::path& path);
  /// Opens for appending and reading, creating the file when it is missing.
  static File open_for_appending(const std::filesystem::path& path);
  /// Opens an existing file for reading and positioned writing.
  static File open_for_update(const std::filesystem::path& path);

  File() = default;
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  const std::filesystem::path& path() const { return path_; }
  std::uint64_t size_bytes() const;

  /// Reads exactly `size_bytes`; a shorter file is an Error(kInput) that says so.
  void read_at(std::uint64_t offset_bytes, std::uint8_t* target, std::size_t size_bytes) const;
  Bytes read_at(std::uint64_t offset_bytes, std::size_t size_bytes) const;
  void write_at(std::uint64_t offset_bytes, ByteSpan bytes) const;
  /// Writes at the end (append descriptors) or at the current position.
  void append(ByteSpan bytes) const;
  void truncate(std::uint64_t size_bytes) const;
  void sync() const;
  /// Makes everything written to the file system that holds this file durable; far cheaper than syncing many files.
  void sync_filesystem() const;
  /// Asks the system to forget what it holds of this range in memory, so that a reading comes from the disk. What is
  /// not written back yet stays.
  void drop_cached(std::uint64_t offset_bytes, std::uint64_t size_bytes) const;
  /// Takes the lock of this open file; false when another process (or another open) holds one that stands against it.
  bool try_lock(LockKind kind = LockKind::kExclusive) const;
  /// Closes and reports a failed close as an Error; the destructor closes silently.
  void close();

 private:
  File(int descriptor, std::filesystem::path path) : descriptor_(descriptor), path_(std::move(path)) {}
  int descriptor_ = -1;
  std::filesystem::path path_;
};

/// Whether anything has this name, be it a link to nowhere. What cannot be looked at counts as there.
bool is_present(const std::filesystem::path& path);

/// Whether it is a plain file; links are not followed. To open anything else might wait for ever.
bool is_plain_file(const std::filesystem::path& path);

/// After a system call that failed: "PATH: cannot VERB: reason", with the reason that errno gives.
[[noreturn]] void cannot(ErrorCode code, const char* verb, const std::filesystem::path& path);

/// The whole file, refused with Error(kInput) when larger than `limit_bytes`.
Bytes read_file(const std::filesystem::path& path, std::uint64_t limit_bytes);

/// Writes `bytes` beside `path`, syncs, and renames over it: the path holds the old content or the new, never a part.
void replace_file(const std::filesystem::path& path, ByteSpan bytes);

/// Gives `path` this content, durably, unless it exists already: then false. Of several processes on several nodes that
/// do so at once exactly one succeeds, and nobody sees a part. `temporary` lies beside `path` and belongs to this
/// caller alone; what is left there of an earlier try is replaced.
bool create_file_once(const std::filesystem::path& path, ByteSpan bytes, const std::filesystem::path& temporary);

/// Makes renames and creations in this directory durable.
void sync_directory(const std::filesystem::path& path);

/// Renames and syncs the target's directory.
void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);

/// As rename_durably, but an existing target is an Error(kOutput) and stays as it is.
void rename_durably_without_replacing(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace fz
