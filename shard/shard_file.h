// The shard files and names of a job directory (docs/format.md, "Directory of a job"). A shard holds whole blocks as
// they will lie in the archive; each belongs to one rank of one run, which alone appends to it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "shard/archive_reader.h"
#include "shard/block_codec.h"
#include "shard/plan.h"

namespace fz::shard {

/// Names inside a job directory.
std::filesystem::path job_directory_of(const std::filesystem::path& output);
inline constexpr const char* kPlanName = "plan";
inline constexpr const char* kJournalName = "journal";
inline constexpr const char* kLockName = "lock";
inline constexpr const char* kMergedName = "merged";
std::string shard_name(std::uint64_t run, Rank rank);

/// Where a finished block lies.
struct BlockPlace {
  std::uint64_t run = 0;
  Rank rank{};
  std::uint64_t offset_bytes = 0;
  std::uint32_t stored_bytes = 0;  ///< Header and payload.

  bool operator==(const BlockPlace&) const = default;
};

/// Appends and syncs; the bytes are durable on return.
class ShardWriter {
 public:
  ShardWriter(const std::filesystem::path& job_directory, std::uint64_t run, Rank rank);
  BlockPlace append(const StoredBlock& block);

 private:
  File file_;
  std::uint64_t run_;
  Rank rank_;
  std::uint64_t end_ = 0;
  bool failed_ = false;
};

/// Reads a finished block and checks everything that can be checked without decoding. Throws Error(kCorrupt) or
/// Error(kInput). `stored` receives header and payload as they lie.
BlockHeader read_finished_block(const std::filesystem::path& job_directory, const BlockPlace& place, const Plan& plan,
                                BlockId id, Bytes& stored);

}  // namespace fz::shard
