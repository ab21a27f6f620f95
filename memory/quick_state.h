// What a QuickMemory has learnt: plain data, owned by it, read and changed by the kernels of every CPU level (private
// to memory/).
#pragma once

#include <cstdint>

#include "memory/bit_history.h"

namespace fz::memory {

inline constexpr int kQuickContexts = 8;
inline constexpr int kQuickMatchClasses = 32;
inline constexpr int kQuickMixerSets = 256;  ///< Of each of the two.
inline constexpr int kQuickRefinements = 4096;
inline constexpr int kQuickKnots = 25;
inline constexpr int kQuickKnotDistance = 256;

/// Probabilities of a one in units of 2^-31, logits or weights; one register where there is AVX2.
using Eight = std::int32_t __attribute__((vector_size(32)));

/// Four levels of the code tree below one context.
struct QuickBucket {
  std::uint8_t check;
  BitHistory nodes[15];
};

/// Where the text stands.
struct QuickText {
  std::uint32_t position = 0;
  std::uint64_t last_bytes = 0;  ///< The last eight, the latest lowest.
  std::uint32_t word = 0;
  std::uint32_t previous_word = 0;
  std::uint32_t line_begin = 0;
  std::uint32_t above_begin = 0;
  std::uint32_t first_of_line = 0;
};

struct QuickState {
  QuickText text;
  QuickBucket* buckets[kQuickContexts] = {};
  int bucket_shift = 0;  ///< Of a hash, to the number of its bucket.
  std::uint32_t* places = nullptr;
  int place_shift = 0;  ///< Of a hash, to where the position of its last occurrence is.
  std::uint32_t match_position = 0;
  std::uint32_t match_length = 0;  ///< 0: no match.

  std::int32_t history_maps[kQuickContexts][256];
  std::int32_t match_map[kQuickMatchClasses];
  Eight mixers[2][kQuickMixerSets][2];
  std::int32_t refinements[kQuickRefinements][kQuickKnots];
  std::int16_t stretch[4096];  ///< Logit of a probability in units of 2^-12.
};

/// Codes a decision with this probability of a 0 in units of 1/65536, and says what it was.
using QuickDecide = unsigned (*)(void* coder, std::uint16_t zero);

/// Codes the bytes from the text's position on up to `end`, writes them to `bytes` and learns from them.
using QuickKernel = void (*)(QuickState& state, std::uint8_t* bytes, std::uint32_t end, QuickDecide decide,
                             void* coder);

}  // namespace fz::memory
