// Guesses the length of the records or rows of binary data (docs/numerics.md, section 35): the distance that most often
// lies between two and between four bytes and where the same bytes were last. One for each lane.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace fz::memory {

class RecordVote {
 public:
  /// `last_four` are the bytes before `position`. Returns the length; 0 before the first vote.
  std::uint32_t see(std::uint32_t last_four, std::uint32_t position) {
    if (votes_.empty()) {
      for (std::vector<std::uint32_t>& places : places_) places.resize(std::size_t{1} << kPlaceBits);
      votes_.resize(kLongest + 1);
    }
    vote(places_[0], last_four & 0xFFFF, position);
    vote(places_[1], last_four, position);
    return length_;
  }

 private:
  static constexpr int kPlaceBits = 12;
  static constexpr std::uint32_t kShortest = 4;
  static constexpr std::uint32_t kLongest = 4096;
  static constexpr int kVotesOfAnAge = 16384;

  void vote(std::vector<std::uint32_t>& places, std::uint32_t bytes, std::uint32_t position) {
    std::uint32_t& place = places[bytes * 0x9E3779B1u >> (32 - kPlaceBits)];
    const std::uint32_t distance = position - place;
    place = position;
    if (distance < kShortest || distance > kLongest) return;
    if (++votes_[distance] > votes_[length_]) length_ = distance;
    if (++votes_of_this_age_ < kVotesOfAnAge) return;
    votes_of_this_age_ = 0;
    for (std::uint16_t& votes : votes_) votes = static_cast<std::uint16_t>(votes / 2);
  }

  std::array<std::vector<std::uint32_t>, 2> places_;
  std::vector<std::uint16_t> votes_;  // for each distance; below 2 · kVotesOfAnAge
  int votes_of_this_age_ = 0;
  std::uint32_t length_ = 0;
};

}  // namespace fz::memory
