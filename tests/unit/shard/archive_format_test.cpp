#include "shard/archive_format.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace fz::shard {
namespace {

using test::expect_error;

Header sample_header() {
  Header header;
  header.token_coder = TokenCoder::kRanks;
  header.model.numerics_version = 1;
  header.model.context = 512;
  header.model.weights_hash.fill(0xAB);
  header.model.tokenizer_hash.fill(0xCD);
  header.block_bytes = kMinBlockBytes;
  return header;
}

BlockHeader sample_block() {
  BlockHeader block;
  block.codec = Codec::kBzip2;
  block.id = BlockId{17};
  block.raw_offset = 1ull << 40;
  block.raw_bytes = 1000;
  block.payload_bytes = 900;
  block.raw_hash = hash16(as_byte_span("raw"));
  block.payload_check = check8(as_byte_span("payload"));
  return block;
}

Footer sample_footer() {
  Footer footer;
  footer.table_offset = 5000;
  footer.table_bytes = 40;
  footer.table_raw_bytes = 60;
  footer.index_bytes = 30;
  footer.index_raw_bytes = 20;
  footer.block_count = 3;
  footer.corpus_bytes = 123456;
  return footer;
}

TEST(ArchiveFormat, SizesAreThoseOfTheText) {
  EXPECT_EQ(serialize_header(sample_header()).size(), 104u);
  EXPECT_EQ(serialize_block_header(sample_block()).size(), 56u);
  EXPECT_EQ(serialize_footer(sample_footer()).size(), 88u);
}

TEST(ArchiveFormat, RoundTrip) {
  EXPECT_EQ(parse_header(serialize_header(sample_header()), "a"), sample_header());
  EXPECT_EQ(parse_header(serialize_header(Header{}), "a"), Header{});
  EXPECT_EQ(parse_block_header(serialize_block_header(sample_block()), "a", 0), sample_block());
  EXPECT_EQ(parse_footer(serialize_footer(sample_footer()), "a", 0), sample_footer());
}

template <typename Parse>
void expect_every_alteration_found(const Bytes& good, Parse parse) {
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int bit : {0, 3, 7}) {
      Bytes bad = good;
      bad[i] ^= static_cast<std::uint8_t>(1 << bit);
      expect_error(ErrorCode::kCorrupt, "a", [&] { parse(bad); });
    }
    expect_error(ErrorCode::kCorrupt, "a",
                 [&] { parse(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(i))); });
  }
}

TEST(ArchiveFormat, EveryAlterationAndTruncationIsFound) {
  expect_every_alteration_found(serialize_header(sample_header()),
                                [](const Bytes& bytes) { parse_header(bytes, "a"); });
  expect_every_alteration_found(serialize_block_header(sample_block()),
                                [](const Bytes& bytes) { parse_block_header(bytes, "a", 0); });
  expect_every_alteration_found(serialize_footer(sample_footer()),
                                [](const Bytes& bytes) { parse_footer(bytes, "a", 0); });
}

/// Rewrites the check, as a hostile writer would.
Bytes resealed(Bytes bytes, std::size_t checked_bytes, std::size_t check_bytes) {
  const Hash hash = hash_bytes(ByteSpan(bytes).first(checked_bytes));
  std::copy_n(hash.begin(), check_bytes, bytes.begin() + static_cast<std::ptrdiff_t>(checked_bytes));
  return bytes;
}

/// A few hundred bytes of zstd could make gigabytes of either.
TEST(ArchiveFormat, RefusesAFooterOfMoreBlocksThanFit) {
  Footer footer = sample_footer();
  footer.block_count = 5000 / 57;
  parse_footer(serialize_footer(footer), "a", 0);
  ++footer.block_count;
  test::expect_error(ErrorCode::kCorrupt, "more blocks than fit",
                     [&] { parse_footer(serialize_footer(footer), "a", 0); });
  footer = sample_footer();
  footer.index_raw_bytes = 3 * 9 + 1;
  test::expect_error(ErrorCode::kCorrupt, "index is larger", [&] { parse_footer(serialize_footer(footer), "a", 0); });
}

TEST(ArchiveFormat, LaterVersionIsUnsupported) {
  Bytes bytes = serialize_header(sample_header());
  bytes[8] = kFormatVersion + 1;
  expect_error(ErrorCode::kUnsupported, fmt::format("format version {}", kFormatVersion + 1),
               [&] { parse_header(resealed(bytes, 96, 8), "a"); });
}

TEST(ArchiveFormat, HostileHeaders) {
  const auto header_with = [](std::size_t offset, std::uint8_t value) {
    Bytes bytes = serialize_header(sample_header());
    bytes[offset] = value;
    return resealed(bytes, 96, 8);
  };
  expect_error(ErrorCode::kCorrupt, "token coder", [&] { parse_header(header_with(10, 3), "a"); });
  expect_error(ErrorCode::kCorrupt, "reserved", [&] { parse_header(header_with(11, 1), "a"); });
  expect_error(ErrorCode::kCorrupt, "adapter's size", [&] { parse_header(header_with(31, 1), "a"); });
  expect_error(ErrorCode::kCorrupt, "block size", [&] { parse_header(header_with(23, 0xff), "a"); });
  expect_error(ErrorCode::kCorrupt, "version 0", [&] { parse_header(header_with(8, 0), "a"); });
}

TEST(ArchiveFormat, HostileBlocks) {
  const auto parse_with = [](BlockHeader block) { parse_block_header(serialize_block_header(block), "a", 0); };
  BlockHeader block = sample_block();
  block.codec = static_cast<Codec>(kCodecs.size());
  expect_error(ErrorCode::kCorrupt, fmt::format("codec {}", kCodecs.size()), [&] { parse_with(block); });
  block = sample_block();
  block.raw_bytes = kMaxBlockBytes + 1;
  expect_error(ErrorCode::kCorrupt, "raw range", [&] { parse_with(block); });
  block = sample_block();
  block.payload_bytes = block.raw_bytes + 1;
  expect_error(ErrorCode::kCorrupt, "payload size", [&] { parse_with(block); });
  block = sample_block();
  block.payload_bytes = 0;
  expect_error(ErrorCode::kCorrupt, "payload size", [&] { parse_with(block); });
}

}  // namespace
}  // namespace fz::shard
