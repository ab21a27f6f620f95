// The check of options that take one of N parts, as verify --part 2/7 does.
#pragma once

#include <fmt/format.h>

#include <string>

#include "base/part.h"

namespace fz::cli {

/// Empty: nothing is wrong.
inline std::string check_part(const std::string& text) {
  return parse_part(text) ? "" : fmt::format("'{}' is not I/N with 1 <= I <= N, as in 2/7", text);
}

}  // namespace fz::cli
