#include "shard/block_codec.h"

#include <gtest/gtest.h>

#include "shard/fallback_codecs.h"
#include "support/expect_error.h"
#include "support/fake_text_codec.h"
#include "support/one_block.h"

namespace fz::shard {
namespace {

using test::expect_error;

Bytes bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

StoredBlock encode(const Bytes& raw, TextCodec* text, TokenCoder coder = TokenCoder::kRange) {
  return test::encode_one_block({BlockId{3}, 4096, raw}, text, coder);
}

StoredBlock encode_quickly(const Bytes& raw) {
  ThreadPool pool(1);
  const RawBlock block{BlockId{3}, 4096, raw};
  return std::move(encode_blocks({&block, 1}, nullptr, {.memory_coder = MemoryCoder::kQuick}, pool).front());
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
  EXPECT_EQ(encode(bytes_of(test::make_text(5, 60000)), &text).header.codec, Codec::kOverlappingRange);
  EXPECT_EQ(encode(bytes_of(test::make_text(5, 60000)), &text, TokenCoder::kRanks).header.codec,
            Codec::kOverlappingRanks);
  EXPECT_EQ(encode(bytes_of(test::make_noise(5, 60000)), nullptr).header.codec, Codec::kStored);
  const std::string noise = test::make_noise(6, 30000);
  EXPECT_EQ(encode(bytes_of(noise + noise), nullptr).header.codec, Codec::kZstd);
  EXPECT_EQ(encode(bytes_of(test::make_text(5, 60000)), nullptr).header.codec, Codec::kMemory);
  EXPECT_EQ(
      test::encode_one_block({BlockId{3}, 0, bytes_of(test::make_text(5, 60000)), Kind::kBinary}, nullptr).header.codec,
      Codec::kBinaryMemory);
  EXPECT_EQ(encode_quickly(bytes_of(test::make_text(5, 60000))).header.codec, Codec::kQuick);
  EXPECT_EQ(encode_quickly(bytes_of(noise + noise)).header.codec, Codec::kZstd);
  for (const std::string& raw : {test::make_text(5, 60000), test::make_noise(5, 60000), std::string(7, 'x')}) {
    const StoredBlock block = encode(bytes_of(raw), &text);
    EXPECT_LE(block.payload.size(), zstd_compress(bytes_of(raw)).size());
    EXPECT_LE(block.payload.size(), bzip2_compress(bytes_of(raw)).size());
    EXPECT_LE(block.payload.size(), raw.size());
  }
}

TEST(BlockCodec, RoundTripOfEveryCodec) {
  test::FakeTextCodec text;
  for (const std::string& raw :
       {test::make_text(9, 70000), test::make_noise(9, 999), std::string(5000, 'a'), std::string("\0", 1)}) {
    const StoredBlock block = encode(bytes_of(raw), &text);
    EXPECT_EQ(decode_block(block, &text, "a.fz"), bytes_of(raw));
    EXPECT_EQ(decode_block(encode_quickly(bytes_of(raw)), nullptr, "a.fz"), bytes_of(raw));
  }
}

TEST(BlockCodec, ThreadsAndOtherBlocksDoNotChangeTheResult) {
  test::FakeTextCodec text;
  ThreadPool pool(3);
  const Bytes raw = bytes_of(test::make_text(11, 80000));
  const StoredBlock alone = encode(raw, &text);
  const std::vector<RawBlock> blocks = {
      {BlockId{2}, 0, bytes_of(test::make_noise(1, 4096))}, {BlockId{3}, 4096, raw}, {BlockId{4}, 84096, raw}};
  const std::vector<StoredBlock> together = encode_blocks(blocks, &text, {.coder = TokenCoder::kRange}, pool);
  ASSERT_EQ(together.size(), 3u);
  EXPECT_EQ(alone.header, together[1].header);
  EXPECT_EQ(alone.payload, together[1].payload);
  EXPECT_EQ(together[0].header.codec, Codec::kStored);
  const std::vector<Bytes> raws = decode_blocks(together, &text, "a.fz", pool);
  for (std::size_t i = 0; i < blocks.size(); ++i) EXPECT_EQ(raws[i], blocks[i].raw);
}

TEST(Footprint, AsManyBlocksAsFit) {
  const Footprint footprint{100, 10, 8};
  EXPECT_EQ(footprint.blocks_within(0), 1u);
  EXPECT_EQ(footprint.blocks_within(129), 2u);
  EXPECT_EQ(footprint.blocks_within(130), 3u);
  EXPECT_EQ(footprint.blocks_within(1'000'000), 8u);
}

TEST(BlockCodec, WrongBytesAreNeverGiven) {
  test::FakeTextCodec text;
  StoredBlock block = encode(bytes_of(test::make_text(9, 70000)), &text);
  block.header.raw_hash[0] ^= 1;
  expect_error(ErrorCode::kCorrupt, "a.fz: block 3 (offset 4096): the decoded bytes",
               [&] { decode_block(block, &text, "a.fz"); });
  block.header.raw_hash[0] ^= 1;
  block.payload[100] ^= 1;
  expect_error(ErrorCode::kCorrupt, "a.fz: block 3 (offset 4096): the stored bytes",
               [&] { decode_block(block, &text, "a.fz"); });
}

}  // namespace
}  // namespace fz::shard
