// Causal attention of some consecutive tokens of one lane over its cache (docs/numerics.md, section 6).
#pragma once

#include "model/kv_cache.h"

namespace fz::model {

/// Scratch of one thread.
class AttentionScratch {
 public:
  static constexpr std::size_t kRows = 24;  ///< Queries at a time: their scores stay in the first-level cache.
  explicit AttentionScratch(const ModelConfig& config);

  std::size_t padded_context;
  std::size_t padded_head_width;
  AlignedArray<std::int32_t> scores;   // [kRows, padded_context]
  AlignedArray<std::int16_t> weights;  // [kRows, padded_context]
  AlignedArray<float> products;        // [padded_context]
  AlignedArray<std::int32_t> sums;     // [kRows, padded_head_width]
  AlignedArray<std::int64_t> totals;   // [kRows, head_width]
};

/// For `rows` tokens at positions first_position…: query r, head h at queries[(r * heads + h) * head_width], scale at
/// query_scales[r * heads + h] (section 6's constant included). Writes output[r * output_stride + h * head_width + c].
void attend(const ModelConfig& config, const Kernels& kernels, const KvCache& cache, std::size_t layer,
            std::size_t first_position, std::size_t rows, const std::int16_t* queries, const float* query_scales,
            AttentionScratch& scratch, float* output, std::size_t output_stride);

}  // namespace fz::model
