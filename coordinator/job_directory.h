// The directory `OUT.fz.job/`: created, locked, emptied, removed. Whoever works on the whole job (compress, merge) has
// it to itself; runs on parts of the job (compress --shard) share it, each with a lock of its own part. Locks end with
// the process that holds them, so one that is left behind by a killed run keeps nobody away.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "shard/shard_file.h"

namespace fz::coordinator {

class JobDirectory {
 public:
  /// Creates the directory when it is missing. Throws Error(kLaunch) when another process works in it that this run may
  /// not work beside, and Error(kOutput) when it holds files that are not a job's: a user's directory is never touched.
  explicit JobDirectory(std::filesystem::path path, const shard::JobPart& part = {});

  const std::filesystem::path& path() const { return path_; }

  /// The highest run number among the shard files of a part; 0: there are none.
  std::uint64_t last_run(const shard::JobPart& part) const;

  /// Removes all files of the job but the lock. Only for who has the directory to itself.
  void clear();
  /// Removes all files of the job and the directory, the journal of the whole job last: as long as it is there, an
  /// interrupted removal can be told from an unfinished job. Only for who has the directory to itself.
  void remove();

 private:
  std::vector<std::string> names() const;
  void remove_files(std::initializer_list<std::string_view> keep);

  std::filesystem::path path_;
  File lock_;
  File part_lock_;
};

}  // namespace fz::coordinator
