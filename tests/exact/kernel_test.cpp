// Every kernel of every backend against the scalar definition: random values, the largest magnitudes, odd sizes.
#include <gtest/gtest.h>

#include "model/backend.h"
#include "tests/exact/product_cases.h"

namespace fz::model {
namespace {

using test::expect_products_equal;
using test::test_seed;

/// Floats of many magnitudes, with zeros of both signs and ties.
std::vector<float> random_floats(std::mt19937_64& random, std::size_t n, float magnitude) {
  std::vector<float> values;
  for (std::size_t i = 0; i < n; ++i) {
    const float unit = static_cast<float>(static_cast<std::int64_t>(random() % 2000001) - 1000000) / 1000000.0f;
    const std::uint64_t kind = random() % 16;
    values.push_back(kind == 0   ? 0.0f
                     : kind == 1 ? -0.0f
                     : kind == 2 ? magnitude
                     : kind == 3 ? -magnitude
                                 : unit * magnitude);
  }
  return values;
}

constexpr float kMagnitudes[] = {0.0f, 1e-42f, 1e-32f, 7.9e-31f, 1e-20f, 1.0f, 30.0f, 1e5f, 8e12f, 1e33f};
constexpr std::size_t kSizes[] = {1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 256, 511, 704, 1000};

class KernelTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    for (const Backend& backend : backends()) {
      if (backend.name != GetParam()) continue;
      if (!backend.is_available) GTEST_SKIP() << "this CPU lacks " << backend.name;
      kernels_ = backend.kernels;
    }
    ASSERT_NE(kernels_, nullptr);
    std::printf("seed %llu (FZ_TEST_SEED)\n", static_cast<unsigned long long>(test_seed()));
  }

  /// Calls body(random, size, magnitude) over sizes and magnitudes.
  template <typename Body>
  void sweep(const Body& body) {
    std::mt19937_64 random(test_seed());
    for (std::size_t size : kSizes) {
      for (float magnitude : kMagnitudes) body(random, size, magnitude);
    }
  }

  const Kernels* kernels_ = nullptr;
  const Kernels& scalar_ = scalar_kernels();
};

// Compares as bits: −0 and 0 differ.
void expect_same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(a[i]), std::bit_cast<std::uint32_t>(b[i]))
        << "index " << i << ": " << a[i] << " " << b[i];
  }
}

TEST_P(KernelTest, Products) {
  expect_products_equal(kernels_->product_s8, kernels_->product_s16);
}

TEST_P(KernelTest, Quantize) {
  sweep([&](std::mt19937_64& random, std::size_t n, float magnitude) {
    const std::vector<float> x = random_floats(random, n, magnitude);
    std::vector<std::int8_t> q1(n), q2(n);
    const float s1 = scalar_.quantize(x.data(), n, q1.data());
    const float s2 = kernels_->quantize(x.data(), n, q2.data());
    expect_same_bits({s1}, {s2});
    ASSERT_EQ(q1, q2);
  });
}

TEST_P(KernelTest, RmsNorm) {
  sweep([&](std::mt19937_64& random, std::size_t n, float magnitude) {
    const std::vector<float> x = random_floats(random, n, magnitude);
    const std::vector<float> gain = random_floats(random, n, 4096.0f);
    for (float epsilon : {1e-6f, 1e-5f, 1.0f}) {
      std::vector<float> y1(n), y2(n);
      scalar_.rms_norm(x.data(), gain.data(), epsilon, n, y1.data());
      kernels_->rms_norm(x.data(), gain.data(), epsilon, n, y2.data());
      expect_same_bits(y1, y2);
    }
  });
}

TEST_P(KernelTest, Dequantize) {
  sweep([&](std::mt19937_64& random, std::size_t n, float magnitude) {
    std::vector<std::int32_t> acc(n);
    for (auto& value : acc) value = static_cast<std::int32_t>(random());
    const std::vector<float> scales = random_floats(random, n, 1.0f);
    const float scale = magnitude > 1e20f ? 1e10f : magnitude;
    std::vector<float> y1 = random_floats(random, n, 100.0f), y2 = y1;
    scalar_.dequantize_add(acc.data(), scale, scales.data(), n, y1.data());
    kernels_->dequantize_add(acc.data(), scale, scales.data(), n, y2.data());
    expect_same_bits(y1, y2);
    scalar_.dequantize(acc.data(), scale, scales.data(), n, y1.data());
    kernels_->dequantize(acc.data(), scale, scales.data(), n, y2.data());
    expect_same_bits(y1, y2);
  });
}

TEST_P(KernelTest, Rope) {
  sweep([&](std::mt19937_64& random, std::size_t pairs, float magnitude) {
    std::vector<float> x1 = random_floats(random, 2 * pairs, magnitude), x2 = x1;
    const std::vector<float> cosine = random_floats(random, pairs, 1.0f);
    const std::vector<float> sine = random_floats(random, pairs, 1.0f);
    scalar_.rope(x1.data(), cosine.data(), sine.data(), pairs);
    kernels_->rope(x2.data(), cosine.data(), sine.data(), pairs);
    expect_same_bits(x1, x2);
  });
}

TEST_P(KernelTest, AttentionWeights) {
  sweep([&](std::mt19937_64& random, std::size_t n, float magnitude) {
    std::vector<std::int32_t> scores(n);
    for (auto& score : scores) score = static_cast<std::int32_t>(random() % 8000000) - 4000000;
    std::vector<float> key_scales = random_floats(random, n, 0.01f);
    std::vector<float> value_scales = random_floats(random, n, magnitude > 1e30f ? 1e12f : magnitude);
    for (float& scale : key_scales) scale = std::fabs(scale);
    for (float& scale : value_scales) scale = std::fabs(scale);
    for (float query_scale : {0.0f, 1e-5f, 1e-3f, 1.0f}) {
      std::vector<float> scratch(n);
      std::vector<std::int16_t> w1(n), w2(n);
      const float f1 = scalar_.attention_weights(scores.data(), query_scale, key_scales.data(), value_scales.data(), n,
                                                 scratch.data(), w1.data());
      const float f2 = kernels_->attention_weights(scores.data(), query_scale, key_scales.data(), value_scales.data(),
                                                   n, scratch.data(), w2.data());
      expect_same_bits({f1}, {f2});
      ASSERT_EQ(w1, w2);
      for (std::int16_t weight : w1) ASSERT_TRUE(weight >= 0 && weight <= kAttentionWeightOne);
    }
  });
}

TEST_P(KernelTest, GatedUnit) {
  sweep([&](std::mt19937_64& random, std::size_t n, float magnitude) {
    const float bounded = magnitude > 1e13f ? 8e12f : magnitude;
    const std::vector<float> gate = random_floats(random, n, bounded);
    const std::vector<float> up = random_floats(random, n, bounded);
    std::vector<float> h1(n), h2(n);
    scalar_.gated_unit(gate.data(), up.data(), n, h1.data());
    kernels_->gated_unit(gate.data(), up.data(), n, h2.data());
    expect_same_bits(h1, h2);
  });
}

TEST_P(KernelTest, FrequenciesAndRanks) {
  sweep([&](std::mt19937_64& random, std::size_t n, float magnitude) {
    const std::vector<float> logits = random_floats(random, n, magnitude > 1e13f ? 8e12f : magnitude);
    std::vector<std::uint32_t> f1(n), f2(n);
    std::vector<std::uint64_t> s1((n + 63) / 64), s2(s1.size());
    scalar_.frequencies(logits.data(), n, f1.data(), s1.data());
    kernels_->frequencies(logits.data(), n, f2.data(), s2.data());
    ASSERT_EQ(f1, f2);
    ASSERT_EQ(s1, s2);
    for (std::uint32_t frequency : f1) ASSERT_TRUE(frequency >= 1 && frequency <= kFrequencyOne);
    std::vector<bool> seen(n);
    for (std::size_t token = 0; token < n; ++token) {
      const std::uint32_t rank = scalar_.rank(logits.data(), n, token);
      ASSERT_EQ(rank, kernels_->rank(logits.data(), n, token));
      ASSERT_FALSE(seen[rank]);  // a permutation
      seen[rank] = true;
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Backends, KernelTest, testing::Values("scalar", "avx2", "avx512vnni", "amx"),
                         [](const auto& info) { return std::string(info.param); });

// The definition itself at the limits that docs/numerics.md names; random values never meet them.
TEST(ScalarDefinition, VectorsBelowTinyAreZero) {
  const float tiny = 0x1.0p-100f;
  std::int8_t q = 1;
  EXPECT_EQ(scalar_kernels().quantize(&tiny, 1, &q), tiny / 127.0f);
  EXPECT_EQ(q, 127);
  const float below = std::nextafter(tiny, 0.0f);
  EXPECT_EQ(scalar_kernels().quantize(&below, 1, &q), 0.0f);
  EXPECT_EQ(q, 0);
  const float gain = 1.0f;
  float y = 1;
  scalar_kernels().rms_norm(&below, &gain, 1e-5f, 1, &y);
  EXPECT_EQ(y, 0.0f);
}

TEST(ScalarDefinition, Exp2IsClampedAt125) {
  const float gate = -100.0f;  // exp2 of 144.3
  const float up = 1.0f;
  float h = 0;
  scalar_kernels().gated_unit(&gate, &up, 1, &h);
  EXPECT_EQ(h, -100.0f * 0x1.0p-125f);
}

TEST(KernelCoverage, EveryBackendIsTested) {
  std::vector<std::string_view> names;
  for (const Backend& backend : backends()) names.push_back(backend.name);
  EXPECT_EQ(names, (std::vector<std::string_view>{"scalar", "avx2", "avx512vnni", "amx"}))
      << "add the new backend to the list above and to engine_test.cpp";
}

}  // namespace
}  // namespace fz::model
