// What a recovery found, as lines for people and as JSON for programs. Pure.
#pragma once

#include <string>

#include "shard/recovery_plan.h"

namespace fz::cli {

/// `archive` as shown to the user. Each line ends with a newline.
std::string recovery_lines(const shard::RecoveryPlan& plan, const std::string& archive);

/// `output` empty: nothing was written.
std::string recovery_json(const shard::RecoveryPlan& plan, const std::string& archive, const std::string& output);

/// "3 blocks are lost, 2 files are damaged": for an error message; only of a plan that is not complete.
std::string recovery_summary(const shard::RecoveryPlan& plan);

}  // namespace fz::cli
