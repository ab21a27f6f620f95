#include "model/packed_layers.h"

#include <span>

namespace fz::model {
namespace {

const PackedAdapterSite* site_of(const AdapterPath* adapter, std::size_t layer, AdapterTarget target) {
  return adapter == nullptr ? nullptr : adapter->site(layer, target);
}

}  // namespace

LinearMap::LinearMap(std::initializer_list<const QuantizedMatrix*> parts, const PackedAdapterSite* adapter_site)
    : matrix(std::span<const QuantizedMatrix* const>(parts.begin(), parts.size())), adapter(adapter_site) {}

PackedLayer::PackedLayer(const Layer& layer, const AdapterPath* adapter, std::size_t index)
    : query_key_value({&layer.query, &layer.key, &layer.value}, site_of(adapter, index, AdapterTarget::kQueryKeyValue)),
      attention_output({&layer.attention_output}, site_of(adapter, index, AdapterTarget::kAttentionOutput)),
      gate_up({&layer.gate, &layer.up}, site_of(adapter, index, AdapterTarget::kGateUp)),
      down({&layer.down}, site_of(adapter, index, AdapterTarget::kDown)) {}

std::vector<PackedLayer> pack_layers(const Model& model, const AdapterPath* adapter) {
  std::vector<PackedLayer> layers;
  layers.reserve(model.layers.size());
  for (const Layer& layer : model.layers) layers.emplace_back(layer, adapter, layers.size());
  return layers;
}

}  // namespace fz::model
