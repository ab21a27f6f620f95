#include "base/file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace fz {
namespace {

using test::expect_error;

TEST(File, ReportsWhatIsWrongAndWhere) {
  const test::TemporaryDirectory directory;
  expect_error(ErrorCode::kInput, "missing: cannot open", [&] { File::open_for_reading(directory / "missing"); });
  expect_error(ErrorCode::kOutput, "cannot create", [&] { File::create(directory / "no" / "such"); });
  test::write_text(directory / "short", "abc");
  expect_error(ErrorCode::kInput, "ends 2 bytes early",
               [&] { File::open_for_reading(directory / "short").read_at(1, 4); });
}

TEST(File, TellsWhatHasAName) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "file", "abc");
  std::filesystem::create_symlink(directory / "file", directory / "link");
  std::filesystem::create_symlink("nowhere", directory / "dangling");
  for (const char* name : {"file", "link", "dangling", "."}) EXPECT_TRUE(is_present(directory / name)) << name;
  for (const std::string& name : {std::string("absent"), std::string("file/below"), std::string(300, 'x')}) {
    EXPECT_FALSE(is_present(directory / name)) << name;
  }
  EXPECT_TRUE(is_plain_file(directory / "file"));
  for (const char* name : {"link", "dangling", ".", "absent"}) EXPECT_FALSE(is_plain_file(directory / name)) << name;
}

TEST(File, RenameWithoutReplacingKeepsTheOld) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "old", "old");
  test::write_text(directory / "new", "new");
  expect_error(ErrorCode::kOutput, "exists already",
               [&] { rename_durably_without_replacing(directory / "new", directory / "old"); });
  EXPECT_EQ(test::read_text(directory / "old"), "old");
  rename_durably_without_replacing(directory / "new", directory / "free");
  EXPECT_EQ(test::read_text(directory / "free"), "new");
}

TEST(File, LockIsExclusive) {
  const test::TemporaryDirectory directory;
  const File first = File::open_for_appending(directory / "lock");
  const File second = File::open_for_appending(directory / "lock");
  EXPECT_TRUE(first.try_lock());
  EXPECT_FALSE(second.try_lock());
}

TEST(File, SharedLocksStandAgainstExclusiveOnes) {
  const test::TemporaryDirectory directory;
  File first = File::open_for_appending(directory / "lock");
  File second = File::open_for_appending(directory / "lock");
  const File third = File::open_for_appending(directory / "lock");
  EXPECT_TRUE(first.try_lock(LockKind::kShared));
  EXPECT_TRUE(second.try_lock(LockKind::kShared));
  EXPECT_FALSE(third.try_lock());
  first.close();
  EXPECT_FALSE(third.try_lock());
  second.close();
  EXPECT_TRUE(third.try_lock());
}

TEST(File, OfManyThatCreateAFileAtOnceOneSucceeds) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "tmp-3", "left by an earlier try");
  std::atomic<int> created = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const std::string content = std::string(10'000, static_cast<char>('a' + i));
      if (create_file_once(directory / "f", as_byte_span(content), directory / fmt::format("tmp-{}", i))) ++created;
      // Whoever lost reads the winner's, whole.
      const std::string found = test::read_text(directory / "f");
      EXPECT_EQ(found, std::string(10'000, found.at(0)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(created, 1);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), std::filesystem::directory_iterator()),
            1);
}

TEST(File, ReplaceFileLeavesNothingBehind) {
  const test::TemporaryDirectory directory;
  replace_file(directory / "f", as_byte_span("one"));
  // A killed process with the number of this one: in containers they come again.
  test::write_text(directory / fmt::format("f.tmp-{}", ::getpid()), "half");
  replace_file(directory / "f", as_byte_span("two"));
  EXPECT_EQ(test::read_text(directory / "f"), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), std::filesystem::directory_iterator()),
            1);
}

}  // namespace
}  // namespace fz
