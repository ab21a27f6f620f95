// How far a compress job is, running or dead, read from its directory without disturbing it: nothing is written, and
// the lock is only probed. The directory is untrusted. Rank 0 only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "shard/archive_format.h"

namespace fz::coordinator {

/// Whether a run works in the directory; its lock cannot be probed on every file system.
enum class Liveness { kRunning, kNotRunning, kUnknown };

struct JobStatus {
  Liveness liveness = Liveness::kUnknown;
  bool has_plan =
      false;  ///< Without one, nothing else is known: the run is still scanning, or ended before it had one.
  std::uint64_t total_bytes = 0;
  std::uint64_t total_blocks = 0;
  std::uint64_t done_bytes = 0;  ///< Raw bytes of the finished blocks.
  std::uint64_t done_blocks = 0;
  std::uint64_t stored_bytes = 0;  ///< What these take.
  std::uint64_t runs = 0;          ///< Starts so far.
  /// Of the last run that finished a block, by the times of its files; where the file system keeps none, unknown.
  std::optional<double> bytes_per_second;
  shard::ModelIdentity model;  ///< None: no model is needed.
};

/// Throws Error(kInput) when there is no such directory or it cannot be read, Error(kCorrupt) when plan or journal are
/// no good.
JobStatus read_job_status(const std::filesystem::path& job_directory);

}  // namespace fz::coordinator
