// A QuantizedMatrix reordered for the product kernels (kernels.h, packed_offset). Owned by the Engine, read-only.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned_array.h"
#include "model/kernels/kernels.h"
#include "model/model.h"

namespace fz::model {

class PackedMatrix {
 public:
  PackedMatrix() = default;
  /// Several matrices of equal columns, stacked by rows, become one (query, key and value; gate and up).
  /// `depth_alignment`: kDepthAlignment for product_s8; kPanelDepth is enough for product_s16.
  explicit PackedMatrix(std::span<const QuantizedMatrix* const> parts, std::size_t depth_alignment = kDepthAlignment);

  /// Rows of the matrix: columns of the product's result.
  std::size_t outputs() const { return outputs_; }
  /// `outputs` rounded up to whole panels: the stride of a result buffer.
  std::size_t padded_outputs() const { return (outputs_ + kPanelColumns - 1) / kPanelColumns * kPanelColumns; }
  /// Columns of the matrix padded to the alignment: the stride of the left operand.
  std::size_t depth() const { return depth_; }
  const float* scales() const { return scales_.data(); }
  std::size_t size_bytes() const { return data_.size(); }
  PackedOperand operand() const { return {data_.data(), column_sums_.data(), outputs_, depth_}; }

 private:
  std::size_t outputs_ = 0;
  std::size_t depth_ = 0;
  AlignedArray<std::int8_t> data_;
  AlignedArray<std::int32_t> column_sums_;
  std::vector<float> scales_;
};

}  // namespace fz::model
