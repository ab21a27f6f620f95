#include "coordinator/job_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace fz::coordinator {
namespace {

using test::expect_error;

const shard::JobPart kFirst = Part{1, 3};
const shard::JobPart kSecond = Part{2, 3};

TEST(JobDirectory, TheWholeJobIsAlone) {
  const test::TemporaryDirectory directory;
  const JobDirectory whole(directory / "x.job");
  expect_error(ErrorCode::kLaunch, "another run is making this archive", [&] { JobDirectory(directory / "x.job"); });
  expect_error(ErrorCode::kLaunch, "another run is making this archive",
               [&] { JobDirectory(directory / "x.job", kFirst); });
}

TEST(JobDirectory, PartsShareItButEachIsDoneOnce) {
  const test::TemporaryDirectory directory;
  {
    const JobDirectory first(directory / "x.job", kFirst);
    const JobDirectory second(directory / "x.job", kSecond);
    expect_error(ErrorCode::kLaunch, "shard 2/3 is being made", [&] { JobDirectory(directory / "x.job", kSecond); });
    const JobDirectory other_division(directory / "x.job", Part{2, 4});
    expect_error(ErrorCode::kLaunch, "shards of this archive are being made",
                 [&] { JobDirectory(directory / "x.job"); });
  }
  // The lock files are left; the locks are not.
  EXPECT_TRUE(std::filesystem::exists(directory / "x.job/lock-2-of-3"));
  const JobDirectory second(directory / "x.job", kSecond);
}

TEST(JobDirectory, KnowsItsJournalsAndRuns) {
  const test::TemporaryDirectory directory;
  const JobDirectory job(directory / "x.job");
  for (const char* name : {"journal-2-of-3", "journal", "journal-1-of-3", "journal-1-of-2", "shard-7-0",
                           "shard-2-of-3-9-0", "shard-2-of-3-10-0", "plan.tmp-shard-1-of-3"}) {
    test::write_text(directory / "x.job" / name, "");
  }
  EXPECT_EQ(shard::parts_with_file(job.path(), shard::kJournalName),
            (std::vector<shard::JobPart>{{}, Part{1, 2}, kFirst, kSecond}));
  EXPECT_EQ(job.last_run({}), 7u);
  EXPECT_EQ(job.last_run(kSecond), 10u);
  EXPECT_EQ(job.last_run(kFirst), 0u);
}

TEST(JobDirectory, RemovesEverything) {
  const test::TemporaryDirectory directory;
  JobDirectory job(directory / "x.job");
  for (const char* name : {"plan", "journal", "journal-1-of-3", "lock-1-of-3", "shard-2-of-3-9-0", "merged"}) {
    test::write_text(directory / "x.job" / name, "");
  }
  job.clear();
  EXPECT_TRUE(std::filesystem::exists(directory / "x.job/lock"));
  EXPECT_FALSE(std::filesystem::exists(directory / "x.job/lock-1-of-3"));
  job.remove();
  EXPECT_FALSE(std::filesystem::exists(directory / "x.job"));
}

TEST(JobDirectory, WhatIsNotOursIsNotTouched) {
  const test::TemporaryDirectory directory;
  const auto refused = [&](const std::string& text) {
    for (const shard::JobPart& part : {shard::JobPart(), kFirst}) {
      expect_error(ErrorCode::kOutput, text, [&] { JobDirectory(directory / "x.job", part); });
    }
    EXPECT_FALSE(std::filesystem::exists(directory / "x.job/lock"));
    std::filesystem::remove_all(directory / "x.job");
  };
  test::write_text(directory / "x.job/journal-of-my-travels", "");
  refused("is not the directory of an unfinished run");
  std::filesystem::create_directories(directory / "x.job/plan");
  refused("is not a plain file");
  std::filesystem::create_directory(directory / "x.job");
  std::filesystem::create_symlink("/dev/zero", directory / "x.job/journal-1-of-2");
  refused("is not a plain file");
  std::filesystem::create_directory(directory / "x.job");
  ::mkfifo((directory / "x.job/journal-1-of-2").c_str(), 0600);
  refused("is not a plain file");
}

}  // namespace
}  // namespace fz::coordinator
