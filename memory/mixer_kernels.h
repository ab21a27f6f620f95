// The mixer's inner loops, one implementation for each CPU level, all with the same results (integers;
// docs/numerics.md, section 19).
#pragma once

#include <cstddef>
#include <cstdint>

namespace fz::memory {

/// Inputs and weights come in multiples of this.
inline constexpr int kInputPadding = 8;

struct MixerKernels {
  const char* name;
  /// Σ ⌊weights[j] · inputs[j] / 2^5⌋, products and sum modulo 2^32; `count` a multiple of kInputPadding.
  std::int32_t (*dot)(const std::int32_t* weights, const std::int16_t* inputs, int count);
  /// weights[j] += ⌊(inputs[j] · gradient + 2^11) / 2^12⌋, modulo 2^32. Returns whether a weight is beyond ±limit then.
  bool (*train)(std::int32_t* weights, const std::int16_t* inputs, int count, std::int32_t gradient,
                std::int32_t limit);
  /// Limits weights to [−limit, limit].
  void (*limit)(std::int32_t* weights, int count, std::int32_t limit);
};

extern const MixerKernels kBaselineMixerKernels;
extern const MixerKernels kAvx2MixerKernels;

/// The best that this CPU has.
const MixerKernels& choose_mixer_kernels();

}  // namespace fz::memory
