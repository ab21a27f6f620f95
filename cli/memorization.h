// The memorization pass as `compress` has it: its options, and what the main thread shows of it while the workers'
// threads train. Owned by the command; the parts that two threads use are guarded.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cli/session.h"
#include "worker/memorize.h"

namespace fz::cli {

struct MemorizeOptions {
  std::string mode = "auto";
  std::string budget;
  std::uint32_t rank = 8;
  double alpha = 0;  ///< 0: twice the rank.
  std::vector<std::string> targets;
  double learning_rate = 2e-3;
  std::uint32_t batch = 16;
  std::uint64_t seed = 1;
  int base_bits = 8;
  std::string device = "auto";
};
void add_memorize_options(CLI::App& command, MemorizeOptions& options);

/// For the plan: all of it that the adapter depends on, in words; equal texts mean equal options. Empty: nothing is to
/// be trained, which with "auto" the size of the corpus or the codec may decide. Throws Error(kUnsupported).
std::string memorize_text(const MemorizeOptions& options, const shard::Plan& plan, const shard::TextCodec& codec);

class Memorization {
 public:
  /// All must outlive it. `report` and `phase` are for the main thread of rank 0.
  Memorization(const Context& context, const WorkOptions& work, const MemorizeOptions& options);

  /// For the worker's thread, on every rank in step: the adapter of the job in this directory. With "auto" whatever
  /// keeps the ranks from training is a warning, and there is none; but for a lost rank, which is an error.
  Bytes make_adapter(const std::filesystem::path& job_directory, const shard::Plan& plan, shard::TextCodec& codec);

  /// What to show in place of the blocks' progress; empty when no training is going on.
  std::string phase();
  /// Says what came of it, once it has ended and only once.
  void report_outcome();

 private:
  /// For ranks that cannot train together, for this reason; with "on" that is an error.
  Bytes make_none(const std::filesystem::path& job_directory, const shard::Plan& plan, const Error& reason,
                  double timeout_seconds);

  const Context& context_;
  const WorkOptions& work_;
  const MemorizeOptions& options_;
  std::mutex mutex_;
  std::optional<worker::PassProgress> progress_;
  std::optional<worker::MemorizeReport> report_;
};

}  // namespace fz::cli
