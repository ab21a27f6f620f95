#include "jobs/text_places.h"

#include <algorithm>

namespace fz::jobs {

TextPlaces::TextPlaces(std::string_view text) : characters_before_(text.size() + 1), line_starts_{0} {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins_character = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    characters_before_[i + 1] = characters_before_[i] + (begins_character ? 1 : 0);
    if (text[i] == '\n') line_starts_.push_back(i + 1);
  }
}

Position TextPlaces::position(std::size_t offset_bytes) const {
  const std::size_t offset = std::min(offset_bytes, characters_before_.size() - 1);
  const auto next_line = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  return {static_cast<int>(next_line - line_starts_.begin()),
          characters_before_[offset] - characters_before_[*(next_line - 1)] + 1};
}

std::size_t TextPlaces::offset_bytes(std::size_t line, std::size_t bytes) const {
  return std::min(line_starts_[std::min(line, line_starts_.size() - 1)] + bytes, characters_before_.size() - 1);
}

}  // namespace fz::jobs
