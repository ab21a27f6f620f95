#include "shard/block_codec.h"

#include <gtest/gtest.h>

#include "shard/fallback_codecs.h"
#include "support/expect_error.h"
#include "support/fake_text_codec.h"

namespace fz::shard {
namespace {

using test::expect_error;

Bytes bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

EncodedBlock encode(const Bytes& raw, TextCodec* text, TokenCoder coder = TokenCoder::kRange) {
  return encode_block(BlockId{3}, 4096, raw, text, coder, nullptr);
}

TEST(FallbackCodecs, RoundTrip) {
  for (const std::string& text : {std::string("x"), test::make_text(1, 100000), test::make_noise(2, 5000)}) {
    const Bytes raw = bytes_of(text);
    EXPECT_EQ(zstd_decompress(zstd_compress(raw), raw.size(), "z"), raw);
    EXPECT_EQ(bzip2_decompress(bzip2_compress(raw), raw.size(), "b"), raw);
  }
}

TEST(FallbackCodecs, RefuseAnotherSize) {
  const Bytes raw = bytes_of(test::make_text(1, 10000));
  for (const std::uint64_t wrong :
       {std::uint64_t{0}, std::uint64_t{1}, raw.size() - 1, raw.size() + 1, std::uint64_t{1} << 40}) {
    expect_error(ErrorCode::kCorrupt, "z: zstd", [&] { zstd_decompress(zstd_compress(raw), wrong, "z"); });
    expect_error(ErrorCode::kCorrupt, "b: bzip2", [&] { bzip2_decompress(bzip2_compress(raw), wrong, "b"); });
  }
  Bytes longer = zstd_compress(raw);
  longer.push_back(0);
  expect_error(ErrorCode::kCorrupt, "zstd", [&] { zstd_decompress(longer, raw.size(), "z"); });
  longer = bzip2_compress(raw);
  longer.push_back(0);
  expect_error(ErrorCode::kCorrupt, "bzip2", [&] { bzip2_decompress(longer, raw.size(), "b"); });
}

TEST(BlockCodec, TheSmallestWins) {
  test::FakeTextCodec text;
  EXPECT_EQ(encode(bytes_of(test::make_text(5, 60000)), &text).header.codec, Codec::kModelRange);
  EXPECT_EQ(encode(bytes_of(test::make_text(5, 60000)), &text, TokenCoder::kRanks).header.codec, Codec::kModelRanks);
  EXPECT_EQ(encode(bytes_of(test::make_noise(5, 60000)), nullptr).header.codec, Codec::kStored);
  const std::string noise = test::make_noise(6, 30000);
  EXPECT_EQ(encode(bytes_of(noise + noise), nullptr).header.codec, Codec::kZstd);
  EXPECT_EQ(encode(bytes_of(test::make_text(5, 60000)), nullptr).header.codec, Codec::kMemory);
  for (const std::string& raw : {test::make_text(5, 60000), test::make_noise(5, 60000), std::string(7, 'x')}) {
    const EncodedBlock block = encode(bytes_of(raw), &text);
    EXPECT_LE(block.payload.size(), zstd_compress(bytes_of(raw)).size());
    EXPECT_LE(block.payload.size(), bzip2_compress(bytes_of(raw)).size());
    EXPECT_LE(block.payload.size(), raw.size());
  }
}

TEST(BlockCodec, RoundTripOfEveryCodec) {
  test::FakeTextCodec text;
  for (const std::string& raw :
       {test::make_text(9, 70000), test::make_noise(9, 999), std::string(5000, 'a'), std::string("\0", 1)}) {
    const EncodedBlock block = encode(bytes_of(raw), &text);
    EXPECT_EQ(decode_block(block.header, block.payload, &text, "a.fz"), bytes_of(raw));
  }
}

TEST(BlockCodec, ThreadsDoNotChangeTheResult) {
  test::FakeTextCodec text;
  ThreadPool pool(3);
  const Bytes raw = bytes_of(test::make_text(11, 80000));
  const EncodedBlock alone = encode(raw, &text);
  const EncodedBlock together = encode_block(BlockId{3}, 4096, raw, &text, TokenCoder::kRange, &pool);
  EXPECT_EQ(alone.header, together.header);
  EXPECT_EQ(alone.payload, together.payload);
}

TEST(BlockCodec, WrongBytesAreNeverGiven) {
  test::FakeTextCodec text;
  EncodedBlock block = encode(bytes_of(test::make_text(9, 70000)), &text);
  block.header.raw_hash[0] ^= 1;
  expect_error(ErrorCode::kCorrupt, "a.fz: block 3 (offset 4096): the decoded bytes",
               [&] { decode_block(block.header, block.payload, &text, "a.fz"); });
  block.header.raw_hash[0] ^= 1;
  block.payload[100] ^= 1;
  expect_error(ErrorCode::kCorrupt, "a.fz: block 3 (offset 4096): the stored bytes",
               [&] { decode_block(block.header, block.payload, &text, "a.fz"); });
}

}  // namespace
}  // namespace fz::shard
