// Learns the probability of a bit for each of a small number of situations (docs/numerics.md, section 14). The bits of
// one step are counted first and applied together, so their order does not matter. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "memory/logistic.h"

namespace fz::memory {

/// Divides by the weights of maps, which are seldom large, with a multiplication.
class WeightDivision {
 public:
  WeightDivision();
  /// ⌊sum / weight⌋, for a sum of at most 65536 · weight + weight / 2.
  std::uint32_t divide(std::uint32_t sum, std::uint32_t weight) const {
    if (weight >= inverses_.size()) return sum / weight;
    return static_cast<std::uint32_t>(sum * inverses_[weight] >> kShift);
  }

 private:
  // ⌈2^37 / weight⌉ is less than 1 too large. What that adds to the quotient, sum / 2^37, is less than 1 / weight.
  static constexpr int kShift = 37;
  std::array<std::uint64_t, 512> inverses_;
};
extern const WeightDivision kWeightDivision;

class AdaptiveMap {
  struct Entry {
    std::uint16_t probability = 32768;
    std::uint16_t weight = 1;     // Bits that the probability stands for, at most the map's limit.
    std::uint16_t step_bits = 0;  // Counted in this step: at most lanes times decisions.
    std::uint16_t step_ones = 0;
  };

 public:
  /// At most `most_bits` are counted in a step.
  AdaptiveMap(std::size_t size, std::uint16_t limit, std::size_t most_bits)
      : entries_(size), touched_(most_bits + 1), limit_(limit) {}

  /// Of a one, in units of 1/65536.
  std::uint16_t probability(std::size_t index) const { return entries_[index].probability; }
  void set(std::size_t index, std::uint16_t probability) { entries_[index].probability = probability; }
  void prefetch(std::size_t first, std::size_t count) const {
    constexpr std::size_t kEntriesOfLine = 64 / sizeof(Entry);
    for (std::size_t i = 0; i < count; i += kEntriesOfLine) __builtin_prefetch(&entries_[first + i]);
  }

  struct Bit {
    std::uint32_t index;
    unsigned bit;
    bool matters = true;  ///< Without it nothing is learnt; this index is then never read.
  };
  /// Counts bit_at(0) to bit_at(count − 1).
  template <typename BitAt>
  void count(int count, const BitAt& bit_at) {
    Entry* const entries = entries_.data();
    std::uint32_t* end = touched_.data() + touched_count_;
    for (int i = 0; i < count; ++i) {
      const Bit bit = bit_at(i);
      Entry& entry = entries[bit.index];
      *end = bit.index;
      end += bit.matters & (entry.step_bits == 0) ? 1 : 0;
      ++entry.step_bits;
      entry.step_ones = static_cast<std::uint16_t>(entry.step_ones + bit.bit);
    }
    touched_count_ = static_cast<std::size_t>(end - touched_.data());
  }

  /// changed(index, probability) is told of every entry that has learnt.
  template <typename Changed>
  void apply(const Changed& changed) {
    Entry* const entries = entries_.data();
    const std::uint32_t* const touched = touched_.data();
    for (std::size_t i = 0, count = touched_count_; i < count; ++i) {
      const std::uint32_t index = touched[i];
      Entry& entry = entries[index];
      const std::uint32_t weight = std::uint32_t{entry.weight} + entry.step_bits;
      // Below 2^32: at most 2^10 + lanes · decisions bits.
      const std::uint32_t sum =
          std::uint32_t{entry.probability} * entry.weight + std::uint32_t{entry.step_ones} * 65536 + weight / 2;
      const std::uint32_t probability = kWeightDivision.divide(sum, weight);
      entry.probability = static_cast<std::uint16_t>(probability < kLeast           ? kLeast
                                                     : probability > 65536 - kLeast ? 65536 - kLeast
                                                                                    : probability);
      entry.weight = static_cast<std::uint16_t>(weight < limit_ ? weight : limit_);
      entry.step_bits = entry.step_ones = 0;
      changed(index, entry.probability);
    }
    touched_count_ = 0;
  }
  void apply() {
    apply([](std::uint32_t, std::uint16_t) {});
  }

 private:
  static constexpr std::uint32_t kLeast = 8;

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> touched_;
  std::size_t touched_count_ = 0;
  std::uint16_t limit_;
};

/// One whose probabilities are read as logits.
class LogitMap {
 public:
  LogitMap(std::size_t size, std::uint16_t limit, std::size_t most_bits)
      : map_(size, limit, most_bits), logits_(size) {}

  const std::int16_t* logits() const { return logits_.data(); }

  void set(std::size_t index, std::uint16_t probability) {
    map_.set(index, probability);
    logits_[index] = kLogistic.stretch[probability];
  }
  template <typename BitAt>
  void count(int count, const BitAt& bit_at) {
    map_.count(count, bit_at);
  }
  void apply() {
    map_.apply([logits = logits_.data()](std::uint32_t index, std::uint16_t probability) {
      logits[index] = kLogistic.stretch[probability];
    });
  }

 private:
  AdaptiveMap map_;
  std::vector<std::int16_t> logits_;
};

}  // namespace fz::memory
