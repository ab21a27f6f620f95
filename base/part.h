// One of N parts of some work, as a user writes it: 2/7. Parts are done by separate runs that know nothing of each
// other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fz {

struct Part {
  std::uint64_t number = 1;  ///< From 1.
  std::uint64_t count = 1;

  auto operator<=>(const Part&) const = default;
};

/// Empty unless the text is I/N with 1 <= I <= N <= 10^9, without signs and spaces.
std::optional<Part> parse_part(std::string_view text, std::string_view separator = "/");

/// "2/7"
std::string part_text(const Part& part, std::string_view separator = "/");

}  // namespace fz
