// Guesses the length of records in what is coded as text byte by byte (docs/numerics.md, section 15): a majority vote
// over the distances at which four bytes come again (R. Boyer, J Moore, "MJRTY", 1981). One for each lane. RecordVote
// guesses better; archives of codec 6 hold this guess.
#pragma once

#include <cstdint>
#include <vector>

namespace fz::memory {

class PeriodVote {
 public:
  /// `last_four` are the bytes before `position`. Returns the length; 0 before the first vote.
  std::uint32_t see(std::uint32_t last_four, std::uint32_t position) {
    if (places_.empty()) places_.resize(std::size_t{1} << kPlaceBits);
    std::uint32_t& place = places_[last_four * 0x9E3779B1u >> (32 - kPlaceBits)];
    const std::uint32_t distance = position - place;
    place = position;
    if (distance < kShortest || distance > kLongest) return period_;
    if (distance == period_) {
      votes_ += votes_ < kMostVotes;
    } else if (votes_ == 0) {
      period_ = distance;
      votes_ = 1;
    } else {
      --votes_;
    }
    return period_;
  }

 private:
  static constexpr int kPlaceBits = 12;
  static constexpr std::uint32_t kShortest = 4;
  static constexpr std::uint32_t kLongest = 4096;
  static constexpr std::uint32_t kMostVotes = 255;

  std::vector<std::uint32_t> places_;
  std::uint32_t period_ = 0;
  std::uint32_t votes_ = 0;
};

}  // namespace fz::memory
