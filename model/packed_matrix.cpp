#include "model/packed_matrix.h"

#include <sys/mman.h>

#include <new>

#include "base/error.h"

namespace fz::model {

void* allocate_aligned(std::size_t size_bytes) {
  // Weights and caches are read from end to end at every step; huge pages spare address translations. What that brings
  // has not been measured on an idle machine.
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  const std::size_t alignment = size_bytes >= kHugePage ? kHugePage : 64;
  const std::size_t rounded = (size_bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr) throw std::bad_alloc();
  if (alignment == kHugePage) ::madvise(memory, rounded, MADV_HUGEPAGE);
  return memory;
}

PackedMatrix::PackedMatrix(std::span<const QuantizedMatrix* const> parts, std::size_t depth_alignment) {
  for (const QuantizedMatrix* part : parts) outputs_ += part->rows;
  depth_ = (parts[0]->columns + depth_alignment - 1) / depth_alignment * depth_alignment;
  data_ = AlignedArray<std::int8_t>(padded_outputs() * depth_);
  column_sums_ = AlignedArray<std::int32_t>(padded_outputs());
  std::size_t output = 0;
  for (const QuantizedMatrix* part : parts) {
    FZ_CHECK(part->columns == parts[0]->columns);
    scales_.insert(scales_.end(), part->scales.begin(), part->scales.end());
    for (std::uint32_t row = 0; row < part->rows; ++row, ++output) {
      const std::int8_t* weights = part->weights.data() + std::size_t{row} * part->columns;
      std::int32_t sum = 0;
      for (std::uint32_t k = 0; k < part->columns; ++k) {
        data_[packed_offset(output, k, depth_)] = weights[k];
        sum += weights[k];
      }
      column_sums_[output] = sum;
    }
  }
}

}  // namespace fz::model
