// What the commands that train have in common: how long ("30s", "10min", "1h", "5Mtok") and on what device.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "worker/training_pass.h"

namespace fz::cli {

/// For the parser; empty: nothing is wrong.
std::string check_budget(const std::string& text);

/// Of what the parser has checked.
worker::TrainingBudget parse_budget(const std::string& text);

/// `device`: "auto", "cpu" or "gpu".
void add_device_option(CLI::App& command, const std::string& name, std::string& device);
model::TrainingDevice parse_device(const std::string& text);

}  // namespace fz::cli
