// What a compress would make of a plan: `compress --dry-run`. Size and time are those of samples that the real codecs
// code, carried over to the whole corpus; nothing is written. Rank 0's main thread.
#pragma once

#include <cstdint>
#include <string>

#include "cli/session.h"
#include "shard/plan.h"

namespace fz::cli {

struct CompressEstimate {
  std::uint64_t sampled_bytes = 0;
  double archive_bytes = 0;
  double seconds = 0;              ///< With all ranks, each as fast as this one.
  std::uint64_t memory_bytes = 0;  ///< Of each process: an upper bound.
};

/// Codes the samples, which takes a while. Throws Interrupted.
CompressEstimate estimate_compress(const shard::Plan& plan, Workplace& workplace, int ranks);

/// What the plan holds, in lines.
std::string plan_lines(const shard::Plan& plan);

/// The estimate, in lines. `ranks` as describe_ranks() says it.
std::string estimate_lines(const shard::Plan& plan, const CompressEstimate& estimate, const std::string& ranks);

}  // namespace fz::cli
