// Events for programs, one JSON object a line on standard error (docs/events.md). Rank 0 only, main thread.
#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>

namespace fz::cli {

/// Adds `event` and `time` (UTC) before the fields. One write, so that nothing comes between.
void write_event(std::ostream& err, const char* event, const nlohmann::ordered_json& fields);

}  // namespace fz::cli
