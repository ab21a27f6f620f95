// The shard files and names of a job directory (docs/format.md, "Directory of a job"). A shard holds whole blocks as
// they will lie in the archive; each belongs to one rank of one run, which alone appends to it. A run works on the
// whole job or, without knowing of others, on one part of it (compress --shard); its files then have the part in their
// names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/part.h"
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
/// Empty: the whole job.
using JobPart = std::optional<Part>;
/// "journal", or "journal-2-of-8".
std::string name_of_part(const char* name, const JobPart& part);
/// The inverse: whose file of the kind `name` this is; empty when it is none.
std::optional<JobPart> part_of_name(std::string_view file_name, const char* name);
/// The parts, and the whole job, that have a file of the kind `name`: in order, the whole job first. Throws
/// Error(kInput) when the directory cannot be read.
std::vector<JobPart> parts_with_file(const std::filesystem::path& job_directory, const char* name);
/// "shard-1-0", or "shard-2-of-8-1-0".
std::string shard_name(const JobPart& part, std::uint64_t run, Rank rank);
/// The run in such a name; empty when it is no shard file of this part.
std::optional<std::uint64_t> run_of_shard_name(std::string_view file_name, const JobPart& part);

/// The frozen plan. Throws Error.
Plan read_plan(const std::filesystem::path& job_directory);

/// Where a finished block lies.
struct BlockPlace {
  std::uint64_t run = 0;
  Rank rank{};
  std::uint64_t offset_bytes = 0;
  std::uint32_t stored_bytes = 0;  ///< Header and payload.
  JobPart part{};                  ///< Whose shard file it is.

  bool operator==(const BlockPlace&) const = default;
};

/// Appends and syncs; the bytes are durable on return.
class ShardWriter {
 public:
  ShardWriter(const std::filesystem::path& job_directory, const JobPart& part, std::uint64_t run, Rank rank);
  BlockPlace append(const StoredBlock& block);

 private:
  File file_;
  JobPart part_;
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
