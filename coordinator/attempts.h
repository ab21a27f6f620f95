// Which blocks runs of a job died with (docs/adr/0021-blocks-that-kill.md): a file of the job directory, written by the
// coordinator, of which nothing is synced, because to lose it costs only a warning. A run that ends in order, by a
// signal or an error, has died with none.
#pragma once

#include <filesystem>
#include <map>
#include <span>

#include "base/file.h"
#include "coordinator/finished_blocks.h"
#include "shard/shard_file.h"

namespace fz::coordinator {

class Attempts {
 public:
  static constexpr const char* kFileName = "attempts";

  /// Reads what earlier runs on the same plan have left. What is torn, damaged or of another plan counts as nothing.
  Attempts(const std::filesystem::path& path, const shard::Check8& plan_check, const FinishedBlocks& finished);

  /// How many runs died with the block in work; 0 for most.
  int deaths(BlockId block) const;
  const std::map<BlockId, int>& all_deaths() const { return deaths_; }
  /// These are about to be worked on.
  void begin(std::span<const BlockId> blocks);
  /// The run ends in order before all is done: it has died with none.
  void end();

 private:
  void append(const Bytes& records);

  File file_;
  std::map<BlockId, int> deaths_;
};

}  // namespace fz::coordinator
