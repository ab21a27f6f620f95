// How long to train, as users write it: "30s", "10min", "1h", "5Mtok". Pure functions.
#pragma once

#include <string>

#include "worker/training_pass.h"

namespace fz::cli {

/// For the parser; empty: nothing is wrong.
std::string check_budget(const std::string& text);

/// Of what the parser has checked.
worker::TrainingBudget parse_budget(const std::string& text);

}  // namespace fz::cli
