// The plan of a directory's files, as a compress job for some model makes it.
#pragma once

#include "coordinator/planning.h"
#include "coordinator/scan.h"

namespace fz::test {

inline shard::Plan plan_of(const std::filesystem::path& directory) {
  const auto fail_for = [](const std::string& warning) { fail(ErrorCode::kInput, "unexpected: {}", warning); };
  shard::Plan plan = coordinator::make_plan(coordinator::scan({directory.string()}, {}, fail_for),
                                            {.block_bytes = shard::kMinBlockBytes});
  plan.model.numerics_version = 1;
  return plan;
}

}  // namespace fz::test
