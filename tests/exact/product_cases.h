// Cases for the product kernels, shared by the backends that this CPU has and those that are emulated.
#pragma once

#include <gtest/gtest.h>

#include "model/packed_matrix.h"
#include "tests/exact/random_model.h"

namespace fz::test {

using ProductS8 = decltype(model::Kernels::product_s8);
using ProductS16 = decltype(model::Kernels::product_s16);

struct ProductCase {
  std::size_t rows;
  std::size_t columns;
  std::size_t depth;  ///< True depth; padded as the kernel wants it.
  bool is_extreme;    ///< All values of the largest magnitude.
};

inline std::vector<ProductCase> product_cases() {
  std::vector<ProductCase> cases;
  for (std::size_t rows : {1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 16, 17, 24, 31, 32, 33, 48}) {
    for (std::size_t columns : {1, 8, 15, 16, 17, 32, 40, 48}) {
      for (std::size_t depth : {4, 12, 64, 100, 192}) cases.push_back({rows, columns, depth, rows % 3 == 0});
    }
  }
  cases.push_back({5, 20, 8192, true});
  cases.push_back({3, 16, 65536, true});
  return cases;
}

inline std::int8_t random_int8(std::mt19937_64& random, bool is_extreme) {
  const int value = static_cast<int>(random() % 255) - 127;
  return static_cast<std::int8_t>(is_extreme ? (value < 0 ? -127 : 127) : value);
}

/// Compares both products with sums computed here in 64 bits; all values stay in int32, as section 1 proves.
inline void expect_products_equal(ProductS8 product_s8, ProductS16 product_s16) {
  std::mt19937_64 random(test_seed());
  for (const ProductCase& c : product_cases()) {
    SCOPED_TRACE(testing::Message() << c.rows << " x " << c.columns << " x " << c.depth << " extreme " << c.is_extreme);
    model::QuantizedMatrix b{static_cast<std::uint32_t>(c.columns), static_cast<std::uint32_t>(c.depth), {}, {}};
    for (std::size_t i = 0; i < c.columns * c.depth; ++i) b.weights.push_back(random_int8(random, c.is_extreme));
    b.scales.assign(c.columns, 1.0f);
    const model::QuantizedMatrix* parts[] = {&b};
    const model::PackedMatrix packed(parts);
    const std::size_t stride = packed.padded_outputs();
    AlignedArray<std::int8_t> a(c.rows * packed.depth());
    AlignedArray<std::int16_t> a16(c.rows * packed.depth());
    for (std::size_t m = 0; m < c.rows; ++m) {
      for (std::size_t k = 0; k < c.depth; ++k) {
        a[m * packed.depth() + k] = random_int8(random, c.is_extreme);
        // As attention weights, up to 16384, and no more of them than fit an int32; or as an adapter's middle.
        const bool is_weight = c.depth > 64 && c.depth <= model::kMaxKeysPerSum;
        std::int16_t& value = a16[m * packed.depth() + k];
        value = a[m * packed.depth() + k];
        if (is_weight) value = static_cast<std::int16_t>(c.is_extreme ? 16384 : random() % 16385);
        if (c.depth <= 64) value = static_cast<std::int16_t>(value * 258 + value % 2);  // ±32767 where it is ±127
      }
    }
    AlignedArray<std::uint8_t> scratch(model::product_scratch_bytes(c.rows, packed.depth()));
    AlignedArray<std::int32_t> c8(c.rows * stride), c16(c.rows * stride);
    product_s8(a.data(), c.rows, packed.operand(), c8.data(), stride, scratch.data());
    const std::size_t depth_used = (c.depth + 3) / 4 * 4;
    product_s16(a16.data(), packed.depth(), c.rows, packed.operand(), depth_used, c16.data(), stride);
    for (std::size_t m = 0; m < c.rows; ++m) {
      for (std::size_t n = 0; n < c.columns; ++n) {
        std::int64_t sum8 = 0, sum16 = 0;
        for (std::size_t k = 0; k < c.depth; ++k) {
          const std::int64_t weight = b.weights[n * c.depth + k];
          sum8 += a[m * packed.depth() + k] * weight;
          sum16 += a16[m * packed.depth() + k] * weight;
        }
        ASSERT_EQ(c8[m * stride + n], sum8) << "int8, row " << m << " column " << n;
        ASSERT_EQ(c16[m * stride + n], sum16) << "int16, row " << m << " column " << n;
      }
    }
  }
}

}  // namespace fz::test
