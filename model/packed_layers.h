// The matrices of a model as the engine multiplies with them: packed, those of the same input as one, each with what an
// adapter adds to it. Owned by the Engine, read-only.
#pragma once

#include <array>
#include <initializer_list>
#include <vector>

#include "model/adapter_path.h"
#include "model/packed_matrix.h"

namespace fz::model {

/// A linear map, or several of the same input: the model's matrix and, beside it, what the adapter adds.
struct LinearMap {
  /// The parts have equal columns; their rows are stacked.
  LinearMap(std::initializer_list<const QuantizedMatrix*> parts, const PackedAdapterSite* adapter_site);

  PackedMatrix matrix;
  const PackedAdapterSite* adapter;  ///< Null: none.
};

struct PackedLayer {
  /// `adapter` may be null; else it must outlive the layer, which is the model's layer `index`.
  PackedLayer(const Layer& layer, const AdapterPath* adapter, std::size_t index);

  LinearMap query_key_value;
  LinearMap attention_output;
  LinearMap gate_up;
  LinearMap down;

  std::array<const LinearMap*, 4> maps() const { return {&query_key_value, &attention_output, &gate_up, &down}; }
};

/// `adapter`, which must outlive the result, may be null.
std::vector<PackedLayer> pack_layers(const Model& model, const AdapterPath* adapter);

}  // namespace fz::model
