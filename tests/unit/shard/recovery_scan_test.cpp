#include "shard/recovery_scan.h"

#include <gtest/gtest.h>

#include "shard/block_codec.h"
#include "support/expect_error.h"
#include "support/small_corpus.h"
#include "support/temporary_directory.h"

namespace fz::shard {
namespace {

/// A stored block with this content.
std::string block_text(std::uint32_t id, const std::string& content) {
  BlockHeader header;
  header.id = BlockId{id};
  header.raw_offset = id;
  header.raw_bytes = header.payload_bytes = static_cast<std::uint32_t>(content.size());
  header.raw_hash = hash16(as_byte_span(content));
  header.payload_check = check8(as_byte_span(content));
  return std::string(as_string_view(serialize_block_header(header))) + content;
}

RecoveryScan scan(const std::string& bytes) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "bad.fz", bytes);
  return scan_for_recovery(File::open_for_reading(directory / "bad.fz"), [](std::uint64_t) {});
}

std::vector<std::uint64_t> intact_offsets(const RecoveryScan& scan) {
  std::vector<std::uint64_t> offsets;
  for (const FoundBlock& block : scan.blocks) {
    if (block.intact) offsets.push_back(block.file_offset);
  }
  return offsets;
}

TEST(RecoveryScan, FindsPartsAtAnyOffset) {
  const std::string header(as_string_view(serialize_header({})));
  const std::string footer(as_string_view(serialize_footer({})));
  const std::string block = block_text(0, test::make_noise(1, 3000));
  for (const std::size_t before : {0u, 1u, 79u, 80u, 1'048'500u, 1'048'575u, 1'048'576u}) {
    const std::string garbage(before, 'F');
    const RecoveryScan found = scan(garbage + header + block + "FZ" + block + footer + "F");
    ASSERT_EQ(found.headers.size(), 1u) << before;
    EXPECT_EQ(found.headers[0].file_offset, before);
    EXPECT_EQ(intact_offsets(found), (std::vector<std::uint64_t>{before + 104, before + 106 + block.size()}));
    ASSERT_EQ(found.footers.size(), 1u);
    EXPECT_EQ(found.footers[0].file_offset, before + 106 + 2 * block.size());
  }
  EXPECT_TRUE(scan("").blocks.empty());
  EXPECT_TRUE(scan("FZb1").blocks.empty());
  EXPECT_TRUE(scan("FZend\r\n\x1a").footers.empty());
}

TEST(RecoveryScan, FalseMagicHidesNothing) {
  const std::string real = block_text(3, "the real one");
  // A header that is whole and claims more than there is, or what comes next; magic upon magic.
  const std::string claims = block_text(2, std::string(5000, 'x')).substr(0, kBlockHeaderBytes);
  for (const std::string& before : {claims, claims + claims, std::string("FZb1FZb1FZbFZb1"), claims.substr(0, 30)}) {
    const RecoveryScan found = scan(before + real + std::string(10'000, 'y'));
    EXPECT_EQ(intact_offsets(found), std::vector<std::uint64_t>{before.size()});
  }
}

TEST(RecoveryScan, WhatLiesInAnIntactPayloadIsData) {
  const std::string inner = block_text(0, "inner");
  const RecoveryScan found = scan(block_text(0, "some" + inner + "thing") + block_text(1, "plain"));
  EXPECT_EQ(found.blocks.size(), 2u);
  EXPECT_TRUE(found.has_inner_archive);
  EXPECT_FALSE(scan(block_text(0, "some FZb1 thing") + block_text(1, "plain")).has_inner_archive);
  // Outside of intact payloads it is a block like any other.
  EXPECT_EQ(scan("damaged" + inner + "thing").blocks.size(), 1u);
}

TEST(RecoveryScan, DamagedBlocksAreKnownByTheirHeaders) {
  std::string bytes = block_text(7, std::string(500, 'x'));
  bytes[100] = 'y';
  const RecoveryScan found = scan(bytes);
  ASSERT_EQ(found.blocks.size(), 1u);
  EXPECT_FALSE(found.blocks[0].intact);
  EXPECT_EQ(number(found.blocks[0].header.id), 7u);
  EXPECT_FALSE(scan(block_text(7, std::string(500, 'x')).substr(0, 300)).blocks.at(0).intact);
}

TEST(RecoveryScan, ALaterFormatVersionIsNotDamage) {
  Bytes header = serialize_header({});
  header[8] = 99;
  const Check8 check = check8(ByteSpan(header).first(96));
  std::copy(check.begin(), check.end(), header.begin() + 96);
  test::expect_error(ErrorCode::kUnsupported, "format version 99",
                     [&] { scan(std::string(as_string_view(header)) + block_text(0, "x")); });
}

}  // namespace
}  // namespace fz::shard
