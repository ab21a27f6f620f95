// The codecs of bytes without a model: any bytes come back, damage is found or harmless.
#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "base/work_meter.h"
#include "shard/memory_codec.h"
#include "shard/quick_codec.h"
#include "support/expect_error.h"
#include "support/small_corpus.h"

namespace fz::shard {
namespace {

struct ByteCodec {
  const char* name;
  Bytes (*compress)(ByteSpan raw);
  Bytes (*decompress)(ByteSpan payload, std::uint32_t raw_bytes, const std::string& source);
  std::size_t most_of_one_byte;  // that a hundred of the same leave
};

template <memory::Contents kContents>
constexpr ByteCodec memory_codec(const char* name) {
  return {name, [](ByteSpan raw) { return memory_compress(raw, kContents); },
          [](ByteSpan payload, std::uint32_t raw_bytes, const std::string& source) {
            return memory_decompress(payload, raw_bytes, kContents, source);
          },
          5};
}

constexpr ByteCodec kCodecs[] = {memory_codec<memory::Contents::kText>("memory"),
                                 memory_codec<memory::Contents::kBinary>("binary_memory"),
                                 {"quick", quick_compress, quick_decompress, 8}};

class ByteCodecs : public testing::TestWithParam<ByteCodec> {
 protected:
  static Bytes compress(const Bytes& raw) { return GetParam().compress(raw); }
  static Bytes decompress(const Bytes& payload, std::size_t raw_bytes) {
    return GetParam().decompress(payload, static_cast<std::uint32_t>(raw_bytes), "test");
  }
  static Bytes round_trip(const Bytes& raw) {
    const Bytes payload = compress(raw);
    EXPECT_EQ(decompress(payload, raw.size()), raw);
    return payload;
  }
  static Bytes text_of(std::size_t size) {
    const std::string text = test::make_text(3, size);
    return Bytes(text.begin(), text.end());
  }
};

INSTANTIATE_TEST_SUITE_P(, ByteCodecs, testing::ValuesIn(kCodecs),
                         [](const auto& codec) { return std::string(codec.param.name); });

TEST_P(ByteCodecs, RoundTripOfAnyBytes) {
  std::mt19937 random(4);
  for (const std::size_t size : {1, 2, 100, 4095, 4097, 70000}) {
    Bytes noise(size);
    for (std::uint8_t& byte : noise) byte = static_cast<std::uint8_t>(random());
    EXPECT_LT(round_trip(noise).size(), size + size / 50 + 8);
    EXPECT_LT(round_trip(Bytes(size, 'a')).size(), GetParam().most_of_one_byte + size / 100);
  }
  const Bytes text = text_of(50000);
  EXPECT_LT(round_trip(text).size(), text.size() / 3);
}

TEST_P(ByteCodecs, TheMeterAdvancesWithTheBytes) {
  const Bytes raw = text_of(50000);
  const WorkScope work(50000);
  WorkMeter::expect_steps(50000);
  const Bytes payload = compress(raw);
  EXPECT_GT(WorkMeter::bytes(), 45000u);
  WorkMeter::expect_steps(50000);
  decompress(payload, 50000);
  EXPECT_GT(WorkMeter::bytes(), 45000u);
}

// A damaged payload throws or yields other bytes, which the block's hash finds; it never crashes.
TEST_P(ByteCodecs, DamagedPayloads) {
  const Bytes raw = text_of(3000);
  const Bytes payload = compress(raw);
  std::mt19937 random(6);
  for (int i = 0; i < 60; ++i) {
    Bytes damaged = payload;
    if (i % 3 == 0) damaged.resize(random() % damaged.size());
    if (!damaged.empty())
      damaged[i < 12 ? 0 : random() % damaged.size()] ^= static_cast<std::uint8_t>(1 + random() % 255);
    try {
      EXPECT_EQ(decompress(damaged, 3000).size(), raw.size());
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    }
  }
  test::expect_error(ErrorCode::kCorrupt, "test", [] { decompress(Bytes{}, 15); });
}

TEST(MemoryCodec, RefusesLanesThatCannotBe) {
  test::expect_error(ErrorCode::kCorrupt, "lanes",
                     [] { memory_decompress(Bytes{11}, 100000, memory::Contents::kText, "test"); });
  test::expect_error(ErrorCode::kCorrupt, "lanes", [] {
    memory_decompress(Bytes{4, 0, 0}, 15, memory::Contents::kText, "test");
  });
}

TEST(QuickCodec, RefusesOtherKindsOfPayload) {
  test::expect_error(ErrorCode::kCorrupt, "test: offset", [] { quick_decompress(Bytes{1, 0, 0}, 15, "test"); });
}

}  // namespace
}  // namespace fz::shard
