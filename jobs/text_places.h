// Lines and columns of the places in a text. Immutable; owns nothing of the text.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "jobs/job.h"

namespace fz::jobs {

class TextPlaces {
 public:
  explicit TextPlaces(std::string_view text);

  /// Of the character at `offset_bytes`, or of the end of the text.
  Position position(std::size_t offset_bytes) const;
  /// Of a place that is given by line and bytes within the line, both from 0.
  std::size_t offset_bytes(std::size_t line, std::size_t bytes) const;

 private:
  std::vector<int> characters_before_;  ///< [offset], one more than the text has bytes.
  std::vector<std::size_t> line_starts_;
};

}  // namespace fz::jobs
