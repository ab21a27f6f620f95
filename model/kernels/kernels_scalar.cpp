// The definition of every kernel, as docs/numerics.md says it: one value at a time, never optimized.
// Floating-point expressions are written one operation a statement where order matters; the whole tree is compiled
// without contraction, so each is one correctly rounded binary32 operation.
#include <bit>
#include <cmath>

#include "model/kernels/kernels.h"
#include "model/kernels/numerics_constants.h"

namespace fz::model {
namespace {

using numerics::kExp2Clamp;

void product_s8(const std::int8_t* a, std::size_t rows, const PackedOperand& b, std::int32_t* c, std::size_t c_stride,
                void* /*scratch*/) {
  for (std::size_t m = 0; m < rows; ++m) {
    for (std::size_t n = 0; n < b.columns; ++n) {
      std::int32_t sum = 0;
      for (std::size_t k = 0; k < b.depth; ++k) {
        sum += std::int32_t{a[m * b.depth + k]} * b.data[packed_offset(n, k, b.depth)];
      }
      c[m * c_stride + n] = sum;
    }
  }
}

void product_s16(const std::int16_t* a, std::size_t a_stride, std::size_t rows, const PackedOperand& b,
                 std::size_t depth_used, std::int32_t* c, std::size_t c_stride) {
  for (std::size_t m = 0; m < rows; ++m) {
    for (std::size_t n = 0; n < b.columns; ++n) {
      std::int32_t sum = 0;
      for (std::size_t k = 0; k < depth_used; ++k) {
        sum += std::int32_t{a[m * a_stride + k]} * b.data[packed_offset(n, k, b.depth)];
      }
      c[m * c_stride + n] = sum;
    }
  }
}

float absolute_maximum(const float* x, std::size_t n) {
  float maximum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (std::fabs(x[i]) > maximum) maximum = std::fabs(x[i]);
  }
  return maximum;
}

/// Section 4: 2^t for |t| ≤ 125 (clamped).
float exp2_spec(float t) {
  if (t < -kExp2Clamp) t = -kExp2Clamp;
  if (t > kExp2Clamp) t = kExp2Clamp;
  const float whole = std::nearbyint(t);
  const float fraction = t - whole;
  float p = numerics::kExp2Polynomial[0];
  for (int i = 1; i < numerics::kExp2Terms; ++i) {
    p = p * fraction;
    p = p + numerics::kExp2Polynomial[i];
  }
  const std::int32_t exponent = static_cast<std::int32_t>(whole);
  return std::bit_cast<float>(std::bit_cast<std::int32_t>(p) + exponent * (1 << 23));
}

float quantize(const float* x, std::size_t n, std::int8_t* q) {
  const float maximum = absolute_maximum(x, n);
  if (maximum < numerics::kTiny) {
    for (std::size_t i = 0; i < n; ++i) q[i] = 0;
    return 0;
  }
  const float inverse = 127.0f / maximum;
  for (std::size_t i = 0; i < n; ++i) q[i] = static_cast<std::int8_t>(std::nearbyint(x[i] * inverse));
  return maximum / 127.0f;
}

void rms_norm(const float* x, const float* gain, float epsilon, std::size_t n, float* y) {
  const float maximum = absolute_maximum(x, n);
  if (maximum < numerics::kTiny) {
    for (std::size_t i = 0; i < n; ++i) y[i] = 0;
    return;
  }
  const float inverse = 32767.0f / maximum;
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto t = static_cast<std::int64_t>(std::nearbyint(x[i] * inverse));
    sum += t * t;
  }
  const float mean = static_cast<float>(sum) / static_cast<float>(n);
  const float unit = maximum / 32767.0f;
  const float unit_squared = unit * unit;
  const float shifted = mean + epsilon / unit_squared;
  const float factor = (1.0f / std::sqrt(shifted)) / unit;
  for (std::size_t i = 0; i < n; ++i) {
    const float normed = x[i] * factor;
    y[i] = normed * gain[i];
  }
}

void dequantize(const std::int32_t* acc, float scale, const float* scales, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) {
    const float scaled = static_cast<float>(acc[i]) * scale;
    y[i] = scaled * scales[i];
  }
}

void dequantize_add(const std::int32_t* acc, float scale, const float* scales, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) {
    const float scaled = static_cast<float>(acc[i]) * scale;
    const float value = scaled * scales[i];
    y[i] = y[i] + value;
  }
}

void rope(float* x, const float* cosine, const float* sine, std::size_t pairs) {
  for (std::size_t i = 0; i < pairs; ++i) {
    const float first = x[i];
    const float second = x[i + pairs];
    const float first_cosine = first * cosine[i];
    const float second_sine = second * sine[i];
    const float second_cosine = second * cosine[i];
    const float first_sine = first * sine[i];
    x[i] = first_cosine - second_sine;
    x[i + pairs] = second_cosine + first_sine;
  }
}

float attention_weights(const std::int32_t* scores, float query_scale, const float* key_scales,
                        const float* value_scales, std::size_t n, float* scratch, std::int16_t* weights) {
  for (std::size_t j = 0; j < n; ++j) {
    const float scaled = static_cast<float>(scores[j]) * query_scale;
    scratch[j] = scaled * key_scales[j];
  }
  float maximum = scratch[0];
  for (std::size_t j = 1; j < n; ++j) {
    if (scratch[j] > maximum) maximum = scratch[j];
  }
  std::int32_t denominator = 0;
  float largest = 0;
  for (std::size_t j = 0; j < n; ++j) {
    const float e = exp2_spec(scratch[j] - maximum);
    denominator += static_cast<std::int32_t>(std::nearbyint(e * numerics::kDenominatorOne));
    scratch[j] = e * value_scales[j];
    if (scratch[j] > largest) largest = scratch[j];
  }
  if (largest < numerics::kTiny) {
    for (std::size_t j = 0; j < n; ++j) weights[j] = 0;
    return 0;
  }
  const float inverse = static_cast<float>(kAttentionWeightOne) / largest;
  for (std::size_t j = 0; j < n; ++j) weights[j] = static_cast<std::int16_t>(std::nearbyint(scratch[j] * inverse));
  const float unit = largest * numerics::kFourOverOne;  // largest / 16384 · 65536
  return unit / static_cast<float>(denominator);
}

void gated_unit(const float* gate, const float* up, std::size_t n, float* h) {
  for (std::size_t i = 0; i < n; ++i) {
    const float e = exp2_spec(gate[i] * -numerics::kLog2E);
    const float activated = gate[i] / (1.0f + e);
    h[i] = activated * up[i];
  }
}

void frequencies(const float* logits, std::size_t n, std::uint32_t* frequencies, std::uint64_t* block_sums) {
  float maximum = logits[0];
  for (std::size_t i = 1; i < n; ++i) {
    if (logits[i] > maximum) maximum = logits[i];
  }
  for (std::size_t i = 0; i < n; ++i) {
    const float e = exp2_spec(logits[i] - maximum);
    const auto frequency = static_cast<std::int32_t>(e * static_cast<float>(kFrequencyOne));
    frequencies[i] = frequency < 1 ? 1u : static_cast<std::uint32_t>(frequency);
  }
  for (std::size_t begin = 0; begin < n; begin += kFrequencyBlock) {
    std::uint64_t sum = 0;
    for (std::size_t i = begin; i < n && i < begin + kFrequencyBlock; ++i) sum += frequencies[i];
    block_sums[begin / kFrequencyBlock] = sum;
  }
}

std::uint32_t rank(const float* logits, std::size_t n, std::size_t token) {
  std::uint32_t before = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (logits[i] > logits[token] || (logits[i] == logits[token] && i < token)) ++before;
  }
  return before;
}

}  // namespace

const Kernels& scalar_kernels() {
  static constexpr Kernels kernels{
      "scalar",       1,    product_s8,        product_s16, quantize,    rms_norm, dequantize,
      dequantize_add, rope, attention_weights, gated_unit,  frequencies, rank};
  return kernels;
}

}  // namespace fz::model
