// The quick memory: predicts each bit of a block's bytes from those before it, in order, at some MB/s a core
// (docs/numerics.md, part IV). It looks at eight contexts and a match and learns at once, bit by bit; Memory looks at
// more, in step with other lanes. Encoder and decoder drive it alike.
#pragma once

#include <cstdint>
#include <memory>

#include "base/aligned_array.h"
#include "memory/memory_kernels.h"
#include "memory/quick_state.h"

namespace fz::memory {

class QuickMemory {
 public:
  /// For a block of `block_bytes`. `kernels`: null for the best that this CPU has.
  explicit QuickMemory(std::uint32_t block_bytes, const MemoryKernels* kernels = nullptr);

  /// Goes on to the position `end`: decide(zero), with the probability of a 0 in units of 1/65536, codes a bit and
  /// returns it, eight for each byte, the highest first. The bytes are written to `bytes`, which holds the block's
  /// bytes so far and must be the same in every call.
  template <typename Decide>
  void code(std::uint8_t* bytes, std::uint32_t end, Decide& decide) {
    run(
        bytes, end, [](void* coder, std::uint16_t zero) { return (*static_cast<Decide*>(coder))(zero); }, &decide);
  }

  /// Bytes of the tables for a block of `block_bytes`.
  static std::uint64_t table_bytes(std::uint32_t block_bytes);

 private:
  void run(std::uint8_t* bytes, std::uint32_t end, QuickDecide decide, void* coder);

  const MemoryKernels& kernels_;
  AlignedArray<QuickBucket> buckets_;
  AlignedArray<std::uint32_t> places_;
  AlignedArray<QuickState> state_;  ///< One, on a boundary for vectors.
};

}  // namespace fz::memory
