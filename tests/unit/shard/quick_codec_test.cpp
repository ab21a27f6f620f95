#include "shard/quick_codec.h"

#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "base/work_meter.h"
#include "support/expect_error.h"
#include "support/small_corpus.h"

namespace fz::shard {
namespace {

Bytes bytes_of(const std::string& text) {
  return Bytes(text.begin(), text.end());
}

Bytes round_trip(const Bytes& raw) {
  const Bytes payload = quick_compress(raw);
  EXPECT_EQ(quick_decompress(payload, static_cast<std::uint32_t>(raw.size()), "test"), raw);
  return payload;
}

TEST(QuickCodec, RoundTripOfAnyBytes) {
  std::mt19937 random(4);
  for (const std::size_t size : {1, 2, 100, 4095, 4097, 70000}) {
    Bytes noise(size);
    for (std::uint8_t& byte : noise) byte = static_cast<std::uint8_t>(random());
    EXPECT_LT(round_trip(noise).size(), size + size / 50 + 8);
    EXPECT_LT(round_trip(Bytes(size, 'a')).size(), 8 + size / 100);
  }
  const Bytes text = bytes_of(test::make_text(3, 50000));
  EXPECT_LT(round_trip(text).size(), text.size() / 3);
}

TEST(QuickCodec, TheMeterAdvancesWithTheBytes) {
  const Bytes raw = bytes_of(test::make_text(3, 50000));
  const WorkScope work(50000);
  WorkMeter::expect_steps(50000);
  const Bytes payload = quick_compress(raw);
  EXPECT_GT(WorkMeter::bytes(), 45000u);
  WorkMeter::expect_steps(50000);
  quick_decompress(payload, 50000, "test");
  EXPECT_GT(WorkMeter::bytes(), 45000u);
}

// A damaged payload throws or yields other bytes, which the block's hash finds; it never crashes.
TEST(QuickCodec, DamagedPayloads) {
  const Bytes raw = bytes_of(test::make_text(3, 3000));
  const Bytes payload = quick_compress(raw);
  std::mt19937 random(6);
  for (int i = 0; i < 60; ++i) {
    Bytes damaged = payload;
    if (i % 3 == 0) damaged.resize(random() % damaged.size());
    if (!damaged.empty())
      damaged[i < 12 ? 0 : random() % damaged.size()] ^= static_cast<std::uint8_t>(1 + random() % 255);
    try {
      EXPECT_EQ(quick_decompress(damaged, 3000, "test").size(), raw.size());
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    }
  }
  test::expect_error(ErrorCode::kCorrupt, "test: offset", [] { quick_decompress(Bytes{1, 0, 0}, 15, "test"); });
  test::expect_error(ErrorCode::kCorrupt, "test", [] { quick_decompress(Bytes{}, 15, "test"); });
}

}  // namespace
}  // namespace fz::shard
