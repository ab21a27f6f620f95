#include "cli/events.h"

#include <fmt/chrono.h>

#include <chrono>
#include <ostream>

namespace fz::cli {
namespace {

std::string utc_now() {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto milliseconds = now.time_since_epoch().count() % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                     milliseconds);
}

}  // namespace

void write_event(std::ostream& err, const char* event, const nlohmann::ordered_json& fields) {
  nlohmann::ordered_json object = {{"event", event}, {"time", utc_now()}};
  object.update(fields);
  // Texts may hold bytes that are no UTF-8; JSON may not.
  err << object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n' << std::flush;
}

}  // namespace fz::cli
