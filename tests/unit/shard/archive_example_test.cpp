// The worked example of docs/format.md, decoded from the text itself.
#include <gtest/gtest.h>

#include <sstream>

#include "shard/archive_reader.h"
#include "shard/block_codec.h"
#include "support/temporary_directory.h"

namespace fz::shard {
namespace {

/// The bytes of the hexadecimal dump: lines of four spaces, four digits of offset, two spaces, bytes.
std::string example_bytes() {
  std::istringstream text(test::read_text(std::filesystem::path(FZ_TEST_DATA_DIR) / "../../docs/format.md"));
  std::string bytes;
  bool in_example = false;
  for (std::string line; std::getline(text, line);) {
    if (line == "## Example") in_example = true;
    if (!in_example || !line.starts_with("    ")) continue;
    EXPECT_EQ(std::stoul(line.substr(4, 4), nullptr, 16), bytes.size());
    std::istringstream digits(line.substr(8));
    for (std::string byte; digits >> byte;) bytes += static_cast<char>(std::stoul(byte, nullptr, 16));
  }
  return bytes;
}

TEST(ArchiveExample, IsWhatTheTextSays) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "t.fz", example_bytes());
  const ArchiveReader archive(directory / "t.fz");
  EXPECT_EQ(archive.archive_bytes(), 286u);
  EXPECT_FALSE(archive.needs_model());
  ASSERT_EQ(archive.entries().size(), 1u);
  const FileEntry& entry = archive.entries()[0];
  EXPECT_EQ(entry.path, "t");
  EXPECT_EQ(entry.mode, 0644u);
  EXPECT_EQ(entry.mtime_seconds, 981173106);
  EXPECT_EQ(entry.raw_bytes, 3u);
  ASSERT_EQ(archive.blocks().size(), 1u);
  const StoredBlock block = archive.read_block(BlockId{0});
  EXPECT_EQ(decode_block(block, nullptr, "t.fz"), (Bytes{'h', 'i', 0}));
}

}  // namespace
}  // namespace fz::shard
