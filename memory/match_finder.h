// Finds where the lane's last symbols occurred before in any lane, and what followed (docs/numerics.md, section 18).
// Lookups of a step may run in parallel; its insertions are applied together, the highest lane first.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "memory/lane_range.h"
#include "memory/lane_text.h"

namespace fz::memory {

/// An earlier place that a lane follows. One for each lane and shortest length.
struct Match {
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  std::uint32_t position = kNone;  ///< Index in the block of the symbol it predicts.
  std::uint32_t length = 0;        ///< Symbols before it that agree.
};

class MatchFinder {
 public:
  /// Finds matches of at least `shortest` symbols. `lanes` tile the symbols in order.
  MatchFinder(std::span<const LaneRange> lanes, std::span<const Symbol> symbols, std::uint32_t shortest,
              int entry_bits)
      : lanes_(lanes),
        symbols_(symbols),
        shortest_(shortest),
        places_(std::size_t{1} << entry_bits),
        shift_(32 - entry_bits) {}

  /// Hash of the lane's last symbols; 0: it has too few.
  std::uint32_t hash(const LaneText& text) const {
    if (text.position() - text.begin() < shortest_) return 0;
    std::uint32_t hash = shortest_;
    for (std::uint32_t distance = 1; distance <= shortest_; ++distance) hash = combine(hash, text.last(distance));
    return hash == 0 ? 1 : hash;
  }

  void prefetch(std::uint32_t hash) const { __builtin_prefetch(&places_[hash >> shift_]); }

  /// Looks for a match where there is none, and drops one that has reached symbols not known at `step`.
  void update(Match& match, const LaneText& text, std::uint32_t hash, std::uint32_t step) const {
    if (match.position == Match::kNone && hash != 0) look_up(match, text, hash);
    if (match.position != Match::kNone && !is_known(match.position, step)) match = {};
  }

  Symbol predicted(const Match& match) const { return symbols_[match.position]; }

  /// After the step: `symbol` is what came.
  void follow(Match& match, Symbol symbol) const {
    if (match.position == Match::kNone) return;
    if (predicted(match) == symbol) {
      ++match.position;
      ++match.length;
    } else {
      match = {};
    }
  }

  void insert(std::uint32_t hash, std::uint32_t position) {
    if (hash != 0) places_[hash >> shift_] = position + 1;
  }

 private:
  static constexpr std::uint32_t kMostCompared = 64;

  const LaneRange& lane_of(std::uint32_t position) const;
  void look_up(Match& match, const LaneText& text, std::uint32_t hash) const;
  bool is_known(std::uint32_t position, std::uint32_t step) const {
    return position < symbols_.size() && position - lane_of(position).begin < step;
  }

  std::span<const LaneRange> lanes_;
  std::span<const Symbol> symbols_;
  std::uint32_t shortest_;
  std::vector<std::uint32_t> places_;  // position + 1; 0: none
  int shift_;
};

}  // namespace fz::memory
