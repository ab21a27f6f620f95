// The kinds of block work: compress into a shard file, restore into a staging directory, print, check with or without
// decoding. Each task owns what it works with and is used by one worker; it takes as many blocks at a time as its
// memory allows and its threads can use.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "shard/plan.h"
#include "shard/shard_file.h"
#include "shard/text_codec.h"
#include "worker/worker.h"

namespace fz::worker {

/// What every task needs. `make_text_codec` is called for the first block that needs a model.
struct Resources {
  std::shared_ptr<ThreadPool> pool;
  shard::TextCodecFactory make_text_codec;
  std::uint64_t memory_limit_bytes = 0;
};

/// Blocks that the model is expected to take so long for can be gone on with after an interruption.
inline constexpr double kCheckpointAfterSeconds = 30;

struct CompressSettings {
  std::filesystem::path job_directory;
  bool check_decode = false;  ///< Decode each block after coding it and compare.
  shard::JobPart part{};      ///< Which part of the job this run works on.
  /// Makes the adapter of a job whose plan wants one, on all ranks in step; the codec is given back without one.
  std::function<Bytes(const shard::Plan&, shard::TextCodec&)> make_adapter = {};
  double checkpoint_after_seconds = kCheckpointAfterSeconds;
};

struct RestoreSettings {
  std::filesystem::path archive;
  std::filesystem::path target;
  std::vector<std::string> patterns;
  double checkpoint_after_seconds = kCheckpointAfterSeconds;
};

struct PrintSettings {
  std::filesystem::path archive;
  std::vector<std::string> patterns;
  std::function<void(ByteSpan)> write;  ///< On the worker's thread. May throw Error.
};

std::unique_ptr<Task> make_compress_task(CompressSettings settings, Resources resources);
std::unique_ptr<Task> make_restore_task(RestoreSettings settings, Resources resources);
/// Writes the contents of the taken files one after the other, in the order in which the blocks are given.
std::unique_ptr<Task> make_print_task(PrintSettings settings, Resources resources);
std::unique_ptr<Task> make_verify_task(std::filesystem::path archive, Resources resources);
/// Checks stored bytes only; never asks for a model.
std::unique_ptr<Task> make_stored_check_task(std::filesystem::path archive, Resources resources);
/// For a job in which nothing is left to do.
std::unique_ptr<Task> make_idle_task();

}  // namespace fz::worker
