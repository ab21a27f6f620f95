// Learns the probability of a bit for each of a small number of situations (docs/numerics.md, section 14). The bits of
// one step are counted first and applied together, so their order does not matter. One thread at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "memory/logistic.h"

namespace fz::memory {

class AdaptiveMap {
 public:
  struct Entry {
    std::uint16_t probability = 32768;  ///< Of a one, in units of 1/65536.
    std::int16_t logit = 0;             ///< stretch(probability)
    std::uint16_t weight = 1;           ///< Bits that the probability stands for, at most the map's limit.
    std::uint16_t step_bits = 0;        ///< Counted in this step: at most lanes times decisions.
    std::uint16_t step_ones = 0;
  };

  AdaptiveMap(std::size_t size, std::uint16_t limit) : entries_(size), limit_(limit) {}

  const Entry& operator[](std::size_t index) const { return entries_[index]; }

  void set(std::size_t index, std::uint16_t probability) {
    entries_[index].probability = probability;
    entries_[index].logit = kLogistic.stretch[probability];
  }

  void count(std::uint32_t index, unsigned bit) {
    Entry& entry = entries_[index];
    if (entry.step_bits == 0) touched_.push_back(index);
    ++entry.step_bits;
    entry.step_ones = static_cast<std::uint16_t>(entry.step_ones + bit);
  }

  void apply() {
    for (const std::uint32_t index : touched_) {
      Entry& entry = entries_[index];
      const std::uint32_t weight = std::uint32_t{entry.weight} + entry.step_bits;
      // Below 2^32: at most 2^10 + lanes · decisions bits.
      const std::uint32_t sum =
          std::uint32_t{entry.probability} * entry.weight + std::uint32_t{entry.step_ones} * 65536 + weight / 2;
      const std::uint32_t probability = sum / weight;
      entry.probability = static_cast<std::uint16_t>(probability < kLeast           ? kLeast
                                                     : probability > 65536 - kLeast ? 65536 - kLeast
                                                                                    : probability);
      entry.logit = kLogistic.stretch[entry.probability];
      entry.weight = static_cast<std::uint16_t>(weight < limit_ ? weight : limit_);
      entry.step_bits = entry.step_ones = 0;
    }
    touched_.clear();
  }

 private:
  static constexpr std::uint32_t kLeast = 8;

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> touched_;
  std::uint16_t limit_;
};

}  // namespace fz::memory
