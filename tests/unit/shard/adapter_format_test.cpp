// The bytes of an adapter: they come back, are near the entropy, and every damage and lie is refused.
#include "shard/adapter_format.h"

#include <gtest/gtest.h>

#include <cmath>

#include "shard/archive_format.h"
#include "tests/exact/random_adapter.h"
#include "tests/support/expect_error.h"

namespace fz::shard {
namespace {

using test::expect_error;
using test::random_adapter;
using test::random_model;

const model::Model& small_model() {
  static const auto made = random_model(7, {300, 20, 2, 4, 2, 4, 36, 10, 0, 1e-5f, false});
  return *made;
}

Bytes small_adapter(std::uint32_t rank = 3, std::uint32_t targets = 15) {
  return serialize_adapter(*random_adapter(1, small_model(), rank, targets));
}

std::shared_ptr<const model::Adapter> parse(const Bytes& bytes) {
  return parse_adapter(bytes, small_model().config, small_model().weights_hash, "x.fza");
}

/// With a check that fits: only what is inside can give it away.
Bytes with_check(Bytes bytes) {
  bytes.resize(bytes.size() - sizeof(Hash16));
  const Hash16 check = hash16(bytes);
  bytes.insert(bytes.end(), check.begin(), check.end());
  return bytes;
}

TEST(AdapterFormat, ComesBackAsItWas) {
  for (const std::uint32_t targets : {1u, 2u, 4u, 8u, 10u, 15u}) {
    for (const std::uint32_t rank : {1u, 4u, 17u, 64u}) {
      for (const bool extreme : {false, true}) {
        const auto adapter = random_adapter(rank, small_model(), rank, targets, extreme);
        const Bytes bytes = serialize_adapter(*adapter);
        EXPECT_EQ(*parse(bytes), *adapter);
        EXPECT_EQ(read_adapter_summary(bytes, "x"),
                  (AdapterSummary{static_cast<std::uint32_t>(bytes.size()), rank, targets, small_model().config.layers,
                                  small_model().weights_hash}));
      }
    }
  }
}

TEST(AdapterFormat, NamesItsTargets) {
  EXPECT_EQ(adapter_target_names(9), "query_key_value, down");
  EXPECT_EQ(adapter_target_names(6), "attention_output, gate_up");
}

TEST(AdapterFormat, EveryTruncationAndEveryFlippedBitIsRefused) {
  const Bytes bytes = small_adapter();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    expect_error(ErrorCode::kCorrupt, "x.fza", [&] { parse({bytes.begin(), bytes.begin() + size}); });
  }
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    Bytes flipped = bytes;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    expect_error(ErrorCode::kCorrupt, "x.fza", [&] { parse(flipped); });
    expect_error(ErrorCode::kCorrupt, "x.fza", [&] { read_adapter_summary(flipped, "x.fza"); });
  }
}

TEST(AdapterFormat, WhatLiesWithAFittingCheckIsRefused) {
  const auto refused = [](std::size_t offset, std::uint8_t value, ErrorCode code, const std::string& text) {
    Bytes bytes = small_adapter();
    bytes[offset] = value;
    expect_error(code, text, [&] { parse(with_check(bytes)); });
  };
  refused(0, 'G', ErrorCode::kCorrupt, "not an adapter");
  refused(4, 2, ErrorCode::kUnsupported, "version 2");
  refused(4, 0, ErrorCode::kCorrupt, "adapter_version 0");
  refused(6, 0, ErrorCode::kCorrupt, "rank");
  refused(6, 65, ErrorCode::kCorrupt, "rank");
  refused(6, 64, ErrorCode::kCorrupt, "truncated");  // more scales than there are bytes
  refused(7, 0, ErrorCode::kCorrupt, "targets");
  refused(7, 16, ErrorCode::kCorrupt, "targets");
  refused(8, 3, ErrorCode::kCorrupt, "layers");
  refused(11, 0xff, ErrorCode::kCorrupt, "layers");  // four billion of them
  refused(12, 1, ErrorCode::kCorrupt, "another size");
  refused(15, 1, ErrorCode::kCorrupt, "another size");
  refused(16, static_cast<std::uint8_t>(small_model().weights_hash[0] ^ 1), ErrorCode::kModel, "--model");
  for (const std::uint8_t high_byte : {0xbf, 0x7f, 0xff, 0x42}) {  // negative, infinite or NaN, NaN, too large
    Bytes bytes = small_adapter();
    bytes[48 + 2] = 0x80;
    bytes[48 + 3] = high_byte;
    expect_error(ErrorCode::kCorrupt, "scale", [&] { parse(with_check(bytes)); });
  }
}

TEST(AdapterFormat, AStreamOfNonsenseGivesAnAdapterOrAnError) {
  std::mt19937_64 random(test::test_seed());
  int errors = 0;
  for (int round = 0; round < 500; ++round) {
    Bytes bytes = small_adapter();
    const std::size_t stream = 48 + 4 * 3 * 4 * 2;
    for (std::size_t i = stream; i < bytes.size(); ++i)
      bytes[i] = static_cast<std::uint8_t>(round < 3 ? 0xff : random());
    try {
      model::validate_adapter(*parse(with_check(bytes)), small_model().config, "x");
    } catch (const Error& error) {
      EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(ErrorCode::kCorrupt));
      ++errors;
    }
  }
  EXPECT_GT(errors, 0);
}

/// Bits of all values together, by how often each occurs.
double entropy_bits(const std::vector<std::int8_t>& values) {
  std::array<double, 256> counts{};
  for (const std::int8_t value : values) ++counts[static_cast<std::uint8_t>(value)];
  double bits = 0;
  for (const double count : counts) {
    if (count > 0) bits -= count * std::log2(count / static_cast<double>(values.size()));
  }
  return bits;
}

TEST(AdapterFormat, IsAsSmallAsTheEntropyOfNormalValues) {
  const auto model = random_model(3, {257, 512, 1, 8, 8, 64, 512, 4, 0, 1e-5f, true});
  for (const double step_in_sigmas : {2.0, 1.0, 0.5, 0.1, 0.03}) {
    model::Adapter adapter = *random_adapter(1, *model, 32, 15);
    std::mt19937_64 random(5);
    std::normal_distribution<double> normal(0, 1 / step_in_sigmas);
    double bits = 0;
    double fixed_bytes = 64;
    for (model::AdapterSite& site : adapter.layers[0]) {
      for (auto* values : {&site.a, &site.b}) {
        for (std::int8_t& value : *values) {
          value = static_cast<std::int8_t>(std::clamp(std::nearbyint(normal(random)), -127.0, 127.0));
        }
        bits += entropy_bits(*values);
      }
      fixed_bytes += 4.0 * static_cast<double>(site.scales.size());
    }
    const double size_bytes = static_cast<double>(serialize_adapter(adapter).size()) - fixed_bytes;
    EXPECT_LT(size_bytes, 1.03 * bits / 8) << step_in_sigmas;
    EXPECT_GT(size_bytes, 0.99 * bits / 8) << step_in_sigmas;
  }
}

}  // namespace
}  // namespace fz::shard
