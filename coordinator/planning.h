// Turns a scan into a plan, and compares a plan with that of an interrupted run. Pure functions.
#pragma once

#include <string>

#include "coordinator/scan.h"
#include "shard/plan.h"

namespace fz::coordinator {

/// How files follow each other in the corpus stream; the file table is always in the order of their paths.
enum class FileOrder : std::uint8_t {
  kSimilar,  ///< By path, but files that resemble an earlier one come right after it.
  kPath,
};

/// A compromise: one file more is found in a larger block, and a larger one is decoded to extract one file.
inline constexpr std::uint32_t kMostSimilarBlockBytes = 32u << 20;

struct PlanOptions {
  shard::TokenCoder coder = shard::TokenCoder::kMixed;
  shard::MemoryCoder memory_coder = shard::MemoryCoder::kThorough;
  std::uint32_t block_bytes = shard::kDefaultBlockBytes;
  /// At most, for files that resemble each other and do not fit into one block.
  std::uint32_t similar_block_bytes = kMostSimilarBlockBytes;
  FileOrder order = FileOrder::kSimilar;
};

/// Orders the files (text, then binary; then as the options say), cuts the stream into blocks of even size. The model
/// is left open.
shard::Plan make_plan(ScanResult scanned, const PlanOptions& options);

bool needs_model(const shard::Plan& plan);

/// Empty when a job begun with `old_plan` can go on for `new_plan`; else what differs. A directory's time does not
/// count: making the job directory may change it.
std::string plan_difference(const shard::Plan& old_plan, const shard::Plan& new_plan);

}  // namespace fz::coordinator
