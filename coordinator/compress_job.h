// A compress job as rank 0 sees it: scan, plan, find what an interrupted run left, record finished blocks, merge. Or a
// part of one (compress --shard), which ends when its blocks are recorded. The order of writes is that of
// docs/adr/0007-durable-truth-is-files.md: blocks are durable before the journal names them, the archive before it gets
// its name, the name before the job directory goes. The block work itself is the workers'.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/attempts.h"
#include "coordinator/dispatch.h"
#include "coordinator/job_directory.h"
#include "coordinator/journal.h"
#include "coordinator/merge.h"
#include "coordinator/planning.h"

namespace fz::coordinator {

/// What coding with a model depends on.
struct ModelChoice {
  shard::ModelIdentity identity;
  std::uint32_t lane_limit = shard::kMaxLanes;
};

struct CompressRequest {
  std::vector<std::string> inputs;
  std::filesystem::path output;
  shard::JobPart part{};
  bool force = false;  ///< Replace an existing output; discard a job that does not fit (never when `part` is set).
  std::vector<std::string> excluded;  ///< Absolute paths that are no part of the corpus, beside the output: logs.
  PlanOptions options;
  Bytes adapter;  ///< Serialized, for the chosen model; empty: none given.
  /// How the job's adapter is to be trained (plan.memorize), given the plan; null: not at all.
  std::function<std::string(const shard::Plan&)> choose_memorization;
  /// Called when the plan has text, with the model that an unfinished run of this output was begun with, or none; may
  /// throw Error(kModel) and the like.
  std::function<ModelChoice(const shard::ModelIdentity& begun_with)> choose_model;
  Warn warn;
};

/// What would be done; writes nothing. Throws Error as the job would for bad inputs.
shard::Plan plan_corpus(const CompressRequest& request);

class CompressJob {
 public:
  /// Everything up to the first block; nothing is written when the inputs are bad or the output exists. Throws Error.
  explicit CompressJob(const CompressRequest& request);

  /// An earlier run had done everything but removing its job directory; that is done now.
  bool was_complete() const { return was_complete_; }
  const shard::Plan& plan() const { return plan_; }
  /// Of this run's part.
  std::uint64_t reused_blocks() const { return reused_blocks_; }
  std::uint64_t reused_raw_bytes() const;
  std::uint64_t reused_stored_bytes() const;
  /// Of this run's part.
  std::uint64_t raw_bytes() const;

  comm::Begin begin() const { return {run_, {}, false}; }
  std::vector<WorkItem> items() const;
  /// Notes that they are about to be worked on, lest one that kills is tried for ever.
  void begin_blocks(std::span<const BlockId> blocks) { attempts_->begin(blocks); }
  /// Records finished blocks durably.
  void commit(DoneBlocks done);
  /// The run ends in order, before its work is done.
  void end_run() { attempts_->end(); }
  /// After all blocks of a whole job: the archive under its final name.
  ArchiveSize merge();
  const ArchiveSize& finished_size() const { return finished_size_; }

 private:
  bool finish_interrupted_removal(const CompressRequest& request);
  std::string adopt_plan();
  void freeze_plan();
  void share_plan();
  void open_journal(const Warn& warn);
  void require_trained_adapter() const;

  std::filesystem::path output_;
  shard::JobPart part_;
  bool force_ = false;
  shard::Plan plan_;
  std::unique_ptr<JobDirectory> directory_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Attempts> attempts_;
  FinishedBlocks finished_;
  std::uint64_t run_ = 0;
  std::uint64_t reused_blocks_ = 0;
  bool was_complete_ = false;
  ArchiveSize finished_size_;
};

}  // namespace fz::coordinator
