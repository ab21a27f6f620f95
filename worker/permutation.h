// A random order of 0 … count − 1 that takes no memory: a Feistel network on the next power of four, walked until it
// falls below count (Black and Rogaway 2002). Plain value; any thread.
#pragma once

#include <bit>
#include <cstdint>

#include "base/error.h"

namespace fz::worker {

class Permutation {
 public:
  Permutation(std::uint64_t count, std::uint64_t seed)
      : count_(count), half_bits_((std::bit_width(count > 1 ? count - 1 : 1) + 1) / 2), seed_(seed) {}

  std::uint64_t count() const { return count_; }

  std::uint64_t operator()(std::uint64_t index) const {
    FZ_CHECK(index < count_);
    do index = round_trip(index);
    while (index >= count_);
    return index;
  }

 private:
  static constexpr std::uint64_t kRounds = 4;

  std::uint64_t round_trip(std::uint64_t index) const {
    const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
    std::uint64_t left = index >> half_bits_;
    std::uint64_t right = index & mask;
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      const std::uint64_t next = left ^ (mixed(right + (seed_ + round) * 0x9e3779b97f4a7c15u) & mask);
      left = right;
      right = next;
    }
    return left << half_bits_ | right;
  }

  /// The finalizer of SplitMix64 (Steele, Lea and Flood 2014).
  static std::uint64_t mixed(std::uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
  }

  std::uint64_t count_;
  int half_bits_;
  std::uint64_t seed_;
};

}  // namespace fz::worker
