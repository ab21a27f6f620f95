// Where a restore writes: links in the target are never followed, nothing that exists is lost, nothing half done stays.
#include "coordinator/restore_target.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace fz::coordinator {
namespace {

using shard::FileEntry;
using shard::FileType;
using test::expect_error;

FileEntry entry(FileType type, const std::string& path, std::uint32_t mode) {
  FileEntry result;
  result.type = type;
  result.path = path;
  result.mode = mode;
  result.mtime_seconds = 1'000'000'000;
  result.mtime_nanoseconds = 123'456'789;
  return result;
}

/// c/ (read-only), c/f, c/link, c/sub/ and c/sub/g.
std::vector<FileEntry> sample() {
  FileEntry link = entry(FileType::kSymlink, "c/link", 0777);
  link.target = "/etc/passwd";
  FileEntry file = entry(FileType::kRegular, "c/f", 0640);
  file.raw_bytes = 3;
  return {entry(FileType::kDirectory, "c", 0555), file, link, entry(FileType::kDirectory, "c/sub", 02750),
          entry(FileType::kRegular, "c/sub/g", 0600)};
}

std::vector<const FileEntry*> pointers(const std::vector<FileEntry>& entries) {
  std::vector<const FileEntry*> result;
  for (const FileEntry& item : entries) result.push_back(&item);
  return result;
}

void restore(const std::filesystem::path& target, const std::vector<FileEntry>& entries, bool force) {
  RestoreTarget restore_target(target, pointers(entries), {.force = force});
  restore_target.prepare();
  for (const FileEntry& item : entries) {
    if (item.type != FileType::kRegular || item.raw_bytes == 0) continue;
    File::open_for_update(restore_target.staging().tree() / item.path).write_at(0, as_byte_span("new"));
  }
  restore_target.publish();
}

struct stat status_of(const std::filesystem::path& path) {
  struct stat status = {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status;
}

std::size_t count_names(const std::filesystem::path& path) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(path), std::filesystem::directory_iterator()));
}

TEST(RestoreTarget, ModesAndTimesComeBack) {
  const test::TemporaryDirectory directory;
  const std::vector<FileEntry> entries = sample();
  restore(directory / "new/out", entries, false);
  const std::filesystem::path out = directory / "new/out";
  EXPECT_EQ(test::read_text(out / "c/f"), "new");
  EXPECT_EQ(std::filesystem::read_symlink(out / "c/link"), "/etc/passwd");
  for (const FileEntry& item : entries) {
    const struct stat status = status_of(out / item.path);
    EXPECT_EQ(status.st_mtim.tv_sec, item.mtime_seconds) << item.path;
    EXPECT_EQ(status.st_mtim.tv_nsec, item.mtime_nanoseconds) << item.path;
    if (item.type != FileType::kSymlink) {
      EXPECT_EQ(status.st_mode & 07777, item.mode) << item.path;
    }
  }
  EXPECT_EQ(count_names(out), 1u);  // no staging directory
}

TEST(RestoreTarget, ATargetThatIsNotEmptyIsRefused) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "out/other", "keep");
  expect_error(ErrorCode::kOutput, "not empty; pass --force", [&] { restore(directory / "out", sample(), false); });
  EXPECT_EQ(count_names(directory / "out"), 1u);
  test::write_text(directory / "file", "x");
  expect_error(ErrorCode::kOutput, "not a directory", [&] { restore(directory / "file", sample(), false); });
}

TEST(RestoreTarget, TheWorkingDirectoryMayHoldOtherThings) {
  const test::TemporaryDirectory directory;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  test::write_text(directory / "other", "keep");
  restore(".", sample(), false);
  EXPECT_EQ(test::read_text(directory / "c/f"), "new");
  expect_error(ErrorCode::kOutput, "c: exists already", [&] { restore(".", sample(), false); });
  std::filesystem::current_path(before);
}

TEST(RestoreTarget, ForceReplacesFilesOneByOne) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "out/c/f", "old, and longer");
  test::write_text(directory / "out/c/other", "keep");
  std::filesystem::create_hard_link(directory / "out/c/f", directory / "alias");
  restore(directory / "out", sample(), true);
  EXPECT_EQ(test::read_text(directory / "out/c/f"), "new");
  EXPECT_EQ(test::read_text(directory / "out/c/other"), "keep");
  EXPECT_EQ(test::read_text(directory / "alias"), "old, and longer");  // replaced by a rename, not written into
  EXPECT_EQ(status_of(directory / "out/c").st_mode & 07777, 0555u);
  EXPECT_EQ(status_of(directory / "out/c").st_mtim.tv_sec, 1'000'000'000);
}

TEST(RestoreTarget, LinksInTheTargetAreNotFollowed) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "victim/f", "victim");
  std::filesystem::create_directories(directory / "out");
  std::filesystem::create_symlink(directory / "victim", directory / "out/c");
  expect_error(ErrorCode::kOutput, "is not a directory", [&] { restore(directory / "out", sample(), true); });
  EXPECT_EQ(test::read_text(directory / "victim/f"), "victim");
  EXPECT_EQ(count_names(directory / "victim"), 1u);

  std::filesystem::remove(directory / "out/c");
  std::filesystem::create_directories(directory / "out/c");
  std::filesystem::create_symlink(directory / "victim/f", directory / "out/c/f");
  restore(directory / "out", sample(), true);
  EXPECT_EQ(test::read_text(directory / "victim/f"), "victim");  // the link itself was replaced
  EXPECT_FALSE(std::filesystem::is_symlink(directory / "out/c/f"));
}

TEST(RestoreTarget, ConflictsAreFoundBeforeAnythingIsReplaced) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "out/c/f", "old");
  test::write_text(directory / "out/c/sub", "a file where the archive has a directory");
  expect_error(ErrorCode::kOutput, "sub: exists and is not a directory",
               [&] { restore(directory / "out", sample(), true); });
  EXPECT_EQ(test::read_text(directory / "out/c/f"), "old");
  std::filesystem::remove(directory / "out/c/sub");
  std::filesystem::remove(directory / "out/c/f");
  test::write_text(directory / "out/c/f/inside", "a directory where the archive has a file");
  expect_error(ErrorCode::kOutput, "f: exists and is a directory", [&] { restore(directory / "out", sample(), true); });
  EXPECT_EQ(count_names(directory / "out"), 1u);
}

TEST(RestoreTarget, AnAbandonedRestoreLeavesNothing) {
  const test::TemporaryDirectory directory;
  const std::vector<FileEntry> entries = sample();
  {
    RestoreTarget target(directory / "out", pointers(entries), {});
    target.prepare();
    EXPECT_EQ(count_names(directory / "out"), 1u);
  }
  EXPECT_FALSE(std::filesystem::exists(directory / "out"));
}

/// a (a file), then sample(): with a stop between the two names when something called c is in the way.
struct InterruptedPublication {
  test::TemporaryDirectory directory;
  std::vector<FileEntry> entries = sample();
  InterruptedPublication(bool force = false) {
    entries.insert(entries.begin(), entry(FileType::kRegular, "a", 0600));
    RestoreTarget target(directory / "out", pointers(entries), {.force = force, .resume = true});
    target.prepare();
    File::open_for_update(target.staging().tree() / "c/f").write_at(0, as_byte_span("new"));
    test::write_text(directory / "out/c", "in the way");
    expect_error(ErrorCode::kOutput, "c: exists", [&] { target.publish(); });
    EXPECT_TRUE(target.keeps_staging());
    EXPECT_TRUE(std::filesystem::exists(directory / "out/a"));
    std::filesystem::remove(directory / "out/c");
  }
  void go_on(bool force = false) {
    RestoreTarget target(directory / "out", pointers(entries), {.force = force, .resume = true});
    EXPECT_TRUE(target.is_complete());
    target.prepare();
    target.publish();
  }
};

TEST(RestoreTarget, APublicationThatWasInterruptedGoesOn) {
  for (const bool force : {false, true}) {
    InterruptedPublication restore(force);
    restore.go_on(force);
    EXPECT_EQ(count_names(restore.directory / "out"), 2u);
    EXPECT_EQ(test::read_text(restore.directory / "out/c/f"), "new");
    EXPECT_TRUE(std::filesystem::is_symlink(restore.directory / "out/c/link"));
    EXPECT_EQ(status_of(restore.directory / "out/c").st_mode & 07777, 0555u);
    EXPECT_EQ(status_of(restore.directory / "out/c/sub").st_mtim.tv_sec, 1'000'000'000);
  }
}

TEST(RestoreTarget, WhatGotItsNameAndIsGoneIsMissed) {
  InterruptedPublication restore;
  std::filesystem::remove(restore.directory / "out/a");
  expect_error(ErrorCode::kOutput, "a: was restored by the interrupted run and is gone", [&] { restore.go_on(); });
}

TEST(RestoreTarget, WhatIsToBeContinuedStays) {
  const test::TemporaryDirectory directory;
  const std::vector<FileEntry> entries = sample();
  const RestoreTargetOptions resume = {.force = false, .resume = true};
  RestoreTarget(directory / "out", pointers(entries), resume);  // nothing was done yet
  EXPECT_FALSE(std::filesystem::exists(directory / "out"));
  RestoreTarget(directory / "out", pointers(entries), resume).prepare();
  EXPECT_EQ(count_names(directory / "out"), 1u);
  // What else came into the target is no reason to throw the work away.
  test::write_text(directory / "out/other", "");
  expect_error(ErrorCode::kOutput, "not empty", [&] { RestoreTarget(directory / "out", pointers(entries), resume); });
  EXPECT_EQ(count_names(directory / "out"), 2u);
  std::filesystem::remove(directory / "out/other");
  EXPECT_TRUE(RestoreTarget(directory / "out", pointers(entries), resume).staging().is_adopted());
  // Without being asked to go on, it starts cleanly.
  restore(directory / "out", entries, false);
  EXPECT_EQ(count_names(directory / "out"), 1u);
}

TEST(RestoreTarget, LeftoversOfAKilledRestoreAreRemovedButNotThoseInUse) {
  const test::TemporaryDirectory directory;
  const std::vector<FileEntry> entries = sample();
  std::filesystem::create_directories(directory / "out/.fz-partial-begun");
  ::chmod((directory / "out/.fz-partial-begun").c_str(), 0700);
  StagingDirectory::create(directory / "out", {}).make_tree(pointers(entries));
  restore(directory / "out", entries, false);
  EXPECT_EQ(count_names(directory / "out"), 1u);

  RestoreTarget running(directory / "busy", pointers(entries), {});
  expect_error(ErrorCode::kOutput, "not empty", [&] { restore(directory / "busy", entries, false); });
  EXPECT_TRUE(std::filesystem::exists(running.staging().path()));
}

TEST(RestoreTarget, ARestoreThatIsRefusedHasRemovedNothing) {
  const test::TemporaryDirectory directory;
  const std::vector<FileEntry> entries = sample();
  test::write_text(directory / "out/other", "");
  StagingDirectory::create(directory / "out", {}).make_tree(pointers(entries));
  expect_error(ErrorCode::kOutput, "not empty", [&] { restore(directory / "out", entries, false); });
  EXPECT_EQ(count_names(directory / "out"), 2u);
}

TEST(RestoreTarget, WhatIsNotItsOwnIsLeftAlone) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "out/.fz-partial-someones/notes", "keep");
  expect_error(ErrorCode::kOutput, ".fz-partial-someones is another restore's",
               [&] { restore(directory / "out", sample(), false); });
  const StagingDirectory another = StagingDirectory::create(directory / "out", hash_bytes(as_byte_span("another")));
  restore(directory / "out", sample(), true);
  EXPECT_EQ(test::read_text(directory / "out/.fz-partial-someones/notes"), "keep");
  EXPECT_TRUE(std::filesystem::exists(another.path()));
}

TEST(RestoreTarget, WhatAppearsMeanwhileIsNotReplaced) {
  const test::TemporaryDirectory directory;
  const std::vector<FileEntry> entries = sample();
  RestoreTarget target(directory / "out", pointers(entries), {});
  target.prepare();
  test::write_text(directory / "out/c", "the user's");
  expect_error(ErrorCode::kOutput, "c: exists", [&] { target.publish(); });
  EXPECT_EQ(test::read_text(directory / "out/c"), "the user's");
}

TEST(RestoreTarget, MereParentsThatExistStayAsTheyAre) {
  const test::TemporaryDirectory directory;
  const std::vector<FileEntry> entries = sample();
  std::filesystem::create_directories(directory / "out/c");
  ::chmod((directory / "out/c").c_str(), 0700);
  RestoreTarget target(directory / "out", pointers(entries),
                       {.force = true, .mere_parents = {&entries[0], &entries[3]}});
  target.prepare();
  target.publish();
  EXPECT_EQ(status_of(directory / "out/c").st_mode & 07777, 0700u);
  EXPECT_NE(status_of(directory / "out/c").st_mtim.tv_sec, 1'000'000'000);
  EXPECT_EQ(status_of(directory / "out/c/sub").st_mode & 07777, 02750u);  // it is new
}

}  // namespace
}  // namespace fz::coordinator
