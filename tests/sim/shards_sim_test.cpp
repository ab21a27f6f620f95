// The shards of a compress job, made at once by runs that know nothing of each other, killed and damaged in every way:
// what `merge` or a plain compress makes of them is always the archive of a single run.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "comm/in_process_transport.h"
#include "coordinator/compress_job.h"
#include "shard/job_adapter.h"
#include "support/expect_error.h"
#include "support/fake_text_codec.h"
#include "support/temporary_directory.h"
#include "worker/tasks.h"

namespace fz {
namespace {

/// Thrown by the simulation where a process would die.
struct Died {};

class ShardsSim : public testing::Test {
 protected:
  ShardsSim() : output_(directory_ / "x.fz"), job_(directory_ / "x.fz.job") {
    for (std::uint32_t i = 0; i < 4; ++i) {
      test::write_text(directory_ / fmt::format("c/text-{}", i), test::make_text(i, 60'000));
    }
    test::write_text(directory_ / "c/noise", test::make_noise(1, 100'000));
    run({}, directory_ / "reference.fz");
    reference_ = test::read_text(directory_ / "reference.fz");
  }

  coordinator::CompressRequest request(const shard::JobPart& part, const std::filesystem::path& output) {
    coordinator::CompressRequest request;
    request.inputs = {(directory_ / "c").string()};
    request.output = output;
    request.part = part;
    request.force = force_;
    request.options.block_bytes = shard::kMinBlockBytes;
    request.choose_model = [](const shard::ModelIdentity&) {
      return coordinator::ModelChoice{test::FakeTextCodec().identity()};
    };
    request.warn = [this](const std::string&) { ++warnings_; };
    return request;
  }
  coordinator::CompressRequest request(const shard::JobPart& part) { return request(part, output_); }

  /// One run on a part or on everything; dies when so many blocks are recorded.
  void run(const shard::JobPart& part, const std::filesystem::path& output, int dies_at = -1) {
    coordinator::CompressJob job(request(part, output));
    comm::InProcessHub hub(1);
    std::thread worker([&] {
      const worker::Resources resources{std::make_shared<ThreadPool>(1),
                                        [](const auto&) { return std::make_unique<test::FakeTextCodec>(); },
                                        1'000'000'000};
      const auto task = worker::make_compress_task({shard::job_directory_of(output), false, part}, resources);
      worker::run_worker(hub.worker(Rank{0}), *task);
    });
    coordinator::Scheduler scheduler(job.items(), 1);
    int blocks = 0;
    bool died = false;
    try {
      coordinator::dispatch(scheduler, hub.coordinator(), job.begin(),
                            {[&](coordinator::DoneBlocks done) {
                               for (std::size_t i = 0; i < done.size(); ++i) {
                                 if (blocks++ == dies_at) throw Died();
                                 job.commit(done.subspan(i, 1));
                               }
                             },
                             [] {}, [](const std::string&) {}});
    } catch (const Died&) {
      died = true;
    }
    hub.close();
    worker.join();
    if (died) throw Died();
    if (!part) job.merge();
  }
  void run(const shard::JobPart& part) { run(part, output_); }

  coordinator::ArchiveSize merge() {
    return coordinator::merge_job({output_, force_, [this](const std::string&) { ++warnings_; }});
  }
  void expect_reference() {
    EXPECT_TRUE(test::read_text(output_) == reference_);
    EXPECT_FALSE(std::filesystem::exists(job_));
    std::filesystem::remove(output_);
  }

  test::TemporaryDirectory directory_;
  std::filesystem::path output_;
  std::filesystem::path job_;
  std::string reference_;
  bool force_ = false;
  std::atomic<int> warnings_ = 0;
};

TEST_F(ShardsSim, AllAtOnceOnAFreshDirectory) {
  for (const std::uint64_t count : {1u, 2u, 3u, 20u}) {
    std::vector<std::thread> shards;
    for (std::uint64_t i = 1; i <= count; ++i) {
      shards.emplace_back([this, i, count] { run(Part{i, count}); });
    }
    for (std::thread& shard : shards) shard.join();
    EXPECT_EQ(merge().archive_bytes, reference_.size());
    expect_reference();
  }
  EXPECT_EQ(warnings_, 0);
}

TEST_F(ShardsSim, ARunThatMightTrainAnAdapterGoesOnWithoutOne) {
  run(Part{2, 2});
  coordinator::CompressRequest later = request(std::nullopt);
  later.choose_memorization = [](const shard::Plan&) { return std::string("on rank=8"); };
  test::expect_error(ErrorCode::kInput, "--memorize off", [&] { coordinator::CompressJob refused(later); });
  later.choose_memorization = [](const shard::Plan&) { return std::string("auto rank=8"); };
  {
    const coordinator::CompressJob resumed(later);
    EXPECT_TRUE(resumed.plan().memorize.empty());
    EXPECT_GT(resumed.reused_blocks(), 0u);
  }
  run(std::nullopt);
  expect_reference();
}

TEST_F(ShardsSim, AnAdapterThatIsLostEndsTheJob) {
  coordinator::CompressRequest training = request(std::nullopt);
  training.choose_memorization = [](const shard::Plan&) { return std::string("on rank=8"); };
  { const coordinator::CompressJob begun(training); }  // nothing is coded: one may still be trained
  EXPECT_NO_THROW(coordinator::CompressJob again(training));
  EXPECT_FALSE(shard::read_job_adapter(job_, shard::read_plan(job_)));
  test::expect_error(ErrorCode::kInput, "adapter of this run is lost",
                     [&] { shard::adapter_of_job(job_, shard::read_plan(job_)); });
}

TEST_F(ShardsSim, AShardThatDiesGoesOnWhereItWas) {
  run(Part{2, 2});
  EXPECT_THROW(run(Part{1, 2}, output_, 1), Died);
  EXPECT_THROW(run(Part{1, 2}, output_, 1), Died);
  {
    const coordinator::CompressJob resumed(request(Part{1, 2}));
    EXPECT_EQ(resumed.reused_blocks(), 2u);
  }
  test::expect_error(ErrorCode::kInput, "run shard 1 of 2 again", [&] { merge(); });
  run(Part{1, 2});
  merge();
  expect_reference();
}

TEST_F(ShardsSim, EveryKindOfRunReusesWhatTheOthersMade) {
  const auto reused = [&](const shard::JobPart& part) {
    return coordinator::CompressJob(request(part)).reused_blocks();
  };
  const std::uint64_t blocks = coordinator::CompressJob(request({})).plan().blocks.size();
  EXPECT_THROW(run({}, output_, 3), Died);
  const std::uint64_t begun = reused({});
  EXPECT_EQ(begun, 3u);
  run(Part{1, 2});
  EXPECT_EQ(reused(Part{1, 2}), (blocks + 1) / 2);
  EXPECT_EQ(reused(Part{1, 4}), (blocks + 3) / 4);  // another division of the same work
  EXPECT_GE(reused({}), (blocks + 1) / 2);
  run(Part{2, 2});
  EXPECT_EQ(reused({}), blocks);
  run({});
  expect_reference();
}

TEST_F(ShardsSim, DamageOfAnyKindCostsBlocksButNeverTheArchive) {
  std::mt19937 random(test::test_seed());
  for (int round = 0; round < 8; ++round) {
    for (std::uint64_t i = 1; i <= 3; ++i) run(Part{i, 3});
    std::vector<std::filesystem::path> files;
    for (const auto& item : std::filesystem::directory_iterator(job_)) {
      if (item.path().filename().string().find("-of-") != std::string::npos) files.push_back(item.path());
    }
    std::sort(files.begin(), files.end());
    for (int damage = 0; damage < 2; ++damage) {
      const std::filesystem::path& file = files[random() % files.size()];
      std::string content = test::read_text(file);
      if (content.empty()) continue;  // a lock
      const std::size_t place = random() % content.size();
      switch (random() % 4) {
        case 0:
          content.resize(place);
          break;
        case 1:
          content += content.substr(place);
          break;
        case 2:  // another file of the same job
          content = test::read_text(files[random() % files.size()]);
          break;
        default:
          content[place] = static_cast<char>(content[place] ^ (1 << random() % 8));
      }
      test::write_text(file, content);
    }
    try {
      merge();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput) << error.what();
      EXPECT_NE(std::string(error.what()).find("blocks are missing: run shard"), std::string::npos) << error.what();
      try {
        for (std::uint64_t i = 1; round % 2 == 0 && i <= 3; ++i) run(Part{i, 3});
      } catch (const Error& journal) {
        EXPECT_NE(std::string(journal.what()).find("not a journal"), std::string::npos) << journal.what();
      }
      run({});  // the plain command mends everything
    }
    expect_reference();
  }
}

// Blocks of a corpus that has changed since must never be taken, not even when the plan was lost.
TEST_F(ShardsSim, WhatWasMadeForAnotherPlanIsNotTaken) {
  run(Part{1, 2});
  std::filesystem::remove(job_ / "plan");
  test::write_text(directory_ / "c/text-0", test::make_text(77, 60'000));
  {
    const coordinator::CompressJob again(request(Part{1, 2}));
    EXPECT_EQ(again.reused_blocks(), 0u);
    const coordinator::CompressJob other(request(Part{1, 4}));
    EXPECT_EQ(other.reused_blocks(), 0u);
  }
  for (std::uint64_t i = 1; i <= 2; ++i) run(Part{i, 2});
  merge();
  const std::string archive = test::read_text(output_);
  std::filesystem::remove(output_);
  run({});
  EXPECT_TRUE(archive == test::read_text(output_));
}

TEST_F(ShardsSim, WhatDiffersIsNamedAndNothingOfTheOthersIsDiscarded) {
  run(Part{1, 2});
  auto other = request(Part{2, 2});
  other.options.block_bytes *= 2;
  other.force = true;
  test::expect_error(ErrorCode::kInput, "shard 2/2 does not fit what is there: its blocks were cut otherwise",
                     [&] { coordinator::CompressJob{other}; });
  test::write_text(directory_ / "c/text-1", "changed");
  test::expect_error(ErrorCode::kInput, "text-1 has changed since it was begun", [&] { run(Part{2, 2}); });
  test::expect_error(ErrorCode::kInput, "text-1 has changed since it was begun", [&] { run({}); });
  test::write_text(job_ / "plan", "nonsense");
  test::expect_error(ErrorCode::kInput, "its plan cannot be read", [&] { run(Part{2, 2}); });
  test::expect_error(ErrorCode::kCorrupt, "plan", [&] { merge(); });
}

TEST_F(ShardsSim, ADeathBetweenRenameAndCleanUpIsFinishedByMerge) {
  for (std::uint64_t i = 1; i <= 2; ++i) run(Part{i, 2});
  std::filesystem::copy(job_, directory_ / "copy", std::filesystem::copy_options::recursive);
  merge();
  std::filesystem::rename(directory_ / "copy", job_);
  test::expect_error(ErrorCode::kOutput, "exists already; pass --force", [&] { merge(); });
  test::expect_error(ErrorCode::kOutput, "exists already; pass --force", [&] { run(Part{1, 2}); });
  coordinator::Commit commit;
  commit.archive_bytes = reference_.size();
  std::copy_n(reference_.end() - 16, 8, commit.footer_check.begin());
  coordinator::Journal(job_ / "journal", shard::plan_check(shard::read_plan(job_))).add_commit(commit);
  EXPECT_EQ(merge().archive_bytes, reference_.size());
  expect_reference();
}

// The old archive's journal, left by an interrupted clean-up, must not make new shards look like something left over.
TEST_F(ShardsSim, NewShardsBesideTheJournalOfAnOldArchiveAreMerged) {
  run(Part{1, 1});
  merge();
  coordinator::Commit commit;
  commit.archive_bytes = reference_.size();
  std::copy_n(reference_.end() - 16, 8, commit.footer_check.begin());
  std::filesystem::create_directory(job_);
  coordinator::Journal(job_ / "journal", {}).add_commit(commit);
  test::write_text(directory_ / "c/new", test::make_text(9, 10'000));
  force_ = true;
  for (std::uint64_t i = 1; i <= 2; ++i) run(Part{i, 2});
  merge();
  EXPECT_TRUE(test::read_text(output_) != reference_);
  EXPECT_FALSE(std::filesystem::exists(job_));
}

TEST_F(ShardsSim, ImpossibleRunNumbersAreRefused) {
  run(Part{1, 2});
  test::write_text(job_ / "shard-1-of-2-18446744073709551615-0", "");
  test::expect_error(ErrorCode::kCorrupt, "impossible run number", [&] { run(Part{1, 2}); });
}

}  // namespace
}  // namespace fz
