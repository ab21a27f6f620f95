// A QuantizedMatrix reordered for the product kernels (kernels.h, packed_offset). Owned by the Engine, read-only.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "model/kernels/kernels.h"
#include "model/model.h"

namespace fz::model {

/// At least 64-byte aligned; large blocks ask for huge pages. Freed by std::free. Throws std::bad_alloc.
void* allocate_aligned(std::size_t size_bytes);

/// A zeroed array on a 64-byte boundary, as the vector kernels want it.
template <typename T>
class AlignedArray {
 public:
  AlignedArray() = default;
  explicit AlignedArray(std::size_t size) : size_(size) {
    data_.reset(static_cast<T*>(allocate_aligned(size * sizeof(T))));
    std::uninitialized_value_construct_n(data_.get(), size);
  }
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return data_.get()[i]; }
  const T& operator[](std::size_t i) const { return data_.get()[i]; }

 private:
  struct Free {
    void operator()(T* pointer) const { std::free(pointer); }
  };
  std::unique_ptr<T, Free> data_;
  std::size_t size_ = 0;
};

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
