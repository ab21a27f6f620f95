// The model that an archive or a job needs, as lines for people and as JSON for programs. Pure.
#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>

#include "shard/archive_format.h"

namespace fz::cli {

/// null: none is needed.
nlohmann::ordered_json model_json(const shard::ModelIdentity& model);

void print_model(const shard::ModelIdentity& model, std::ostream& out);

}  // namespace fz::cli
