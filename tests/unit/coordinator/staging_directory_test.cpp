// What an interrupted restore has left is untrusted: it is taken over only where it is the real thing.
#include "coordinator/staging_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "shard/restore_journal.h"
#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace fz::coordinator {
namespace {

using shard::FileEntry;
using shard::FileType;

const Hash kIdentity = hash_bytes(as_byte_span("this archive"));

FileEntry entry(FileType type, const std::string& path, std::uint64_t raw_bytes = 0) {
  FileEntry result;
  result.type = type;
  result.path = path;
  result.raw_bytes = raw_bytes;
  return result;
}

class Staging : public testing::Test {
 protected:
  Staging() {
    for (const FileEntry& item : entries_) pointers_.push_back(&item);
    StagingDirectory staging = StagingDirectory::create(directory_.path(), kIdentity);
    staging.make_tree(pointers_);
    path_ = staging.path();
  }
  std::optional<StagingDirectory> adopt() { return StagingDirectory::adopt(directory_.path(), kIdentity); }
  std::size_t count_names() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory_.path()), {}));
  }

  test::TemporaryDirectory directory_;
  std::vector<FileEntry> entries_ = {entry(FileType::kDirectory, "c"), entry(FileType::kRegular, "c/f", 5),
                                     entry(FileType::kSymlink, "c/link"), entry(FileType::kDirectory, "c/sub"),
                                     entry(FileType::kRegular, "c/sub/g", 3)};
  std::vector<const FileEntry*> pointers_;
  std::filesystem::path path_;
};

TEST_F(Staging, WhatFitsIsAdoptedUnderANewName) {
  test::write_text(path_ / "tree/c/f", "12345");
  const auto staging = adopt();
  ASSERT_TRUE(staging);
  EXPECT_TRUE(staging->is_adopted());
  EXPECT_FALSE(staging->is_publishing());
  EXPECT_NE(staging->path(), path_);  // a rank of the old run that still writes does not find it
  EXPECT_EQ(count_names(), 1u);
  test::expect_error(ErrorCode::kLaunch, "another run", [&] { adopt(); });
  staging->make_tree(pointers_);
  EXPECT_EQ(test::read_text(staging->tree() / "c/f"), "12345");
}

TEST_F(Staging, OtherThingsAreNotAdopted) {
  test::expect_error(ErrorCode::kOutput, "unfinished restore of another",
                     [&] { StagingDirectory::adopt(directory_.path(), hash_bytes(as_byte_span("another"))); });
  EXPECT_EQ(count_names(), 1u);
  // A copy: its bytes are right, but nothing says where it comes from.
  std::filesystem::copy(path_, directory_ / ".fz-partial-copy", std::filesystem::copy_options::recursive);
  ::chmod((directory_ / ".fz-partial-copy").c_str(), 0700);
  std::filesystem::remove_all(path_);
  test::expect_error(ErrorCode::kOutput, "unfinished restore of another", [&] { adopt(); });
}

TEST_F(Staging, DamagedAndForeignOnesAreLeftAlone) {
  const std::filesystem::path identity = path_ / "identity";
  const std::string good = test::read_text(identity);
  const std::vector<std::function<void()>> attacks = {[&] {},
                                                      [&] { test::write_text(identity, good.substr(0, 20)); },
                                                      [&] { test::write_text(identity, good + "x"); },
                                                      [&] { test::write_text(identity, "X" + good.substr(1)); },
                                                      [&] { ::mkfifo(identity.c_str(), 0600); },
                                                      [&] {
                                                        test::write_text(directory_ / "elsewhere", good);
                                                        std::filesystem::create_symlink(directory_ / "elsewhere",
                                                                                        identity);
                                                      }};
  for (const auto& attack : attacks) {
    std::filesystem::remove(identity);
    attack();
    EXPECT_FALSE(adopt());
    StagingDirectory::remove_abandoned(directory_.path(), kIdentity);
    EXPECT_TRUE(std::filesystem::exists(path_ / "tree/c/f"));
  }
  std::filesystem::create_directory_symlink("/tmp", directory_ / ".fz-partial-link");
  EXPECT_FALSE(adopt());
  EXPECT_TRUE(std::filesystem::is_symlink(directory_ / ".fz-partial-link"));
}

TEST_F(Staging, OneThatOthersCouldHaveWrittenIntoIsRefused) {
  ::chmod(path_.c_str(), 0770);
  test::expect_error(ErrorCode::kOutput, "belongs to another user, or that others could", [&] { adopt(); });
  EXPECT_TRUE(std::filesystem::exists(path_ / "tree/c/f"));
}

TEST_F(Staging, OneThatHadOnlyJustBeenMadeIsRemoved) {
  std::filesystem::remove_all(path_ / "tree");
  std::filesystem::rename(path_ / "identity", path_ / "identity.tmp-7");
  EXPECT_FALSE(adopt());
  EXPECT_EQ(count_names(), 0u);
}

TEST_F(Staging, OneThatWasAllButRemovedIsRemoved) {
  std::filesystem::remove_all(path_ / "tree");
  std::filesystem::rename(path_ / "identity", path_ / "publishing");
  EXPECT_FALSE(adopt());
  EXPECT_EQ(count_names(), 0u);
}

TEST_F(Staging, TheTreeIsMadeToFit) {
  const std::filesystem::path tree = path_ / "tree";
  test::write_text(directory_ / "victim/file", "12345");
  test::write_text(tree / "c/foreign/deep", "not in the archive");
  std::filesystem::create_symlink("/etc/passwd", tree / "c/link");
  std::filesystem::remove(tree / "c/f");
  std::filesystem::create_hard_link(directory_ / "victim/file", tree / "c/f");
  std::filesystem::remove_all(tree / "c/sub");
  std::filesystem::create_directory_symlink(directory_ / "victim", tree / "c/sub");
  ::chmod((tree / "c").c_str(), 0);
  const auto staging = adopt();
  ASSERT_TRUE(staging);
  staging->make_tree(pointers_);
  EXPECT_EQ(test::read_text(directory_ / "victim/file"), "12345");
  EXPECT_EQ(test::read_text(staging->tree() / "c/f"), std::string(5, '\0'));
  EXPECT_TRUE(std::filesystem::is_directory(std::filesystem::symlink_status(staging->tree() / "c/sub")));
  EXPECT_EQ(std::filesystem::file_size(staging->tree() / "c/sub/g"), 3u);
  EXPECT_FALSE(std::filesystem::exists(staging->tree() / "c/foreign"));
  EXPECT_FALSE(std::filesystem::is_symlink(staging->tree() / "c/link"));
}

TEST_F(Staging, AFileOfAnotherSizeOrTypeIsMadeAnew) {
  const std::filesystem::path tree = path_ / "tree";
  test::write_text(tree / "c/f", "123456");
  std::filesystem::remove(tree / "c/sub/g");
  ::mkfifo((tree / "c/sub/g").c_str(), 0600);
  const auto staging = adopt();
  ASSERT_TRUE(staging);
  staging->make_tree(pointers_);
  EXPECT_EQ(test::read_text(staging->tree() / "c/f"), std::string(5, '\0'));
  EXPECT_TRUE(std::filesystem::is_regular_file(staging->tree() / "c/sub/g"));
}

TEST_F(Staging, ATreeThatIsALinkIsReplaced) {
  std::filesystem::remove_all(path_ / "tree");
  test::write_text(directory_ / "victim/c/f", "12345");
  std::filesystem::create_directory_symlink(directory_ / "victim", path_ / "tree");
  const auto staging = adopt();
  ASSERT_TRUE(staging);
  staging->make_tree(pointers_);
  EXPECT_EQ(test::read_text(directory_ / "victim/c/f"), "12345");
  EXPECT_TRUE(std::filesystem::is_directory(std::filesystem::symlink_status(staging->tree())));
}

TEST_F(Staging, PublishingIsRemembered) {
  {
    const auto staging = adopt();
    ASSERT_TRUE(staging);
    staging->mark_publishing();
    path_ = staging->path();
  }
  {
    const auto staging = adopt();
    ASSERT_TRUE(staging && staging->is_publishing());
    path_ = staging->path();
  }
  std::string mark = test::read_text(path_ / "publishing");
  mark[20] ^= 1;
  test::write_text(path_ / "publishing", mark);
  EXPECT_FALSE(adopt()->is_publishing());
}

}  // namespace
}  // namespace fz::coordinator
