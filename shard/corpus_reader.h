// Reads raw ranges of the corpus stream from the source files, and notices files that changed since the plan. Used by
// one thread at a time or several: it holds no file open between calls.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "shard/plan.h"

namespace fz::shard {

class CorpusReader {
 public:
  /// The plan must outlive the reader.
  explicit CorpusReader(const Plan& plan);

  /// The block's raw bytes. Throws Error(kInput) when a file cannot be read or is not the one that was planned.
  Bytes read(const PlanBlock& block) const;

 private:
  const Plan& plan_;
  std::vector<std::size_t> order_;  // files by raw offset
};

}  // namespace fz::shard
