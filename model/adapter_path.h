// The exact arithmetic of an adapter beside the engine's products (docs/numerics.md, part III). Owned by an Engine,
// read-only; each of the engine's threads brings its own scratch.
#pragma once

#include <memory>
#include <vector>

#include "model/adapter.h"
#include "model/kernels/kernels.h"
#include "model/packed_matrix.h"

namespace fz::model {

/// One target of one layer, packed for the kernels.
struct PackedAdapterSite {
  PackedMatrix a;  ///< [rank, inputs], with the scales.
  PackedMatrix b;  ///< [outputs, rank], depth padded to kPanelDepth.
};

/// What an adapter adds to the products of some rows, until it is added. Of one thread.
struct AdapterScratch {
  AdapterScratch() = default;
  /// `rows`: most at a time; `padded_outputs`: of the largest product.
  AdapterScratch(const Adapter& adapter, std::size_t rows, std::size_t padded_outputs);

  std::size_t size_bytes() const;

  AlignedArray<std::int32_t> narrow;    // [rows, rank rounded up to kPanelColumns]
  AlignedArray<float> middle;           // [rank]
  AlignedArray<std::int16_t> integers;  // [rows, rank rounded up to kPanelDepth]
  AlignedArray<std::int32_t> result;    // [rows, padded outputs]
  std::vector<float> scales;            // [rows]
};

class AdapterPath {
 public:
  /// An adapter that validate_adapter has passed.
  AdapterPath(std::shared_ptr<const Adapter> adapter, const ModelConfig& config);

  const Adapter& adapter() const { return *adapter_; }
  /// Null where the adapter has no such target.
  const PackedAdapterSite* site(std::size_t layer, AdapterTarget target) const;
  std::size_t size_bytes() const;

  /// What the site adds to the product of the rows, into `scratch`. `inputs`: [rows, site.a.depth()], as the model's
  /// own product takes it; `product_scratch` likewise.
  void multiply(const Kernels& kernels, const PackedAdapterSite& site, const std::int8_t* inputs,
                const float* input_scales, std::size_t rows, void* product_scratch, AdapterScratch& scratch) const;
  /// Adds what multiply() has left for this row to y[outputs].
  void add_row(const Kernels& kernels, const PackedAdapterSite& site, const AdapterScratch& scratch, std::size_t row,
               float* y) const;

 private:
  std::shared_ptr<const Adapter> adapter_;
  std::vector<std::array<std::unique_ptr<const PackedAdapterSite>, kAdapterTargets.size()>> layers_;
};

}  // namespace fz::model
