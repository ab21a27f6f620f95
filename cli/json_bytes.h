// Paths in JSON: its strings are UTF-8, paths are any bytes.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/bytes.h"
#include "base/display.h"
#include "base/hash.h"

namespace fz::cli {

/// Bytes that are not UTF-8 come as hexadecimal digits, under KEY_hex, beside a readable form.
inline void put_bytes(nlohmann::ordered_json& object, const std::string& key, const std::string& bytes) {
  object[key] = is_utf8(bytes) ? bytes : display_text(bytes);
  if (!is_utf8(bytes)) object[key + "_hex"] = to_hex(as_byte_span(bytes), 2 * bytes.size());
}

}  // namespace fz::cli
