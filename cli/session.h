// Runs the block work of a command on all ranks: rank 0 coordinates on its main thread and works on another; the other
// ranks work on their main threads. Shared by compress, decompress, extract and verify.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/stopwatch.h"
#include "cli/report_options.h"
#include "coordinator/dispatch.h"
#include "coordinator/merge.h"
#include "worker/tasks.h"

namespace fz::cli {

/// In place of a model file: code with the memory alone.
inline constexpr const char* kNoModel = "none";

/// What a process may hold unless the user says otherwise; more where it has many threads to feed.
inline constexpr std::uint64_t kDefaultMemoryLimitBytes = 1'000'000'000;
inline constexpr std::uint64_t kMemoryLimitBytesOfThread = 250'000'000;

/// Options that every command with block work has.
struct WorkOptions : ReportOptions {
  int threads = 0;  ///< 0: this process's share of the cores.
  std::string model_path;
  std::uint64_t memory_limit_bytes = 0;  ///< Of each process; 0: chosen.
  double rank_timeout_seconds = comm::Patience().silence_seconds;
  bool verbose = false;
  bool profile = false;
};
void add_work_options(CLI::App& command, WorkOptions& options);
/// Only model and threads.
void add_machine_options(CLI::App& command, WorkOptions& options);

/// --checkpoint-after, for commands that go on within a block; `place`: where they keep what the model says.
void add_checkpoint_option(CLI::App& command, double& after_seconds, const std::string& place);

/// A check for options that take several texts: CLI11 reads a lone {} as no text at all.
std::string check_not_braces(const std::string& text);

/// The pool and the codec factory of this rank. Rank 0 may have made the codec early, to know its identity.
class Workplace {
 public:
  Workplace(const Context& context, const WorkOptions& options);
  int threads() const { return pool_->threads(); }
  std::uint64_t memory_limit_bytes() const { return memory_limit_bytes_; }
  /// Makes the codec now, and hands it to the first task that asks.
  shard::TextCodec& load_model(const shard::ModelIdentity& wanted = {});
  worker::Resources resources();
  ThreadPool& pool() { return *pool_; }

 private:
  struct State;
  std::shared_ptr<ThreadPool> pool_;
  std::shared_ptr<State> state_;
  std::uint64_t memory_limit_bytes_;
};

/// What rank 0 needs to run the blocks of a job.
struct BlockWork {
  std::string verb;  ///< "compressing", for the progress line.
  comm::Begin begin;
  std::vector<coordinator::WorkItem> items;
  std::shared_ptr<worker::Task> task;  ///< Of rank 0's own worker.
  std::function<void(coordinator::DoneBlocks)> commit;
  /// Of blocks that are about to be given to a rank.
  std::function<void(std::span<const BlockId>)> before_assign = [](std::span<const BlockId>) {};
  std::function<std::uint64_t(BlockId)> raw_bytes_of;
  /// Called often; what it says is shown in place of the progress of the blocks.
  std::function<std::string()> phase = {};
  /// Called when it says nothing; may have something to report.
  std::function<void()> after_phase = {};
  std::uint64_t total_raw_bytes = 0;
  bool has_ratio = false;  ///< Blocks are reported with the size they are stored in.
  /// Reused from an earlier run.
  std::uint64_t done_raw_bytes = 0;
  std::uint64_t done_blocks = 0;
  std::uint64_t done_stored_bytes = 0;
};

/// Rank 0. Throws the first Error of any rank, or Interrupted; the work may then still go on in the background until
/// the process ends.
void coordinate(const Context& context, const WorkOptions& options, BlockWork work);

/// For the guard of a command with block work: whatever rank 0 does, the other ranks hear that it lives.
std::function<void()> show_life(const Context& context, const WorkOptions& options);

/// Other ranks: works until rank 0 says stop. Throws when the task cannot be made.
void work_for_coordinator(const Context& context, const WorkOptions& options,
                          const std::function<std::unique_ptr<worker::Task>()>& make_task);

/// After the work, on rank 0: where its time went, and the memory it took. Does nothing without --profile.
void report_profile(const Context& context, const WorkOptions& options, const Workplace& workplace);

/// "x.fz: 8000 -> 1000 bytes, ratio 8.000, 1.000 bits/byte".
std::string describe_size(const std::filesystem::path& output, const coordinator::ArchiveSize& size);

/// "2 ranks x 1 thread": how the work was shared.
std::string describe_ranks(const Context& context, int threads);

}  // namespace fz::cli
