// Turns a scan into a plan, and compares a plan with that of an interrupted run. Pure functions.
#pragma once

#include <string>

#include "coordinator/scan.h"
#include "shard/plan.h"

namespace fz::coordinator {

struct PlanOptions {
  shard::TokenCoder coder = shard::TokenCoder::kMixed;
  std::uint32_t block_bytes = shard::kDefaultBlockBytes;
};

/// Orders the files (text, then binary; then by path), cuts the stream into blocks of even size. The model is left
/// open.
shard::Plan make_plan(ScanResult scanned, const PlanOptions& options);

bool needs_model(const shard::Plan& plan);

/// Empty when a job begun with `old_plan` can go on for `new_plan`; else what differs. A directory's time does not
/// count: making the job directory may change it.
std::string plan_difference(const shard::Plan& old_plan, const shard::Plan& new_plan);

}  // namespace fz::coordinator
