// Keys and values of lanes' current chunks for all layers: int8 in the packed order of the product kernels, one scale
// per token and head, written once (docs/numerics.md, section 6). Plain data; a cache is used by one thread at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/aligned_array.h"
#include "model/kernels/kernels.h"
#include "model/model.h"

namespace fz::model {

/// Sizes that all caches of a model share.
struct KvShape {
  explicit KvShape(const ModelConfig& config)
      : head_width(config.head_width),
        kv_heads(config.kv_heads),
        padded_context(round_up(config.context)),
        page_bytes(round_up(head_width * padded_context) + round_up(head_width) * padded_context +
                   2 * padded_context * sizeof(float)),
        cache_bytes(page_bytes * config.layers * config.kv_heads) {}

  static std::size_t round_up(std::size_t n) { return (n + kPanelColumns - 1) / kPanelColumns * kPanelColumns; }

  std::size_t head_width;
  std::size_t kv_heads;
  std::size_t padded_context;
  std::size_t page_bytes;  ///< Of one layer and head: keys, values, key scales, value scales; a multiple of 64.
  std::size_t cache_bytes;
};

/// One lane's cache: a view of memory that a KvCachePool owns.
class KvCache {
 public:
  KvCache(const KvShape& shape, std::uint8_t* memory) : shape_(&shape), memory_(memory) {}

  /// Right operand of query · key: [keys, head_width].
  PackedOperand keys(std::size_t layer, std::size_t head, std::size_t count) const {
    return {page_keys(layer, head), nullptr, count, shape_->head_width};
  }
  /// Right operand of weights · values: [head_width, keys].
  PackedOperand values(std::size_t layer, std::size_t head) const {
    return {page_values(layer, head), nullptr, shape_->head_width, shape_->padded_context};
  }
  const float* key_scales(std::size_t layer, std::size_t head) const { return page_scales(layer, head); }
  const float* value_scales(std::size_t layer, std::size_t head) const {
    return page_scales(layer, head) + shape_->padded_context;
  }

  void write(std::size_t layer, std::size_t head, std::size_t at, const std::int8_t* key, float key_scale,
             const std::int8_t* value, float value_scale) {
    // Within a panel a key's groups of 4 lie a line of 64 bytes apart, and so do a value's groups of 16 columns.
    const std::size_t head_width = shape_->head_width;
    std::int8_t* keys = page_keys(layer, head) + packed_offset(at, 0, head_width);
    std::size_t c = 0;
    for (; c + kPanelDepth <= head_width; c += kPanelDepth) std::memcpy(keys + c * kPanelColumns, key + c, kPanelDepth);
    for (; c < head_width; ++c) keys[packed_offset(0, c, head_width)] = key[c];
    std::int8_t* panel = page_values(layer, head) + packed_offset(0, at, shape_->padded_context);
    for (c = 0; c < head_width; c += kPanelColumns, panel += shape_->padded_context * kPanelColumns) {
      const std::size_t columns = std::min(kPanelColumns, head_width - c);
      for (std::size_t i = 0; i < columns; ++i) panel[i * kPanelDepth] = value[c + i];
    }
    page_scales(layer, head)[at] = key_scale;
    page_scales(layer, head)[shape_->padded_context + at] = value_scale;
  }

  std::size_t position = 0;  ///< Tokens written since the last restart.

 private:
  std::uint8_t* page(std::size_t layer, std::size_t head) const {
    return memory_ + (layer * shape_->kv_heads + head) * shape_->page_bytes;
  }
  std::int8_t* page_keys(std::size_t layer, std::size_t head) const {
    return reinterpret_cast<std::int8_t*>(page(layer, head));
  }
  std::int8_t* page_values(std::size_t layer, std::size_t head) const {
    return page_keys(layer, head) + KvShape::round_up(shape_->head_width * shape_->padded_context);
  }
  float* page_scales(std::size_t layer, std::size_t head) const {
    return reinterpret_cast<float*>(page(layer, head) + shape_->page_bytes) - 2 * shape_->padded_context;
  }

  const KvShape* shape_;
  std::uint8_t* memory_;  // [layer, head] × page
};

/// Caches for a number of lanes in one piece of memory, so that it can lie in huge pages. Does not move.
class KvCachePool {
 public:
  KvCachePool(const ModelConfig& config, std::size_t count) : shape_(config), memory_(shape_.cache_bytes * count) {
    for (std::size_t i = 0; i < count; ++i) caches_.emplace_back(shape_, memory_.data() + i * shape_.cache_bytes);
  }
  KvCachePool(const KvCachePool&) = delete;
  KvCachePool& operator=(const KvCachePool&) = delete;

  KvCache& operator[](std::size_t lane) { return caches_[lane]; }

 private:
  KvShape shape_;
  AlignedArray<std::uint8_t> memory_;
  std::vector<KvCache> caches_;
};

}  // namespace fz::model
