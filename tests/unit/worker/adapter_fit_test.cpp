#include "worker/adapter_fit.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "model/adapter.h"
#include "shard/adapter_format.h"
#include "tests/unit/model/small_model.h"

namespace fz::worker {
namespace {

FormedAdapter of_size(const AdapterForm& form, double total_bytes) {
  return {form, {}, 0, total_bytes};
}

TEST(AdapterFit, FindsWhereTheSumIsSmallest) {
  // Each halving of the numbers' bits or of the components halves the adapter, and costs text.
  const auto fitted = [](double text_bytes) {
    return fit_adapter(8, model::kAllAdapterTargets,
                       [&](const AdapterForm& form) {
                         const double adapter_bytes =
                             250 * form.rank * std::popcount(form.targets) * (2 - std::log2(form.step_in_sigmas));
                         // One of the targets helps nobody.
                         const double help =
                             std::popcount(form.targets & ~bit_of(model::AdapterTarget::kAttentionOutput)) / 3.0;
                         return of_size(
                             form, adapter_bytes + text_bytes * (1 - 0.01 * help * form.rank / form.step_in_sigmas));
                       })
        .form;
  };
  const AdapterForm of_much_text = fitted(1e7);
  EXPECT_EQ(of_much_text.rank, 8u);
  EXPECT_EQ(of_much_text.step_in_sigmas, 0.5);
  EXPECT_EQ(of_much_text.targets, model::kAllAdapterTargets & ~bit_of(model::AdapterTarget::kAttentionOutput));
  const AdapterForm of_little_text = fitted(1e3);
  EXPECT_EQ(of_little_text.rank, 1u);
  EXPECT_EQ(of_little_text.step_in_sigmas, 2);
  EXPECT_EQ(std::popcount(of_little_text.targets), 1);
}

TEST(AdapterFit, TriesNoFormTwiceAndFewInAll) {
  int tried = 0;
  fit_adapter(64, model::kAllAdapterTargets, [&](const AdapterForm& form) { return of_size(form, 100.0 - ++tried); });
  EXPECT_EQ(tried, 1 + 2 + 6 + 3);
  tried = 0;
  fit_adapter(64, model::kAllAdapterTargets, [&](const AdapterForm& form) { return of_size(form, 100.0 + ++tried); });
  EXPECT_EQ(tried, 1 + 1 + 1 + 4);
  tried = 0;
  EXPECT_EQ(fit_adapter(1, 1, [&](const AdapterForm& form) { return of_size(form, 100.0 + ++tried); }).form.rank, 1u);
  EXPECT_EQ(tried, 1 + 1);
}

TEST(AdapterFit, KeepsTheFirstComponents) {
  const model::Model& model = model::small_model();
  constexpr std::uint32_t kRank = 4;
  std::vector<model::TrainedProduct> products;
  for (std::uint32_t layer = 0; layer < model.config.layers; ++layer) {
    for (const model::AdapterTarget target : model::kAdapterTargets) {
      const model::AdapterShape shape = adapter_shape(model.config, target);
      model::TrainedProduct product;
      if (target != model::AdapterTarget::kDown) {
        // Component r is r + 1 everywhere: after quantization its integers are 1 and its scale says which it is.
        for (std::uint32_t r = 0; r < kRank; ++r) product.a.insert(product.a.end(), shape.inputs, 1e-3f * (r + 1));
        for (std::uint32_t o = 0; o < shape.outputs; ++o) {
          for (std::uint32_t r = 0; r < kRank; ++r) product.b.push_back(1e-3f * (r + 1));
        }
      }
      products.push_back(product);
    }
  }
  const std::uint32_t targets = model::kAllAdapterTargets & ~bit_of(model::AdapterTarget::kDown);
  std::size_t size_bytes = 0;
  for (const std::uint32_t rank : {1u, 3u, 4u}) {
    const Bytes bytes = make_adapter(model, products, {rank, targets, 1});
    const auto adapter = shard::parse_adapter(bytes, model.config, model.weights_hash, "adapter");
    EXPECT_EQ(adapter->rank, rank);
    EXPECT_EQ(adapter->targets, targets);
    for (const auto& layer : adapter->layers) {
      const model::AdapterSite& site = layer[index_of(model::AdapterTarget::kGateUp)];
      ASSERT_EQ(site.scales.size(), rank);
      for (std::uint32_t r = 0; r < rank; ++r) {
        const float component = 1e-3f * (r + 1);
        EXPECT_NEAR(site.scales[r] * static_cast<float>(site.a[r * site.a.size() / rank] * site.b[r]),
                    component * component, 1e-9f);
      }
    }
    EXPECT_GT(bytes.size(), size_bytes);
    size_bytes = bytes.size();
  }
}

}  // namespace
}  // namespace fz::worker
