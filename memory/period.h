// Guesses the length of the records or rows of binary data (docs/numerics.md, section 15): a majority vote over the
// distances at which four bytes come again (R. Boyer, J Moore, "MJRTY", 1981). One for each lane.
#pragma once

#include <cstdint>
#include <vector>

namespace fz::memory {

class PeriodVote {
 public:
  /// 0 before the first vote.
  std::uint32_t period() const { return period_; }

  /// `last_four` are the bytes before `position`.
  void see(std::uint32_t last_four, std::uint32_t position) {
    if (places_.empty()) places_.resize(std::size_t{1} << kPlaceBits);
    std::uint32_t& place = places_[last_four * 0x9E3779B1u >> (32 - kPlaceBits)];
    const std::uint32_t distance = position - place;
    place = position;
    if (distance < kShortest || distance > kLongest) return;
    if (distance == period_) {
      votes_ += votes_ < kMostVotes;
    } else if (votes_ == 0) {
      period_ = distance;
      votes_ = 1;
    } else {
      --votes_;
    }
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
