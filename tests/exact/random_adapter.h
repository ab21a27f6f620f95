// Adapters with random integers for the models of random_model.h.
#pragma once

#include "model/adapter.h"
#include "tests/exact/random_model.h"

namespace fz::test {

inline std::vector<std::int8_t> random_integers(std::mt19937_64& random, std::size_t count, bool extreme) {
  std::vector<std::int8_t> integers;
  for (std::size_t i = 0; i < count; ++i) {
    const int value = static_cast<int>(random() % 255) - 127;
    integers.push_back(static_cast<std::int8_t>(extreme ? (value < 0 ? -127 : 127) : value));
  }
  return integers;
}

/// `extreme`: largest integers and largest scales; otherwise scales such that the change is felt and the model is not
/// drowned.
inline std::shared_ptr<const model::Adapter> random_adapter(std::uint64_t seed, const model::Model& model,
                                                            std::uint32_t rank, std::uint32_t targets,
                                                            bool extreme = false) {
  std::mt19937_64 random(seed);
  auto made = std::make_shared<model::Adapter>();
  made->weights_hash = model.weights_hash;
  made->rank = rank;
  made->targets = targets;
  made->layers.resize(model.config.layers);
  for (auto& layer : made->layers) {
    for (const model::AdapterTarget target : model::kAdapterTargets) {
      if (!made->has(target)) continue;
      const model::AdapterShape shape = model::adapter_shape(model.config, target);
      model::AdapterSite& site = layer[model::index_of(target)];
      site.a = random_integers(random, std::size_t{rank} * shape.inputs, extreme);
      site.b = random_integers(random, std::size_t{rank} * shape.outputs, extreme);
      const float largest = static_cast<float>(model::kMaxAdapterGain / (128.0 * rank));
      for (std::uint32_t r = 0; r < rank; ++r) {
        const float scale = static_cast<float>(random() % 1000) * 1e-7f;
        site.scales.push_back(extreme ? largest : r % 5 == 3 ? 0.0f : scale);
      }
    }
  }
  model::validate_adapter(*made, model.config, "random adapter");
  return made;
}

}  // namespace fz::test
