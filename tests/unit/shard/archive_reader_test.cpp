// Archives as files: written, read, altered at every byte, cut at every length.
#include "shard/archive_reader.h"

#include <gtest/gtest.h>

#include "shard/archive_writer.h"
#include "shard/block_codec.h"
#include "shard/fallback_codecs.h"
#include "shard/selection.h"
#include "support/expect_error.h"
#include "support/fake_text_codec.h"
#include "support/one_block.h"
#include "support/temporary_directory.h"

namespace fz::shard {
namespace {

using test::expect_error;

/// d/, d/a (text, 900 bytes), d/b (noise, 300 bytes); three blocks, the second holding the end of a and the begin of
/// nothing else.
struct SampleArchive {
  test::TemporaryDirectory directory;
  std::filesystem::path path = directory / "a.fz";
  test::FakeTextCodec text;
  std::string a = test::make_text(3, 900);
  std::string b = test::make_noise(4, 300);

  SampleArchive() {
    const File file = File::create(path);
    Header header;
    header.model = text.identity();
    ArchiveWriter writer(file, header);
    const std::string stream = a + b;
    std::uint64_t offset = 0;
    std::uint32_t id = 0;
    for (const std::size_t size : {600u, 300u, 300u}) {
      const ByteSpan raw = as_byte_span(stream).subspan(offset, size);
      const StoredBlock block = test::encode_one_block({BlockId{id++}, offset, Bytes(raw.begin(), raw.end())},
                                                       offset < 900 ? &text : nullptr);
      Bytes stored = serialize_block_header(block.header);
      stored.insert(stored.end(), block.payload.begin(), block.payload.end());
      writer.append_block(block.header, stored);
      offset += size;
    }
    size = writer.finish(entries());
  }

  std::vector<FileEntry> entries() const {
    FileEntry top;
    top.type = FileType::kDirectory;
    top.path = "d";
    FileEntry first;
    first.path = "d/a";
    first.raw_bytes = 900;
    FileEntry second;
    second.path = "d/b";
    second.raw_offset = 900;
    second.raw_bytes = 300;
    return {top, first, second};
  }

  /// Decodes everything, as `verify` does.
  std::string decode_all(const std::filesystem::path& file) {
    const ArchiveReader reader(file);
    require_model(reader, text.identity());
    std::string stream;
    for (std::uint32_t i = 0; i < reader.blocks().size(); ++i) {
      const StoredBlock block = reader.read_block(BlockId{i});
      const Bytes raw = decode_block(block, &text, reader.name());
      stream += as_string_view(raw);
    }
    return stream;
  }

  std::uint64_t size = 0;
};

TEST(ArchiveReader, ReadsWhatWasWritten) {
  SampleArchive sample;
  const ArchiveReader reader(sample.path);
  EXPECT_EQ(reader.archive_bytes(), sample.size);
  EXPECT_EQ(reader.entries(), sample.entries());
  EXPECT_EQ(reader.blocks().size(), 3u);
  EXPECT_EQ(reader.blocks()[0].codec, Codec::kOverlappingRange);
  EXPECT_EQ(reader.blocks()[2].codec, Codec::kStored);
  EXPECT_EQ(sample.decode_all(sample.path), sample.a + sample.b);
}

TEST(ArchiveReader, EveryAlteredByteIsFound) {
  SampleArchive sample;
  const std::string good = test::read_text(sample.path);
  const std::filesystem::path path = sample.directory / "bad.fz";
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int change : {0x01, 0x80, 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ change);
      test::write_text(path, bad);
      try {
        sample.decode_all(path);
        ADD_FAILURE() << "byte " << i << " altered by " << change << " was not noticed";
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kCorrupt) << "byte " << i << ": " << error.what();
      }
    }
  }
}

TEST(ArchiveReader, EveryTruncationAndExtensionIsFound) {
  SampleArchive sample;
  const std::string good = test::read_text(sample.path);
  const std::filesystem::path path = sample.directory / "bad.fz";
  for (std::size_t size = 0; size < good.size(); ++size) {
    test::write_text(path, good.substr(0, size));
    expect_error(ErrorCode::kCorrupt, "bad.fz", [&] { sample.decode_all(path); });
  }
  test::write_text(path, good + '\0');
  expect_error(ErrorCode::kCorrupt, "bad.fz", [&] { sample.decode_all(path); });
  test::write_text(path, good + good);
  expect_error(ErrorCode::kCorrupt, "bad.fz", [&] { sample.decode_all(path); });
}

TEST(ArchiveReader, ExchangedBlocksAreFound) {
  SampleArchive sample;
  // Blocks 1 and 2 with their headers, in the other order: each is whole, but not at its place.
  std::string bad = test::read_text(sample.path);
  const ArchiveReader reader(sample.path);
  const auto begin = static_cast<std::size_t>(reader.blocks()[1].file_offset);
  const auto middle = static_cast<std::size_t>(reader.blocks()[2].file_offset);
  const auto end = static_cast<std::size_t>(reader.footer().table_offset);
  std::rotate(bad.begin() + static_cast<std::ptrdiff_t>(begin), bad.begin() + static_cast<std::ptrdiff_t>(middle),
              bad.begin() + static_cast<std::ptrdiff_t>(end));
  test::write_text(sample.directory / "bad.fz", bad);
  expect_error(ErrorCode::kCorrupt, "bad.fz: block 1", [&] { sample.decode_all(sample.directory / "bad.fz"); });
}

TEST(ArchiveReader, AnotherModelIsRefused) {
  SampleArchive sample;
  const ArchiveReader reader(sample.path);
  expect_error(ErrorCode::kModel, "--model", [&] { require_model(reader, test::FakeTextCodec(9).identity()); });
  ModelIdentity later = sample.text.identity();
  later.numerics_version = 2;
  expect_error(ErrorCode::kUnsupported, "numerics version 1", [&] { require_model(reader, later); });
}

TEST(Selection, TakesWhatMatchesWithParentsAndOnlyItsBlocks) {
  SampleArchive sample;
  const ArchiveReader reader(sample.path);
  const Selection all(reader, {});
  EXPECT_EQ(all.entries().size(), 3u);
  EXPECT_EQ(all.blocks().size(), 3u);
  EXPECT_EQ(all.raw_bytes(), 1200u);
  const Selection second(reader, {"*b"});
  EXPECT_EQ(second.entries(), (std::vector<std::size_t>{0, 2}));
  EXPECT_EQ(second.blocks(), std::vector<BlockId>{BlockId{2}});
  const Selection first(reader, {"d/a"});
  ASSERT_EQ(first.pieces(BlockId{1}).size(), 1u);
  EXPECT_EQ(first.pieces(BlockId{1})[0].file_offset, 600u);
  EXPECT_TRUE(first.pieces(BlockId{2}).empty());
  EXPECT_EQ(Selection(reader, {"d/"}).entries().size(), 3u);
  expect_error(ErrorCode::kInput, "'nothing'", [&] { Selection(reader, {"d", "nothing"}); });
}

}  // namespace
}  // namespace fz::shard
