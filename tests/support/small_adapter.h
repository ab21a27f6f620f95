// Serialized adapters for the fake model, which looks at nothing but their hash.
#pragma once

#include "model/adapter.h"
#include "shard/adapter_format.h"

namespace fz::test {

/// `weights` as in FakeTextCodec; adapters of different seeds differ.
inline Bytes small_adapter(std::uint32_t seed = 1, std::uint8_t weights = 1) {
  model::Adapter adapter;
  adapter.weights_hash.fill(weights);
  adapter.rank = 2;
  adapter.targets = model::bit_of(model::AdapterTarget::kQueryKeyValue) | model::bit_of(model::AdapterTarget::kDown);
  adapter.layers.resize(2);
  for (auto& layer : adapter.layers) {
    for (const model::AdapterTarget target : model::kAdapterTargets) {
      if (!adapter.has(target)) continue;
      model::AdapterSite& site = layer[model::index_of(target)];
      for (std::uint32_t i = 0; i < 200; ++i) {
        seed = seed * 1664525u + 1013904223u;
        (i % 2 == 0 ? site.a : site.b).push_back(static_cast<std::int8_t>(static_cast<int>((seed >> 8) % 255) - 127));
      }
      site.scales = {0.001f, 0.002f};
    }
  }
  return shard::serialize_adapter(adapter);
}

}  // namespace fz::test
