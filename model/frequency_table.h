// Integer frequencies of the next token and their sums over aligned ranges (docs/numerics.md, section 8).
#pragma once

#include <cstdint>

#include "base/aligned_array.h"
#include "model/kernels/kernels.h"

namespace fz::model {

/// Scratch of one thread, filled again for every prediction.
class FrequencyTable {
 public:
  explicit FrequencyTable(std::size_t vocabulary_size)
      : frequencies_(vocabulary_size), block_sums_((vocabulary_size + kFrequencyBlock - 1) / kFrequencyBlock) {}

  void fill(const Kernels& kernels, const float* logits) {
    kernels.frequencies(logits, frequencies_.size(), frequencies_.data(), block_sums_.data());
  }

  std::size_t size() const { return frequencies_.size(); }
  const std::uint32_t* frequencies() const { return frequencies_.data(); }

  /// Sum over tokens [begin, end): whole blocks, or a range inside one block.
  std::uint64_t mass(std::size_t begin, std::size_t end) const {
    std::uint64_t sum = 0;
    if (end - begin < kFrequencyBlock) {
      for (std::size_t i = begin; i < end; ++i) sum += frequencies_[i];
    } else {
      const std::size_t end_block = (end + kFrequencyBlock - 1) / kFrequencyBlock;
      for (std::size_t block = begin / kFrequencyBlock; block < end_block; ++block) sum += block_sums_[block];
    }
    return sum;
  }

 private:
  AlignedArray<std::uint32_t> frequencies_;
  AlignedArray<std::uint64_t> block_sums_;
};

}  // namespace fz::model
