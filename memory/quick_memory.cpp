#include "memory/quick_memory.h"

#include <algorithm>
#include <bit>

#include "memory/logistic.h"

namespace fz::memory {
namespace {

constexpr std::int32_t kFirstWeight = 14746;  // 0.225
constexpr std::int32_t kEven = 1 << 30;

/// log2 of the number of buckets of a context.
int bucket_bits(std::uint32_t block_bytes) {
  return std::clamp(static_cast<int>(std::bit_width(block_bytes)) - 2, 10, 18);
}
int place_bits(std::uint32_t block_bytes) {
  return std::clamp(static_cast<int>(std::bit_width(block_bytes)), 10, 22);
}

/// What is known before the first byte.
void initialize(QuickState& state) {
  for (auto& map : state.history_maps) {
    for (int history = 0; history < 256; ++history) {
      map[history] = history < kBitHistories.count ? kBitHistories.first_probability[history] << 15 : kEven;
    }
  }
  std::fill(std::begin(state.match_map), std::end(state.match_map), kEven);
  constexpr Eight kAll = {kFirstWeight, kFirstWeight, kFirstWeight, kFirstWeight,
                          kFirstWeight, kFirstWeight, kFirstWeight, kFirstWeight};
  constexpr Eight kMatchOnly = {kFirstWeight};
  for (auto& mixer : state.mixers) {
    for (Eight(&set)[2] : mixer) {
      set[0] = kAll;
      set[1] = kMatchOnly;
    }
  }
  for (auto& refinement : state.refinements) {
    for (int knot = 0; knot < kQuickKnots; ++knot) {
      const int logit = (knot - kQuickKnots / 2) * kQuickKnotDistance;
      refinement[knot] = kLogistic.squash[limit_logit(logit) + kMaxLogit] << 15;
    }
  }
  for (int i = 0; i < 4096; ++i) state.stretch[i] = kLogistic.stretch[i * 16 + 8];
}

}  // namespace

QuickMemory::QuickMemory(std::uint32_t block_bytes, const MemoryKernels* kernels)
    : kernels_(kernels == nullptr ? choose_memory_kernels() : *kernels),
      buckets_(std::size_t{kQuickContexts} << bucket_bits(block_bytes)),
      places_(std::size_t{1} << place_bits(block_bytes)),
      state_(1) {
  QuickState& state = state_[0];
  initialize(state);
  for (std::size_t i = 0; i < kQuickContexts; ++i) state.buckets[i] = &buckets_[i << bucket_bits(block_bytes)];
  state.bucket_shift = 32 - bucket_bits(block_bytes);
  state.places = places_.data();
  state.place_shift = 32 - place_bits(block_bytes);
}

void QuickMemory::run(std::uint8_t* bytes, std::uint32_t end, QuickDecide decide, void* coder) {
  kernels_.quick(state_[0], bytes, end, decide, coder);
}

std::uint64_t QuickMemory::table_bytes(std::uint32_t block_bytes) {
  return (std::uint64_t{kQuickContexts * sizeof(QuickBucket)} << bucket_bits(block_bytes)) +
         (std::uint64_t{sizeof(std::uint32_t)} << place_bits(block_bytes)) + sizeof(QuickState);
}

}  // namespace fz::memory
