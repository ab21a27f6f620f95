#include "coordinator/verified_blocks.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace fz::coordinator {
namespace {

using Blocks = std::vector<BlockId>;
constexpr BlockId b0{0}, b1{1}, b2{2};
const Hash kArchive{1, 2, 3};

TEST(VerifiedBlocks, AreRememberedUntilTheyAreRemoved) {
  const test::TemporaryDirectory directory;
  const auto path = directory / "state";
  VerifiedBlocks(path, kArchive).add(Blocks{b0});
  VerifiedBlocks(path, kArchive).add(Blocks{b2});
  VerifiedBlocks verified(path, kArchive);
  EXPECT_TRUE(verified.contains(b0) && !verified.contains(b1) && verified.contains(b2));
  verified.remove();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(VerifiedBlocks, ATornTailIsCutOffAtEveryLength) {
  const test::TemporaryDirectory directory;
  const auto path = directory / "state";
  VerifiedBlocks(path, kArchive).add(Blocks{b0, b1});
  const std::string whole = test::read_text(path);
  const std::size_t record_bytes = (whole.size() - 40) / 2;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    test::write_text(path, whole.substr(0, size));
    {
      VerifiedBlocks verified(path, kArchive);
      EXPECT_EQ(verified.contains(b0), size >= 40 + record_bytes) << size;
      EXPECT_FALSE(verified.contains(b1)) << size;
      verified.add(Blocks{b2});
    }
    EXPECT_TRUE(VerifiedBlocks(path, kArchive).contains(b2)) << size;
  }
  std::string damaged = whole;
  damaged[41] = static_cast<char>(damaged[41] ^ 1);
  test::write_text(path, damaged);
  EXPECT_FALSE(VerifiedBlocks(path, kArchive).contains(b0));
}

TEST(VerifiedBlocks, OtherFilesAreRefusedAndStay) {
  const test::TemporaryDirectory directory;
  const auto path = directory / "state";
  const auto refused = [&](const char* what) {
    test::expect_error(ErrorCode::kOutput, what, [&] { VerifiedBlocks(path, kArchive); });
  };
  for (const char* text : {"x", "notes of mine", "FZvrfx\x01"}) {
    test::write_text(path, text);
    refused("does not belong");
    EXPECT_EQ(test::read_text(path), text);
  }
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  refused("not a plain file");
  std::filesystem::remove(path);
  VerifiedBlocks(path, {9}).add(Blocks{b0});
  refused("another archive");
  std::filesystem::remove(path);
  const VerifiedBlocks other(path, kArchive);
  refused("in use");
}

}  // namespace
}  // namespace fz::coordinator
