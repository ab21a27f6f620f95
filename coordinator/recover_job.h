// A recovery: what is left of a damaged archive becomes a new, ordinary one. The damaged file is only read; the new one
// gets its name when it is complete and on disk. Rank 0 only; one thread.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "base/file.h"
#include "shard/recovery_plan.h"

namespace fz::coordinator {

struct RecoverRequest {
  std::filesystem::path archive;
  std::filesystem::path output;  ///< Empty: only find out what could be recovered.
  bool force = false;            ///< Replace an existing output.
  /// Called when the archive's header, which names the model, is lost, with one block that needs it and the archive's
  /// adapter, empty when there is none: the identity of a model that decodes this block, or nothing to do without such
  /// blocks. May throw.
  std::function<std::optional<shard::ModelIdentity>(const shard::StoredBlock&, ByteSpan adapter)> find_model;
  /// Called often while the archive is read, with bytes done and bytes in all.
  std::function<void(std::uint64_t, std::uint64_t)> progress;
};

class RecoverJob {
 public:
  /// Reads the archive and plans; writes nothing. Throws Error: the archive cannot be read, the output may not be
  /// written.
  explicit RecoverJob(const RecoverRequest& request);

  const shard::RecoveryPlan& plan() const { return plan_; }
  std::uint64_t archive_bytes() const { return archive_.size_bytes(); }
  /// There is something to write: a block, or a file table.
  bool found_anything() const { return !plan_.blocks.empty() || !plan_.entries.empty(); }
  /// The new archive under its name. Returns its size.
  std::uint64_t write();

 private:
  void check_output() const;
  void find_model(shard::RecoveryOrder& order);
  std::vector<shard::FoundBlock> usable(const std::vector<shard::FoundBlock>& unplaced) const;
  Bytes read_payload(const shard::FoundBlock& block) const;
  Bytes read_adapter(const std::optional<shard::FoundAdapter>& found) const;

  RecoverRequest request_;
  File archive_;
  std::string name_;
  std::optional<shard::ModelIdentity> model_;
  shard::RecoveryPlan plan_;
};

}  // namespace fz::coordinator
