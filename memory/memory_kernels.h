// The mixer's inner loops and the quick memory's loop, one implementation for each CPU level, all with the same results
// (integers; docs/numerics.md, section 19 and part IV).
#pragma once

#include <cstdint>

#include "memory/quick_state.h"

namespace fz::memory {

/// Inputs of the first mixers, and weights of each of their sets, padded with zeros.
inline constexpr int kMaxInputs = 24;
/// Of the second one.
inline constexpr int kMaxOutputs = 8;

/// Weights lie in [−kMaxWeight, kMaxWeight].
inline constexpr std::int32_t kMaxWeight = (1 << 19) - 1;

/// What one decision does to one set of weights.
struct WeightChange {
  std::int32_t* weights;
  const std::int16_t* inputs;
  std::int32_t gradient;
};

/// For sets of some width.
struct MixerKernels {
  /// logits[i] = ⌊Σ_j ⌊rows[i][j] · inputs[j] / 2^5⌋ / 2^11⌋, within ±limit; products and sum modulo 2^32.
  void (*mix)(const std::int32_t* const* rows, int row_count, const std::int16_t* inputs, int limit,
              std::int16_t* logits);
  /// weights[j] += ⌊(inputs[j] · gradient + 2^11) / 2^12⌋, modulo 2^32, for one change after the other. Returns whether
  /// a weight was beyond ±limit after any of them.
  bool (*train)(const WeightChange* changes, int change_count, std::int32_t limit);
  /// Limits a set's weights to [−limit, limit].
  void (*limit)(std::int32_t* weights, std::int32_t limit);
};

/// Of one CPU level.
struct MemoryKernels {
  const char* name;
  MixerKernels first;  ///< kMaxInputs wide.
  MixerKernels final;  ///< kMaxOutputs wide.
  QuickKernel quick;
};

extern const MemoryKernels kBaselineMemoryKernels;
extern const MemoryKernels kAvx2MemoryKernels;

/// The best that this CPU has.
const MemoryKernels& choose_memory_kernels();

}  // namespace fz::memory
