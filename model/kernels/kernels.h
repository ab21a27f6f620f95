// The contract of every kernel: one table of functions per CPU level. What each computes is fixed to the bit by
// docs/numerics.md (section numbers below); kernels_scalar.cpp is that definition in code, and every other table is
// tested equal to it (tests/exact). Kernels are pure, noexcept in effect, and may be called from any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fz::model {

/// Columns of one panel of a packed matrix, and how many consecutive k lie together within a column.
inline constexpr std::size_t kPanelColumns = 16;
inline constexpr std::size_t kPanelDepth = 4;
/// Packed weight matrices pad k with zeros to a multiple of this (one AMX tile row), so do activations rows.
inline constexpr std::size_t kDepthAlignment = 64;

/// Offset of element (column n, depth k) in a packed operand whose panels hold `depth` values of k (multiple of 4):
/// panels of 16 columns; within a panel groups of 4 k; within a group the columns one after another.
constexpr std::size_t packed_offset(std::size_t n, std::size_t k, std::size_t depth) {
  return (n / kPanelColumns) * kPanelColumns * depth + (k / kPanelDepth) * kPanelColumns * kPanelDepth +
         (n % kPanelColumns) * kPanelDepth + k % kPanelDepth;
}

/// Largest |attention weight|; with it at most this many keys may be summed in int32 (docs/numerics.md, section 6).
inline constexpr int kAttentionWeightOne = 16384;
inline constexpr std::size_t kMaxKeysPerSum = 1024;

/// Largest frequency of a token (docs/numerics.md, section 8).
inline constexpr std::uint32_t kFrequencyOne = std::uint32_t{1} << 30;
/// Frequencies are summed in blocks of this many tokens.
inline constexpr std::size_t kFrequencyBlock = 64;

/// Right operand of a product: [columns, depth] int8 in packed order.
struct PackedOperand {
  const std::int8_t* data = nullptr;          ///< 64-byte aligned.
  const std::int32_t* column_sums = nullptr;  ///< [columns rounded up to 16]; sums over k; only for product_s8.
  std::size_t columns = 0;
  std::size_t depth = 0;  ///< Padded k; multiple of kDepthAlignment for product_s8, of 4 for product_s16.
};

/// What product_s8 needs: a copy of its left operand, padded to whole AMX tiles.
constexpr std::size_t product_scratch_bytes(std::size_t rows, std::size_t depth) {
  return (rows + 31) / 32 * 32 * depth;
}

struct Kernels {
  const char* name;
  /// With so many rows a thread, steps of a model whose weights stay in the caches are fastest (ADR 0012). More would
  /// push each other's keys and values out.
  std::size_t efficient_rows;

  /// c[m, n] = Σ_k a[m, k] · b[n, k]. a: [rows, b.depth] int8 in [-127, 127], zero beyond the true depth.
  /// c: [rows, c_stride] with c_stride ≥ b.columns rounded up to 16; columns beyond b.columns are undefined.
  /// scratch: product_scratch_bytes(rows, b.depth) bytes, 64-byte aligned.
  void (*product_s8)(const std::int8_t* a, std::size_t rows, const PackedOperand& b, std::int32_t* c,
                     std::size_t c_stride, void* scratch);
  /// The same with int16 left values and only the first `depth_used` (multiple of 4, ≤ b.depth) values of k.
  void (*product_s16)(const std::int16_t* a, std::size_t a_stride, std::size_t rows, const PackedOperand& b,
                      std::size_t depth_used, std::int32_t* c, std::size_t c_stride);

  /// Section 2. Writes q[n] and returns the scale. `q` may be longer; the rest is not touched.
  float (*quantize)(const float* x, std::size_t n, std::int8_t* q);
  /// Section 3. RMS norm of x with gain into y.
  void (*rms_norm)(const float* x, const float* gain, float epsilon, std::size_t n, float* y);
  /// Section 1. y[i] = (float(acc[i]) · scale) · scales[i].
  void (*dequantize)(const std::int32_t* acc, float scale, const float* scales, std::size_t n, float* y);
  /// y[i] = y[i] + dequantized.
  void (*dequantize_add)(const std::int32_t* acc, float scale, const float* scales, std::size_t n, float* y);
  /// Section 5. Rotates [pairs] x[i], x[i + pairs] in place.
  void (*rope)(float* x, const float* cosine, const float* sine, std::size_t pairs);
  /// Section 6. scores[n] int32 → weights[n] int16; returns the factor of the weighted sum (0 when all values are 0).
  /// scratch: [n] float.
  float (*attention_weights)(const std::int32_t* scores, float query_scale, const float* key_scales,
                             const float* value_scales, std::size_t n, float* scratch, std::int16_t* weights);
  /// Section 7. h[i] = silu(gate[i]) · up[i].
  void (*gated_unit)(const float* gate, const float* up, std::size_t n, float* h);

  /// Section 8. frequencies[n] from base-2 logits; block_sums[ceil(n / 64)].
  void (*frequencies)(const float* logits, std::size_t n, std::uint32_t* frequencies, std::uint64_t* block_sums);
  /// Section 9. How many logits come before logits[token]: greater, or equal with a smaller index.
  std::uint32_t (*rank)(const float* logits, std::size_t n, std::size_t token);
};

const Kernels& scalar_kernels();
const Kernels& avx2_kernels();
const Kernels& avx512vnni_kernels();
const Kernels& amx_kernels();

}  // namespace fz::model
