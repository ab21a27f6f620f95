#include "shard/file_table.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/small_corpus.h"

namespace fz::shard {
namespace {

using test::expect_error;

FileEntry file(const std::string& path, std::uint64_t offset = 0, std::uint64_t size = 0) {
  FileEntry entry;
  entry.mode = 0644;
  entry.mtime_seconds = -12345;
  entry.mtime_nanoseconds = 999'999'999;
  entry.path = path;
  entry.raw_offset = offset;
  entry.raw_bytes = size;
  return entry;
}

FileEntry directory(const std::string& path) {
  FileEntry entry = file(path);
  entry.type = FileType::kDirectory;
  entry.mode = 07755;
  return entry;
}

FileEntry link(const std::string& path, const std::string& target) {
  FileEntry entry = file(path);
  entry.type = FileType::kSymlink;
  entry.target = target;
  return entry;
}

std::vector<FileEntry> sample() {
  return {directory("c"), link("c/l", "../../etc"), directory("c/x"), file("c/x/\xff\n", 10, 5), file("c/x.txt", 0, 10),
          file("c/z")};
}

void parse(const std::vector<FileEntry>& entries, std::uint64_t corpus_bytes) {
  parse_file_table(serialize_file_table(entries), corpus_bytes, "a.fz");
}

TEST(FileTable, RoundTrip) {
  EXPECT_EQ(parse_file_table(serialize_file_table(sample()), 15, "a.fz"), sample());
}

TEST(FileTable, OrderPutsADirectoryBeforeItsContent) {
  EXPECT_TRUE(path_less("a", "a/b"));
  EXPECT_TRUE(path_less("a/b", "a.txt"));  // '/' is the smallest byte
  EXPECT_TRUE(path_less("a/b", "a\x01"));
  EXPECT_TRUE(path_less("a", "\xff"));
  EXPECT_FALSE(path_less("a", "a"));
}

TEST(FileTable, RefusesHostilePaths) {
  for (const char* path : {"/etc/passwd", "..", "../x", "a/../b", "./a", "a//b", "a/", "/", "a/."}) {
    EXPECT_FALSE(path_problem(path).empty()) << path;
    expect_error(ErrorCode::kCorrupt, "path", [&] { parse({file(path)}, 0); });
  }
  EXPECT_FALSE(path_problem(std::string_view("a\0b", 3)).empty());
  expect_error(ErrorCode::kCorrupt, "NUL", [&] { parse({file(std::string("a\0b", 3))}, 0); });
  EXPECT_FALSE(path_problem(std::string(256, 'n')).empty());
  EXPECT_TRUE(path_problem("..a/b..c/...").empty());
}

TEST(FileTable, RefusesDuplicatesAndDisorder) {
  expect_error(ErrorCode::kCorrupt, "order", [&] { parse({file("a"), file("a")}, 0); });
  expect_error(ErrorCode::kCorrupt, "order", [&] { parse({file("b"), file("a")}, 0); });
}

TEST(FileTable, RefusesChildrenOfWhatIsNoDirectory) {
  expect_error(ErrorCode::kCorrupt, "parent", [&] { parse({file("a"), file("a/b")}, 0); });
  expect_error(ErrorCode::kCorrupt, "parent", [&] { parse({link("a", "/etc"), file("a/passwd")}, 0); });
  expect_error(ErrorCode::kCorrupt, "parent", [&] { parse({file("a/b")}, 0); });
  expect_error(ErrorCode::kCorrupt, "parent", [&] { parse({directory("a"), file("a/b/c")}, 0); });
  expect_error(ErrorCode::kCorrupt, "parent", [&] {
    parse({directory("a"), directory("b"), file("b/x"), file("c/y")}, 0);
  });
  parse({directory("a"), directory("a/b"), file("a/b/c"), file("a/d"), directory("e"), file("e/f")}, 0);
}

TEST(FileTable, FilesTileTheCorpus) {
  expect_error(ErrorCode::kCorrupt, "range", [&] { parse({file("a", 1, 5)}, 6); });                   // gap
  expect_error(ErrorCode::kCorrupt, "range", [&] { parse({file("a", 0, 5), file("b", 4, 2)}, 6); });  // overlap
  expect_error(ErrorCode::kCorrupt, "hold 5", [&] { parse({file("a", 0, 5)}, 6); });                  // too short
  expect_error(ErrorCode::kCorrupt, "range", [&] { parse({file("a", 0, 7)}, 6); });                   // too long
  expect_error(ErrorCode::kCorrupt, "range", [&] { parse({file("a", 0, UINT64_MAX)}, 6); });
  expect_error(ErrorCode::kCorrupt, "empty file", [&] { parse({file("a", 3, 0)}, 0); });
}

TEST(FileTable, RefusesImpossibleValues) {
  FileEntry entry = file("a");
  entry.mode = 010000;
  expect_error(ErrorCode::kCorrupt, "mode", [&] { parse({entry}, 0); });
  entry = file("a");
  entry.mtime_nanoseconds = 1'000'000'000;
  expect_error(ErrorCode::kCorrupt, "nanoseconds", [&] { parse({entry}, 0); });
  expect_error(ErrorCode::kCorrupt, "more entries", [&] {
    ByteWriter writer;
    writer.write_varint(UINT64_MAX);
    parse_file_table(writer.bytes(), 0, "a.fz");
  });
}

/// The same entry again and again compresses to next to nothing: it is refused at once, not when all are in memory.
TEST(FileTable, TheFirstWrongEntryEndsIt) {
  ByteWriter writer;
  writer.write_varint(3);
  writer.write_bytes(ByteSpan(serialize_file_table(std::vector<FileEntry>{file("a")})).subspan(1));
  writer.write_bytes(ByteSpan(serialize_file_table(std::vector<FileEntry>{file("a")})).subspan(1));
  for (int i = 0; i < 16; ++i) writer.write(std::uint8_t{0xFF});  // not an entry at all
  expect_error(ErrorCode::kCorrupt, "one occurs twice", [&] { parse_file_table(writer.bytes(), 0, "a.fz"); });
}

TEST(FileTable, AlteredBytesNeverDoHarm) {
  std::mt19937 random(test::test_seed());
  const Bytes good = serialize_file_table(sample());
  for (int round = 0; round < 20000; ++round) {
    Bytes bad = good;
    for (unsigned changes = 1 + random() % 3; changes > 0; --changes)
      bad[random() % bad.size()] = static_cast<std::uint8_t>(random());
    if (random() % 4 == 0) bad.resize(random() % bad.size());
    try {
      // What parses must obey every rule.
      validate_file_table(parse_file_table(bad, 15, "a.fz"), 15, "a.fz");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    }
  }
}

}  // namespace
}  // namespace fz::shard
