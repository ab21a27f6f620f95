// The directory `OUT.fz.job/`: created, locked, emptied, removed. Held by rank 0 for the whole job; the lock keeps a
// second run away.
#pragma once

#include <filesystem>

#include "base/file.h"

namespace fz::coordinator {

class JobDirectory {
 public:
  /// Creates the directory when it is missing. Throws Error(kLaunch) when another process works in it, and
  /// Error(kOutput) when it holds files that are not a job's: a user's directory is never touched.
  explicit JobDirectory(std::filesystem::path path);

  const std::filesystem::path& path() const { return path_; }

  /// Removes all files of the job but the lock.
  void clear();
  /// Removes all files of the job and the directory, the journal last: as long as it is there, an interrupted removal
  /// can be told from an unfinished job.
  void remove();

 private:
  std::filesystem::path path_;
  File lock_;
};

}  // namespace fz::coordinator
