// Adapters as data: what is refused, and how near the integers come to what was trained.
#include "model/adapter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "model/adapter_quantize.h"
#include "tests/exact/random_adapter.h"
#include "tests/support/expect_error.h"

namespace fz::model {
namespace {

using test::expect_error;

const Model& small_model() {
  static const auto made = test::random_model(7, {300, 20, 2, 4, 2, 4, 36, 10, 0, 1e-5f, false});
  return *made;
}

TEST(Adapter, ShapesAreThoseOfTheProducts) {
  const ModelConfig& config = small_model().config;
  const auto shape = [&](AdapterTarget target) {
    const AdapterShape shape = adapter_shape(config, target);
    return std::pair(shape.inputs, shape.outputs);
  };
  EXPECT_EQ(shape(AdapterTarget::kQueryKeyValue), std::pair(20u, 32u));
  EXPECT_EQ(shape(AdapterTarget::kAttentionOutput), std::pair(16u, 20u));
  EXPECT_EQ(shape(AdapterTarget::kGateUp), std::pair(20u, 72u));
  EXPECT_EQ(shape(AdapterTarget::kDown), std::pair(36u, 20u));
}

TEST(Adapter, WhatIsOutsideTheLimitsIsRefused) {
  const auto refused = [](const std::string& text, const std::function<void(Adapter&)>& change) {
    Adapter adapter = *test::random_adapter(1, small_model(), 4, 13);
    change(adapter);
    expect_error(ErrorCode::kCorrupt, text, [&] { validate_adapter(adapter, small_model().config, "x.fza"); });
  };
  refused("rank is 0", [](Adapter& adapter) { adapter.rank = 0; });
  refused("rank is 65", [](Adapter& adapter) { adapter.rank = 65; });
  refused("A has", [](Adapter& adapter) { adapter.rank = 5; });
  refused("targets is 16", [](Adapter& adapter) { adapter.targets = 16; });
  refused("A has 0", [](Adapter& adapter) { adapter.targets = 15; });
  refused("A has 80", [](Adapter& adapter) { adapter.targets = 12; });
  refused("layers", [](Adapter& adapter) { adapter.layers.pop_back(); });
  refused("B has", [](Adapter& adapter) { adapter.layers[1][3].b.pop_back(); });
  refused("-128", [](Adapter& adapter) { adapter.layers[1][2].a[7] = -128; });
  refused("scales", [](Adapter& adapter) { adapter.layers[1][2].scales.pop_back(); });
  for (const float scale : {-1e-9f, 0.063f, std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN()}) {  // 32 / (127 · 4) = 0.06299…
    refused("scale", [=](Adapter& adapter) { adapter.layers[0][0].scales[3] = scale; });
  }
}

struct Trained {
  std::vector<float> a, b;
};

Trained trained(std::uint32_t rank, const AdapterShape& shape, double b_sigma) {
  std::mt19937_64 random(test::test_seed());
  std::normal_distribution<double> normal;
  Trained site{std::vector<float>(rank * shape.inputs), std::vector<float>(rank * shape.outputs)};
  for (float& value : site.a) value = static_cast<float>(0.05 * normal(random));
  // Columns of B of very different size.
  for (std::size_t i = 0; i < site.b.size(); ++i) {
    site.b[i] = static_cast<float>(b_sigma * std::pow(10.0, -static_cast<double>(i % rank)) * normal(random));
  }
  return site;
}

TEST(AdapterQuantize, ComesWithinHalfAStepOfWhatWasTrained) {
  const std::uint32_t rank = 6;
  const AdapterShape shape{40, 70};
  const Trained site = trained(rank, shape, 0.02);
  for (const double step_in_sigmas : {0.0, 0.05, 0.5, 1.0}) {
    const AdapterSite quantized = quantize_adapter_site({site.a, site.b}, rank, shape, step_in_sigmas);
    ASSERT_EQ(quantized.scales.size(), rank);
    for (std::uint32_t r = 0; r < rank; ++r) {
      const auto step_of = [&](const std::vector<float>& values, std::size_t begin, std::size_t stride,
                               std::size_t count) {
        double squares = 0, largest = 0;
        for (std::size_t i = 0; i < count; ++i) {
          const double value = values[begin + i * stride];
          squares += value * value;
          largest = std::max(largest, std::fabs(value));
        }
        return std::max(step_in_sigmas * std::sqrt(squares / static_cast<double>(count)), largest / 127);
      };
      const double a_step = step_of(site.a, r * shape.inputs, 1, shape.inputs);
      const double b_step = step_of(site.b, r, rank, shape.outputs);
      EXPECT_NEAR(quantized.scales[r], a_step * b_step, 1e-6 * a_step * b_step);
      for (std::uint32_t k = 0; k < shape.inputs; ++k) {
        const std::size_t i = r * shape.inputs + k;
        EXPECT_LE(std::fabs(quantized.a[i] * a_step - site.a[i]), 0.5001 * a_step);
      }
      for (std::uint32_t o = 0; o < shape.outputs; ++o) {
        const std::size_t i = o * rank + r;
        EXPECT_LE(std::fabs(quantized.b[i] * b_step - site.b[i]), 0.5001 * b_step);
      }
    }
  }
}

TEST(AdapterQuantize, GivesAlwaysWhatIsValid) {
  const Model& model = small_model();
  Adapter adapter;
  adapter.weights_hash = model.weights_hash;
  adapter.rank = 7;
  adapter.targets = kAllAdapterTargets;
  adapter.layers.resize(model.config.layers);
  for (auto& layer : adapter.layers) {
    for (const AdapterTarget target : kAdapterTargets) {
      const AdapterShape shape = adapter_shape(model.config, target);
      Trained site = trained(7, shape, 1e6);                                              // far too large: cut off
      if (target == AdapterTarget::kDown) std::fill(site.b.begin(), site.b.end(), 0.0f);  // not trained yet
      layer[index_of(target)] = quantize_adapter_site({site.a, site.b}, 7, shape, 0.5);
    }
  }
  validate_adapter(adapter, model.config, "quantized");
  EXPECT_EQ(adapter.layers[0][3].scales, std::vector<float>(7, 0.0f));
  EXPECT_GT(127.0 * 7 * adapter.layers[0][0].scales[0], kMaxAdapterGain * 0.999);
}

TEST(AdapterQuantize, RefusesADivergedTraining) {
  const AdapterShape shape{8, 12};
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    Trained site = trained(2, shape, 0.02);
    site.b[5] = bad;
    expect_error(ErrorCode::kUsage, "learning rate", [&] { quantize_adapter_site({site.a, site.b}, 2, shape, 0.5); });
  }
}

}  // namespace
}  // namespace fz::model
