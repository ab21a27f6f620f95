// The language-model codec end to end: lossless on any bytes, and the same payload whatever computes it.
#include <gtest/gtest.h>

#include <random>

#include "base/work_meter.h"
#include "model/backend.h"
#include "model/embedded_model.h"
#include "model/model_file.h"
#include "shard/adapter_format.h"
#include "shard/archive_format.h"
#include "shard/lanes.h"
#include "shard/language_model_codec.h"
#include "shard/token_block.h"
#include "support/temporary_directory.h"
#include "tests/exact/random_adapter.h"

namespace fz::shard {
namespace {

using test::random_model;
using test::test_seed;

Bytes bytes_of(std::string_view text) {
  const ByteSpan span = as_byte_span(text);
  return {span.begin(), span.end()};
}

/// Text with some structure, from arithmetic alone.
Bytes sample_text(std::size_t size_bytes, std::uint64_t seed) {
  static constexpr std::string_view kWords[] = {"the ",    "archive ", "decodes ", "to ",   "same\n",
                                                "bytes, ", "0x3f ",    "{}\t",     "größe "};
  std::mt19937_64 random(seed);
  Bytes text;
  while (text.size() < size_bytes) {
    for (char c : kWords[random() % std::size(kWords)]) text.push_back(static_cast<std::uint8_t>(c));
  }
  text.resize(size_bytes);
  return text;
}

std::shared_ptr<const model::Model> small_model() {
  static const auto made = random_model(7, {1000, 32, 2, 4, 2, 8, 48, 24, 0, 1e-5f, false});
  return made;
}

class CodecTest : public testing::TestWithParam<TokenCoder> {
 protected:
  static Bytes decode(LanguageModelCodec& codec, const Bytes& payload, std::size_t raw_bytes) {
    return codec.decode_one({payload, static_cast<std::uint32_t>(raw_bytes), model_codec(GetParam()), "test"});
  }
  static void expect_round_trip(LanguageModelCodec& codec, const Bytes& raw) {
    const Bytes payload = codec.encode_one(raw, {GetParam()});
    EXPECT_EQ(decode(codec, payload, raw.size()), raw);
  }
};

TEST_P(CodecTest, RoundTripOfAnyBytes) {
  const auto pool = std::make_shared<ThreadPool>(2);
  LanguageModelCodec codec(small_model(), pool);
  std::mt19937_64 random(test_seed());
  expect_round_trip(codec, {});
  expect_round_trip(codec, {0});
  expect_round_trip(codec, bytes_of("<|bos|>"));
  for (std::size_t size : {1, 23, 24, 25, 95, 96, 97, 1000, 5000}) {
    Bytes noise(size);
    for (std::uint8_t& byte : noise) byte = static_cast<std::uint8_t>(random());
    expect_round_trip(codec, noise);
    expect_round_trip(codec, sample_text(size, test_seed()));
    expect_round_trip(codec, Bytes(size, 'a'));
  }
}

TEST_P(CodecTest, PayloadIsTheSameForAllBackendsAndThreads) {
  const Bytes raw = sample_text(6000, 3);
  const auto one = std::make_shared<ThreadPool>(1), three = std::make_shared<ThreadPool>(3);
  LanguageModelCodec reference(small_model(), one, "scalar");
  const Bytes expected = reference.encode_one(raw, {GetParam()});
  for (const model::Backend& backend : model::backends()) {
    if (!backend.is_available) continue;
    for (const std::shared_ptr<ThreadPool>& pool : {one, three}) {
      SCOPED_TRACE(testing::Message() << backend.name << ", " << pool->threads() << " threads");
      LanguageModelCodec codec(small_model(), pool, std::string(backend.name));
      EXPECT_EQ(codec.encode_one(raw, {GetParam()}), expected);
      EXPECT_EQ(decode(codec, expected, raw.size()), raw);
    }
  }
}

// Blocks that go through the model together, of different lengths and lanes, are what they are alone.
TEST_P(CodecTest, BlocksTogetherAreTheSameAsAlone) {
  std::vector<Bytes> raws = {sample_text(6000, 3), sample_text(1, 4), sample_text(900, 5), sample_text(3000, 6)};
  const std::vector<ByteSpan> spans(raws.begin(), raws.end());
  for (const int threads : {1, 3, 7}) {
    SCOPED_TRACE(testing::Message() << threads << " threads");
    LanguageModelCodec codec(small_model(), std::make_shared<ThreadPool>(threads));
    const std::vector<Bytes> payloads = codec.encode(spans, {GetParam()});
    std::vector<StoredPayload> stored;
    for (std::size_t i = 0; i < raws.size(); ++i) {
      EXPECT_EQ(payloads[i], codec.encode_one(raws[i], {GetParam()}));
      stored.push_back({payloads[i], static_cast<std::uint32_t>(raws[i].size()), model_codec(GetParam()), "test"});
    }
    EXPECT_EQ(codec.decode(stored, {}), raws);
  }
}

TEST_P(CodecTest, TheMeterComesToTheEndOfTheWork) {
  LanguageModelCodec codec(small_model(), std::make_shared<ThreadPool>(2));
  const Bytes raw = sample_text(3000, 3);
  const WorkScope work(3000);
  const Bytes payload = codec.encode_one(raw, {GetParam()});
  EXPECT_EQ(WorkMeter::bytes(), 3000u);
  WorkMeter::expect_steps(0);
  EXPECT_EQ(decode(codec, payload, raw.size()), raw);
  EXPECT_EQ(WorkMeter::bytes(), 3000u);
}

TEST_P(CodecTest, AnAdapterComesAndGoes) {
  const Bytes raw = sample_text(3000, 3);
  const Bytes adapter = serialize_adapter(*test::random_adapter(1, *small_model(), 5, 15));
  LanguageModelCodec reference(small_model(), std::make_shared<ThreadPool>(1), "scalar");
  const Bytes plain = reference.encode_one(raw, {GetParam()});
  reference.use_adapter(adapter, "test");
  const Bytes adapted = reference.encode_one(raw, {GetParam()});
  EXPECT_NE(adapted, plain);
  LanguageModelCodec codec(small_model(), std::make_shared<ThreadPool>(3));
  const std::uint64_t plain_bytes = codec.footprint(Direction::kDecode, kMinBlockBytes).fixed_bytes;
  codec.use_adapter(adapter, "test");
  EXPECT_EQ(codec.identity(), reference.identity());
  EXPECT_GT(codec.footprint(Direction::kDecode, kMinBlockBytes).fixed_bytes, plain_bytes);
  EXPECT_EQ(decode(codec, adapted, raw.size()), raw);
  EXPECT_EQ(codec.encode_one(raw, {GetParam()}), adapted);
  // A refused one changes nothing.
  EXPECT_THROW(codec.use_adapter(ByteSpan(adapter).first(100), "test"), Error);
  EXPECT_EQ(decode(codec, adapted, raw.size()), raw);
  codec.use_adapter({}, "test");
  EXPECT_EQ(codec.encode_one(raw, {GetParam()}), plain);
}

TEST_P(CodecTest, LaneLimitIsKept) {
  LanguageModelCodec codec(small_model(), std::make_shared<ThreadPool>(1));
  const Bytes raw = sample_text(6000, 3);
  const Bytes payload = codec.encode_one(raw, {.coder = GetParam(), .lane_limit = 2});
  EXPECT_EQ(payload[3], 1);  // log2 of the lanes, after a count of two bytes and the overlap
  EXPECT_EQ(decode(codec, payload, raw.size()), raw);
  EXPECT_EQ(codec.lane_limit(0), 1u);
  EXPECT_EQ(codec.lane_limit(std::uint64_t{1} << 60), kMaxLanes);
}

TEST_P(CodecTest, DefaultModelCompressesText) {
  const auto pool = std::make_shared<ThreadPool>(2);
  LanguageModelCodec codec(model::embedded_model(), pool);
  const Bytes raw = sample_text(9000, 5);
  const Bytes payload = codec.encode_one(raw, {GetParam()});
  EXPECT_LT(payload.size(), raw.size() / 2);
  EXPECT_EQ(decode(codec, payload, raw.size()), raw);
}

// A damaged payload throws or yields other bytes, which the block's hash finds; it never crashes or hangs.
TEST_P(CodecTest, DamagedPayloads) {
  const auto pool = std::make_shared<ThreadPool>(1);
  LanguageModelCodec codec(small_model(), pool);
  const Bytes raw = sample_text(700, 9);
  const Bytes payload = codec.encode_one(raw, {GetParam()});
  auto decodes_or_throws = [&](const Bytes& damaged) {
    try {
      EXPECT_EQ(decode(codec, damaged, raw.size()).size(), raw.size());
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    }
  };
  for (std::size_t size = 0; size < payload.size(); size += 3) {
    decodes_or_throws(Bytes(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(size)));
  }
  std::mt19937_64 random(test_seed());
  for (int i = 0; i < 100; ++i) {
    Bytes damaged = payload;
    damaged[i < 8 ? static_cast<std::size_t>(i) % damaged.size() : random() % damaged.size()] ^=
        static_cast<std::uint8_t>(1 + random() % 255);
    decodes_or_throws(damaged);
  }
}

TEST_P(CodecTest, AbsurdCountsAreRefused) {
  const auto pool = std::make_shared<ThreadPool>(1);
  LanguageModelCodec codec(small_model(), pool);
  for (const Bytes& payload :
       {Bytes{0xff, 0xff, 0xff, 0xff, 0x0f, 0}, Bytes{10, 3, 40}, Bytes{10, 3, 11}, Bytes{10, 3, 1}, Bytes{10, 13, 0},
        Bytes{10, 0xff, 0xff, 0xff, 0xff, 0x7f, 0}, Bytes{}}) {
    EXPECT_THROW(decode(codec, payload, 100), Error);
  }
}

// As other writers may write it.
TEST_P(CodecTest, ChunksMayOverlapByAnyNumberOfTokens) {
  LanguageModelCodec codec(small_model(), std::make_shared<ThreadPool>(2));
  const Bytes raw = sample_text(1500, 11);
  const std::uint32_t context = small_model()->config.context;
  std::vector<Bytes> payloads;
  for (std::uint32_t overlap = 0; overlap <= context / 2; ++overlap) {
    SCOPED_TRACE(overlap);
    payloads.push_back(codec.encode_one(raw, {.coder = GetParam(), .overlap = overlap}));
    EXPECT_EQ(decode(codec, payloads.back(), raw.size()), raw);
  }
  EXPECT_EQ(codec.encode_one(raw, {GetParam()}), payloads[context / 8]);
  // All side by side; and codecs 3 and 4, which are those without an overlap and without the field.
  std::vector<StoredPayload> stored;
  for (const Bytes& payload : payloads) {
    stored.push_back({payload, static_cast<std::uint32_t>(raw.size()), model_codec(GetParam()), "test"});
  }
  Bytes older = payloads[0];
  ASSERT_EQ(older[2], 0);  // after a count of two bytes
  older.erase(older.begin() + 2);
  if (GetParam() == TokenCoder::kRange) stored.push_back({older, stored[0].raw_bytes, Codec::kModelRange, "test"});
  if (GetParam() == TokenCoder::kRanks) stored.push_back({older, stored[0].raw_bytes, Codec::kModelRanks, "test"});
  EXPECT_EQ(codec.decode(stored, {}), std::vector<Bytes>(stored.size(), raw));
}

/// One run's logs of the blocks; adds what they know.
std::vector<PredictionLog> open_logs(const std::filesystem::path& directory, std::span<const Bytes> raws,
                                     std::uint64_t run, std::size_t* known) {
  std::vector<PredictionLog> logs;
  for (std::uint32_t i = 0; i < raws.size(); ++i) {
    logs.emplace_back(PredictionLog::Writer{directory, {}, run, Rank{0}}, BlockId{i}, Hash16{5},
                      static_cast<std::uint32_t>(raws[i].size()));
    if (known != nullptr) *known += logs.back().known_chunks();
  }
  return logs;
}

// A run that was interrupted anywhere leaves some chunks in the log, those of the last one perhaps torn.
TEST_P(CodecTest, ABlockIsGoneOnWithWhereItWas) {
  const test::TemporaryDirectory directory;
  const std::vector<Bytes> raws = {sample_text(2500, 21), sample_text(900, 22)};
  const std::vector<ByteSpan> spans(raws.begin(), raws.end());
  const auto encode = [&](std::uint64_t run, int threads, double after_seconds, std::size_t* known = nullptr) {
    LanguageModelCodec codec(small_model(), std::make_shared<ThreadPool>(threads));
    std::vector<PredictionLog> logs = open_logs(directory.path(), raws, run, known);
    return codec.encode(spans, {.coder = GetParam(), .checkpoints = {logs, after_seconds}});
  };
  const std::vector<Bytes> expected = encode(1, 1, 1e9);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path())) << "it takes no 30 years";
  EXPECT_EQ(encode(2, 2, 0), expected);
  const std::filesystem::path path = directory.path() / "predictions-0-2-0";
  const Bytes whole = read_file(path, 1 << 20);
  std::mt19937_64 random(test_seed());
  for (std::uint64_t run = 3; run < 9; ++run) {
    replace_file(path, ByteSpan(whole).first(random() % (whole.size() + 1)));
    std::size_t known = 0;
    EXPECT_EQ(encode(run, 1 + static_cast<int>(run % 3), 0, &known), expected);
    EXPECT_GT(known, 0u);  // of the other block, at least
    std::filesystem::remove(directory.path() / fmt::format("predictions-0-{}-0", run));
  }
  // What is there is believed, or it would be of no use: other predictions make another payload.
  std::filesystem::remove_all(directory.path());
  std::filesystem::create_directory(directory.path());
  const std::uint32_t first_tokens = Chunking::of_context(small_model()->config.context).chunk_size();
  // Of tokens: each is one of 1000, 10 decisions or the two halves of a rank.
  const std::size_t answers = std::size_t{first_tokens} * (GetParam() == TokenCoder::kRanks ? 2 : 10);
  PredictionLog({directory.path(), {}, 1, Rank{0}}, BlockId{0}, Hash16{5}, 2500)
      .append({0}, std::vector<std::uint16_t>(answers, GetParam() == TokenCoder::kRanks ? 7 : 40000));
  const std::vector<Bytes> other = encode(2, 1, 0);
  EXPECT_NE(other[0], expected[0]);
  EXPECT_EQ(other[1], expected[1]);
}

// A newer program may divide blocks otherwise than the one that was interrupted.
TEST_P(CodecTest, ABlockIsGoneOnWithInOtherLanes) {
  const test::TemporaryDirectory directory;
  const std::vector<Bytes> raws = {sample_text(30000, 23)};
  const std::vector<ByteSpan> spans(raws.begin(), raws.end());
  LanguageModelCodec codec(small_model(), std::make_shared<ThreadPool>(2));
  const auto encode = [&](std::uint64_t run, std::uint32_t lane_limit, double after_seconds, std::size_t* known) {
    std::vector<PredictionLog> logs = open_logs(directory.path(), raws, run, known);
    return codec.encode(spans, {.coder = GetParam(), .lane_limit = lane_limit, .checkpoints = {logs, after_seconds}});
  };
  std::size_t known = 0;
  const std::vector<Bytes> expected = encode(1, 1, 1e9, &known);
  EXPECT_EQ(known, 0u);
  EXPECT_NE(encode(2, 4, 0, &known), expected);
  EXPECT_EQ(encode(3, 1, 1e9, &known), expected);
  EXPECT_GT(known, 0u);
}

TEST_P(CodecTest, DecodingIsGoneOnWithWhereItWas) {
  const test::TemporaryDirectory directory;
  const std::vector<Bytes> raws = {sample_text(2500, 21), sample_text(900, 22)};
  std::vector<Bytes> payloads;
  std::vector<StoredPayload> stored;
  for (const Bytes& raw : raws) {
    payloads.push_back(
        LanguageModelCodec(small_model(), std::make_shared<ThreadPool>(1)).encode_one(raw, {GetParam()}));
  }
  for (std::size_t i = 0; i < raws.size(); ++i) {
    stored.push_back({payloads[i], static_cast<std::uint32_t>(raws[i].size()), model_codec(GetParam()), "test"});
  }
  const auto decode_all = [&](std::uint64_t run, int threads, double after_seconds, std::size_t* known = nullptr) {
    LanguageModelCodec codec(small_model(), std::make_shared<ThreadPool>(threads));
    std::vector<PredictionLog> logs = open_logs(directory.path(), raws, run, known);
    return codec.decode(stored, {logs, after_seconds});
  };
  EXPECT_EQ(decode_all(1, 1, 1e9), raws);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path())) << "it takes no 30 years";
  EXPECT_EQ(decode_all(2, 2, 0), raws);
  const std::filesystem::path path = directory.path() / "predictions-0-2-0";
  const Bytes whole = read_file(path, 1 << 20);
  std::size_t all_known = 0;
  EXPECT_EQ(decode_all(3, 1, 0, &all_known), raws);
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "predictions-0-3-0")) << "there was nothing to ask";
  std::mt19937_64 random(test_seed());
  for (std::uint64_t run = 4; run < 10; ++run) {
    replace_file(path, ByteSpan(whole).first(random() % whole.size()));
    std::size_t known = 0;
    EXPECT_EQ(decode_all(run, 1 + static_cast<int>(run % 3), 0, &known), raws);
    EXPECT_GT(known, 0u);  // of the other block, at least
    EXPECT_LT(known, all_known);
    std::filesystem::remove(directory.path() / fmt::format("predictions-0-{}-0", run));
  }
  // Wrong answers yield other bytes, or an error: the block's hash is for that, and whoever decodes tries without them.
  std::filesystem::remove_all(directory.path());
  std::filesystem::create_directory(directory.path());
  const std::size_t answers_of_token = GetParam() == TokenCoder::kRanks ? 2 : 10;
  const std::uint32_t first_tokens = Chunking::of_context(small_model()->config.context).chunk_size();
  for (const std::uint16_t answer : {std::uint16_t{0}, std::uint16_t{65535}}) {
    PredictionLog({directory.path(), {}, answer, Rank{0}}, BlockId{0}, Hash16{5}, 2500)
        .append({0}, std::vector<std::uint16_t>(first_tokens * answers_of_token, answer));
    try {
      EXPECT_NE(decode_all(2, 1, 1e9)[0], raws[0]);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    }
    std::filesystem::remove(directory.path() / fmt::format("predictions-0-{}-0", answer));
  }
}

INSTANTIATE_TEST_SUITE_P(Coders, CodecTest, testing::Values(TokenCoder::kRange, TokenCoder::kRanks, TokenCoder::kMixed),
                         [](const auto& info) { return std::string(coder_name(info.param)); });

TEST(Lanes, CoverAllTokensInWholeChunks) {
  for (std::uint32_t tokens : {0u, 1u, 511u, 512u, 513u, 5000u, 100000u, 390001u}) {
    for (std::uint32_t count : {1u, 2u, 8u, 64u, choose_lane_count(tokens, 512)}) {
      const std::vector<Lane> lanes = divide_into_lanes(tokens, 512, count);
      std::uint32_t next = 0;
      for (const Lane& lane : lanes) {
        EXPECT_EQ(lane.begin, next);
        EXPECT_LE(lane.begin, lane.end);
        EXPECT_TRUE(lane.begin % 512 == 0 || lane.begin == tokens);
        next = lane.end;
      }
      EXPECT_EQ(next, tokens);
    }
  }
}

// What docs/format.md says of the writer: at most 4, a power of two, of at least 8 full chunks each.
TEST(Lanes, TheEncoderTakesFew) {
  constexpr std::uint32_t kChunk = 448;
  EXPECT_EQ(choose_lane_count(0, kChunk), 1u);
  EXPECT_EQ(choose_lane_count(16 * kChunk - 1, kChunk), 1u);
  EXPECT_EQ(choose_lane_count(16 * kChunk, kChunk), 2u);
  EXPECT_EQ(choose_lane_count(32 * kChunk - 1, kChunk), 2u);
  EXPECT_EQ(choose_lane_count(32 * kChunk, kChunk), 4u);
  EXPECT_EQ(choose_lane_count(UINT32_MAX, kChunk), 4u);
  EXPECT_EQ(choose_lane_count(UINT32_MAX, kChunk, 3), 2u);
  EXPECT_EQ(choose_lane_count(UINT32_MAX, kChunk, 0), 1u);
}

}  // namespace
}  // namespace fz::shard
