#include "base/part.h"

#include <fmt/format.h>

#include <charconv>

namespace fz {
namespace {

std::optional<std::uint64_t> parse_number(std::string_view text) {
  constexpr std::uint64_t kMaxParts = 1'000'000'000;
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number > kMaxParts) return std::nullopt;
  return number;
}

}  // namespace

std::optional<Part> parse_part(std::string_view text, std::string_view separator) {
  const std::size_t place = text.find(separator);
  if (place == std::string_view::npos) return std::nullopt;
  const auto number = parse_number(text.substr(0, place));
  const auto count = parse_number(text.substr(place + separator.size()));
  if (!number || !count || *number < 1 || *number > *count) return std::nullopt;
  return Part{*number, *count};
}

std::string part_text(const Part& part, std::string_view separator) {
  return fmt::format("{}{}{}", part.number, separator, part.count);
}

}  // namespace fz
