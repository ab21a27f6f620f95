// Finds where the lane's last symbols occurred before in any lane, and what followed (docs/numerics.md, section 18).
// Lookups of a step may run in parallel; its insertions are applied together, the highest lane first.
#pragma once

#include <cstdint>
#include <span>

#include "base/aligned_array.h"
#include "memory/lane_range.h"
#include "memory/lane_text.h"

namespace fz::memory {

/// An earlier place that a lane follows. One for each lane and shortest length.
struct Match {
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  std::uint32_t position = kNone;  ///< Index in the block of the symbol it predicts.
  std::uint32_t length = 0;        ///< Symbols before it that agree.
  std::uint32_t rolling = 0;       ///< Hash of the lane's last symbols, as many as the shortest match has.
};

class MatchFinder {
 public:
  /// Finds matches of at least `shortest` symbols. `lanes` tile the symbols in order.
  MatchFinder(std::span<const LaneRange> lanes, std::span<const Symbol> symbols, std::uint32_t shortest, int entry_bits)
      : lanes_(lanes),
        symbols_(symbols),
        shortest_(shortest),
        places_(std::size_t{1} << entry_bits),
        shift_(32 - entry_bits) {
    for (std::uint32_t i = 1; i < shortest; ++i) oldest_factor_ *= kFactor;
  }

  void prefetch(const Match& match) const { __builtin_prefetch(&places_[index(match)]); }

  /// Looks for a match where there is none, and drops one that has reached symbols not known at `step`.
  void update(Match& match, const LaneText& text, std::uint32_t step) const {
    if (match.position == Match::kNone && can_match(text)) look_up(match, text);
    if (match.position != Match::kNone && !is_known(match.position, step)) drop(match);
  }

  Symbol predicted(const Match& match) const { return symbols_[match.position]; }

  /// After the step: `symbol` is what came.
  void follow(Match& match, Symbol symbol) const {
    if (match.position == Match::kNone) return;
    if (predicted(match) == symbol) {
      ++match.position;
      ++match.length;
    } else {
      drop(match);
    }
  }

  /// The symbol that came has been preceded by these.
  void insert(const Match& match, const LaneText& text) {
    if (can_match(text)) places_[index(match)] = text.position() + 1;
  }

  /// Moves the hash on: Σ (s_d + 1) · kFactor^(d − 1) over the symbols s_d that are d = 1 … shortest back, modulo 2^32.
  void roll(Match& match, const LaneText& text, Symbol symbol) const {
    const std::uint32_t oldest = can_match(text) ? (text.last(shortest_) + 1) * oldest_factor_ : 0;
    match.rolling = (match.rolling - oldest) * kFactor + symbol + 1;
  }

 private:
  static constexpr std::uint32_t kMostCompared = 64;
  static constexpr std::uint32_t kFactor = 0x2C9277B5u;

  static void drop(Match& match) {
    match.position = Match::kNone;
    match.length = 0;
  }
  bool can_match(const LaneText& text) const { return text.position() - text.begin() >= shortest_; }
  std::size_t index(const Match& match) const { return combine(shortest_, match.rolling) >> shift_; }

  const LaneRange& lane_of(std::uint32_t position) const;
  void look_up(Match& match, const LaneText& text) const;
  bool is_known(std::uint32_t position, std::uint32_t step) const {
    return position < symbols_.size() && position - lane_of(position).begin < step;
  }

  std::span<const LaneRange> lanes_;
  std::span<const Symbol> symbols_;
  std::uint32_t shortest_;
  std::uint32_t oldest_factor_ = 1;     // kFactor^(shortest − 1)
  AlignedArray<std::uint32_t> places_;  // position + 1; 0: none
  int shift_;
};

}  // namespace fz::memory
