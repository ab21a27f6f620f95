// The file table of an archive (docs/format.md): which files there are and where their bytes lie in the corpus stream.
// Pure functions over untrusted bytes; a table that parsed is safe to restore: no path leaves the target, none goes
// through a link.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace fz::shard {

inline constexpr std::size_t kMaxPathBytes = 4095;
inline constexpr std::size_t kMaxComponentBytes = 255;

enum class FileType : std::uint8_t { kRegular = 0, kDirectory = 1, kSymlink = 2 };

struct FileEntry {
  FileType type = FileType::kRegular;
  std::uint32_t mode = 0;  ///< Permission bits, at most 07777.
  std::int64_t mtime_seconds = 0;
  std::uint32_t mtime_nanoseconds = 0;
  std::string path;
  std::uint64_t raw_offset = 0;  ///< Regular files: place in the corpus stream; 0 when empty.
  std::uint64_t raw_bytes = 0;   ///< Regular files.
  std::string target;            ///< Symbolic links.

  bool operator==(const FileEntry&) const = default;
};

/// The order of the table: bytewise with '/' smallest, so that a directory comes directly before its content.
bool path_less(std::string_view left, std::string_view right);

/// Empty when the path may stand in an archive, else what is wrong with it.
std::string path_problem(std::string_view path);

/// Entries that are not all in one place: a plan of ten million files should not be copied for each use.
using EntryAt = std::function<const FileEntry&(std::size_t index)>;

Bytes serialize_file_table(std::size_t count, const EntryAt& entry_at);
Bytes serialize_file_table(std::span<const FileEntry> entries);

/// Throws Error(kCorrupt) for anything that docs/format.md forbids. The files tile [0, corpus_bytes); where that size
/// is not known, as in a damaged archive, it is what the files add up to.
std::vector<FileEntry> parse_file_table(ByteSpan bytes, std::optional<std::uint64_t> corpus_bytes,
                                        const std::string& source);

/// What the files add up to; a number beyond the limits of the format where they exceed those.
std::uint64_t corpus_bytes_of(std::span<const FileEntry> entries);

/// The checks of parse_file_table on entries from elsewhere.
void validate_file_table(std::span<const FileEntry> entries, std::uint64_t corpus_bytes, const std::string& source);

/// Indices of the regular files that are not empty, in the order of their raw offsets.
std::vector<std::size_t> files_by_offset(std::size_t count, const EntryAt& entry_at);
std::vector<std::size_t> files_by_offset(std::span<const FileEntry> entries);

}  // namespace fz::shard
