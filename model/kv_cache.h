// Keys and values of one lane's current chunk for all layers: int8 in the packed order of the product kernels, one scale
// per token and head, written once (docs/numerics.md, section 6). Plain data; used by one thread at a time.
#pragma once

#include <cstdint>

#include "model/packed_matrix.h"

namespace fz::model {

class KvCache {
 public:
  explicit KvCache(const ModelConfig& config)
      : head_width_(config.head_width),
        kv_heads_(config.kv_heads),
        padded_context_(round_up(config.context)),
        padded_head_width_(round_up(config.head_width)),
        keys_(pages(config) * padded_context_ * head_width_),
        values_(pages(config) * padded_head_width_ * padded_context_),
        key_scales_(pages(config) * padded_context_),
        value_scales_(pages(config) * padded_context_) {}

  /// Right operand of query · key: [keys, head_width].
  PackedOperand keys(std::size_t layer, std::size_t head, std::size_t count) const {
    return {keys_.data() + page(layer, head) * padded_context_ * head_width_, nullptr, count, head_width_};
  }
  /// Right operand of weights · values: [head_width, keys].
  PackedOperand values(std::size_t layer, std::size_t head) const {
    return {values_.data() + page(layer, head) * padded_head_width_ * padded_context_, nullptr, head_width_,
            padded_context_};
  }
  const float* key_scales(std::size_t layer, std::size_t head) const {
    return key_scales_.data() + page(layer, head) * padded_context_;
  }
  const float* value_scales(std::size_t layer, std::size_t head) const {
    return value_scales_.data() + page(layer, head) * padded_context_;
  }

  void write(std::size_t layer, std::size_t head, std::size_t at, const std::int8_t* key, float key_scale,
             const std::int8_t* value, float value_scale) {
    const std::size_t index = page(layer, head);
    std::int8_t* keys = keys_.data() + index * padded_context_ * head_width_;
    std::int8_t* values = values_.data() + index * padded_head_width_ * padded_context_;
    for (std::size_t c = 0; c < head_width_; ++c) {
      keys[packed_offset(at, c, head_width_)] = key[c];
      values[packed_offset(c, at, padded_context_)] = value[c];
    }
    key_scales_[index * padded_context_ + at] = key_scale;
    value_scales_[index * padded_context_ + at] = value_scale;
  }

  std::size_t position = 0;  ///< Tokens written since the last restart.

 private:
  static std::size_t round_up(std::size_t n) { return (n + kPanelColumns - 1) / kPanelColumns * kPanelColumns; }
  static std::size_t pages(const ModelConfig& config) { return std::size_t{config.layers} * config.kv_heads; }
  std::size_t page(std::size_t layer, std::size_t head) const { return layer * kv_heads_ + head; }

  std::size_t head_width_;
  std::size_t kv_heads_;
  std::size_t padded_context_;
  std::size_t padded_head_width_;
  AlignedArray<std::int8_t> keys_;    // [layer, head] × packed [context, head_width]
  AlignedArray<std::int8_t> values_;  // [layer, head] × packed [head_width, context]
  AlignedArray<float> key_scales_;    // [layer, head, context]
  AlignedArray<float> value_scales_;  // [layer, head, context]
};

}  // namespace fz::model
