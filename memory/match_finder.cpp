#include "memory/match_finder.h"

#include <algorithm>

namespace fz::memory {

const LaneRange& MatchFinder::lane_of(std::uint32_t position) const {
  return *std::partition_point(lanes_.begin(), lanes_.end(),
                               [&](const LaneRange& lane) { return lane.end <= position; });
}

void MatchFinder::look_up(Match& match, const LaneText& text) const {
  const std::uint32_t place = places_[index(match)];
  if (place == 0) return;
  const std::uint32_t position = place - 1;
  // Symbols before the candidate's lane may not be known yet.
  const std::uint32_t most =
      std::min({kMostCompared, position - lane_of(position).begin, text.position() - text.begin()});
  std::uint32_t length = 0;
  while (length < most && symbols_[position - 1 - length] == symbols_[text.position() - 1 - length]) ++length;
  if (length < shortest_) return;
  match.position = position;
  match.length = length;
}

}  // namespace fz::memory
