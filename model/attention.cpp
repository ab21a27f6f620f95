#include "model/attention.h"

#include <algorithm>

#include "base/profile.h"

namespace fz::model {
namespace {

std::size_t round_up(std::size_t n, std::size_t unit) {
  return (n + unit - 1) / unit * unit;
}

/// output = (Σ weights · values) · factor. Keys are summed in int32 by runs that cannot overflow, then in int64.
void weighted_sums(const Kernels& kernels, const PackedOperand& values, std::size_t rows, std::size_t keys,
                   const float* factors, AttentionScratch& scratch, float* output, std::size_t output_stride) {
  const std::size_t head_width = values.columns;
  const auto sum_run = [&](std::size_t begin, std::size_t count) {
    PackedOperand run = values;
    run.data += packed_offset(0, begin, values.depth);
    kernels.product_s16(scratch.weights.data() + begin, scratch.padded_context, rows, run, round_up(count, kPanelDepth),
                        scratch.sums.data(), scratch.padded_head_width);
  };
  const auto write = [&](const auto* sums, std::size_t stride) {  // int32 or int64
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t c = 0; c < head_width; ++c) {
        output[row * output_stride + c] = static_cast<float>(sums[row * stride + c]) * factors[row];
      }
    }
  };
  if (keys <= kMaxKeysPerSum) {  // the usual case
    sum_run(0, keys);
    return write(scratch.sums.data(), scratch.padded_head_width);
  }
  std::fill_n(scratch.totals.data(), rows * head_width, 0);
  for (std::size_t begin = 0; begin < keys; begin += kMaxKeysPerSum) {
    sum_run(begin, std::min(kMaxKeysPerSum, keys - begin));
    for (std::size_t row = 0; row < rows; ++row) {
      const std::int32_t* sums = scratch.sums.data() + row * scratch.padded_head_width;
      std::int64_t* totals = scratch.totals.data() + row * head_width;
      for (std::size_t c = 0; c < head_width; ++c) totals[c] += sums[c];
    }
  }
  write(scratch.totals.data(), head_width);
}

}  // namespace

AttentionScratch::AttentionScratch(const ModelConfig& config)
    : padded_context(round_up(config.context, kPanelColumns)),
      padded_head_width(round_up(config.head_width, kPanelColumns)),
      scores(kRows * padded_context),
      weights(kRows * padded_context),
      products(padded_context),
      sums(kRows * padded_head_width),
      totals(kRows * config.head_width) {}

void attend(const ModelConfig& config, const Kernels& kernels, const KvCache& cache, std::size_t layer,
            std::size_t first_position, std::size_t rows, const std::int16_t* queries, const float* query_scales,
            AttentionScratch& scratch, float* output, std::size_t output_stride) {
  const std::size_t head_width = config.head_width;
  const std::size_t group = config.heads / config.kv_heads;
  for (std::size_t begin = 0; begin < rows; begin += AttentionScratch::kRows) {
    const std::size_t count = std::min(AttentionScratch::kRows, rows - begin);
    const std::size_t keys = first_position + begin + count;  // of the last row; earlier rows use fewer
    const std::size_t padded_keys = round_up(keys, kPanelDepth);
    for (std::size_t head = 0; head < config.heads; ++head) {
      const std::size_t kv_head = head / group;
      const float* key_scales = cache.key_scales(layer, kv_head);
      const float* value_scales = cache.value_scales(layer, kv_head);
      kernels.product_s16(queries + (begin * config.heads + head) * head_width, config.heads * head_width, count,
                          cache.keys(layer, kv_head, keys), head_width, scratch.scores.data(), scratch.padded_context);
      float factors[AttentionScratch::kRows];
      for (std::size_t row = 0; row < count; ++row) {
        const std::size_t visible = first_position + begin + row + 1;
        const StageScope stage(Stage::kSoftmax);
        std::int16_t* weights = scratch.weights.data() + row * scratch.padded_context;
        factors[row] = kernels.attention_weights(scratch.scores.data() + row * scratch.padded_context,
                                                 query_scales[(begin + row) * config.heads + head], key_scales,
                                                 value_scales, visible, scratch.products.data(), weights);
        std::fill(weights + visible, weights + padded_keys, std::int16_t{0});
      }
      weighted_sums(kernels, cache.values(layer, kv_head), count, keys, factors, scratch,
                    output + begin * output_stride + head * head_width, output_stride);
    }
  }
}

}  // namespace fz::model
