// JSON files of the importer: reading, and members with a clear error. Included by the importer's .cpp files only.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/display.h"
#include "base/file.h"

namespace fz::model {

using Json = nlohmann::json;

inline constexpr std::uint64_t kMaxJsonBytes = std::uint64_t{256} << 20;

inline Json read_json(const std::string& path) {
  const Bytes text = read_file(path, kMaxJsonBytes);
  try {
    Json json = Json::parse(text.begin(), text.end());
    if (json.is_object()) return json;
  } catch (const Json::exception& error) {
    fail(ErrorCode::kCorrupt, "{}: not JSON: {}", path, display_text(error.what()));
  }
  fail(ErrorCode::kCorrupt, "{}: not a JSON object", path);
}

/// The member, or a null value when it is missing.
inline const Json& member(const Json& object, const char* key) {
  static const Json null;
  if (!object.is_object()) return null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

inline std::string string_member(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

/// False when missing, null or not a boolean.
inline bool flag_member(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_boolean() && value.get<bool>();
}

}  // namespace fz::model
