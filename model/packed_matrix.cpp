#include "model/packed_matrix.h"

#include "base/error.h"

namespace fz::model {

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
