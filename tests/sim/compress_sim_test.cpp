// A whole compress job with many workers on the in-process transport: delays, deaths of ranks, failures at every step,
// resumption. The archive is always the one that a single worker makes.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "comm/in_process_transport.h"
#include "coordinator/compress_job.h"
#include "support/expect_error.h"
#include "support/fake_text_codec.h"
#include "support/temporary_directory.h"
#include "worker/tasks.h"

namespace fz {
namespace {

/// Thrown by the simulation where a process would die.
struct Died {};

struct Corpus {
  test::TemporaryDirectory directory;
  Corpus() {
    for (std::uint32_t i = 0; i < 4; ++i) {
      test::write_text(directory / fmt::format("c/text-{}", i), test::make_text(i, 60'000));
      test::write_text(directory / fmt::format("c/bin/noise-{}", i), test::make_noise(i, 60'000));
    }
  }
  std::string input() const { return (directory / "c").string(); }
};

coordinator::CompressRequest request_for(const Corpus& corpus, const std::filesystem::path& output) {
  coordinator::CompressRequest request;
  request.inputs = {corpus.input()};
  request.output = output;
  request.options.block_bytes = shard::kMinBlockBytes;
  request.choose_model = [](const shard::ModelIdentity&) {
    return coordinator::ModelChoice{test::FakeTextCodec().identity()};
  };
  request.warn = [](const std::string&) {};
  return request;
}

worker::Resources resources(int threads) {
  return {std::make_shared<ThreadPool>(threads), [](const auto&) { return std::make_unique<test::FakeTextCodec>(); },
          1'000'000'000};
}

/// Delays its work by a seeded time, so that ranks finish in another order every time.
class SlowTask final : public worker::Task {
 public:
  SlowTask(std::unique_ptr<worker::Task> task, std::uint32_t seed) : task_(std::move(task)), random_(seed) {}
  void begin(const comm::Begin& begin, Rank rank) override { task_->begin(begin, rank); }
  comm::Ready ready() override { return task_->ready(); }
  void process(std::span<const BlockId> blocks, const Report& report) override {
    std::this_thread::sleep_for(std::chrono::microseconds(random_() % 3000));
    task_->process(blocks, report);
  }
  void finish() override { task_->finish(); }

 private:
  std::unique_ptr<worker::Task> task_;
  std::mt19937 random_;
};

struct SimOptions {
  int ranks = 1;
  int threads = 1;
  std::uint32_t seed = 0;
  int die_after_commits = -1;  ///< The coordinator dies after so many calls of commit.
  bool die_before_merge = false;
  std::optional<BlockId> killer = std::nullopt;  ///< The process dies working on it.
};

void run_job(const coordinator::CompressRequest& request, const SimOptions& options) {
  coordinator::CompressJob job(request);
  if (job.was_complete()) return;
  comm::InProcessHub hub(options.ranks);
  std::vector<std::thread> workers;
  for (int rank = 0; rank < options.ranks; ++rank) {
    workers.emplace_back([&, rank] {
      auto task =
          worker::make_compress_task({shard::job_directory_of(request.output), true}, resources(options.threads));
      SlowTask slow(std::move(task), options.seed + static_cast<std::uint32_t>(rank));
      worker::run_worker(hub.worker(Rank(static_cast<std::uint32_t>(rank))), slow);
    });
  }
  const auto join = [&] {
    hub.close();
    for (std::thread& thread : workers) thread.join();
  };
  coordinator::Scheduler scheduler(job.items(), options.ranks);
  int commits = 0;
  coordinator::DispatchHooks hooks;
  hooks.commit = [&](coordinator::DoneBlocks done) {
    if (commits++ == options.die_after_commits) throw Died();
    job.commit(done);
  };
  hooks.idle = [] {};
  hooks.before_assign = [&](std::span<const BlockId> blocks) {
    job.begin_blocks(blocks);
    if (options.killer && std::find(blocks.begin(), blocks.end(), *options.killer) != blocks.end()) throw Died();
  };
  try {
    coordinator::dispatch(scheduler, hub.coordinator(), job.begin(), hooks);
  } catch (const Died&) {
    join();
    throw;
  } catch (...) {
    join();
    job.end_run();
    throw;
  }
  join();
  if (options.die_before_merge) throw Died();
  job.merge();
}

std::string reference_archive(const Corpus& corpus) {
  run_job(request_for(corpus, corpus.directory / "reference.fz"), {});
  return test::read_text(corpus.directory / "reference.fz");
}

TEST(CompressSim, TheArchiveDoesNotDependOnRanksThreadsOrOrder) {
  const Corpus corpus;
  const std::string reference = reference_archive(corpus);
  const std::uint32_t seed = test::test_seed();
  for (const int ranks : {1, 2, 3, 8}) {
    for (const int threads : {1, 3}) {
      const std::filesystem::path output = corpus.directory / "again.fz";
      run_job(request_for(corpus, output), {.ranks = ranks, .threads = threads, .seed = seed});
      EXPECT_TRUE(test::read_text(output) == reference) << ranks << " ranks, " << threads << " threads";
      EXPECT_FALSE(std::filesystem::exists(corpus.directory / "again.fz.job"));
      std::filesystem::remove(output);
    }
  }
}

TEST(CompressSim, ADeathAfterAnyCommitIsResumed) {
  const Corpus corpus;
  const std::string reference = reference_archive(corpus);
  const std::filesystem::path output = corpus.directory / "again.fz";
  for (int commits = 0; commits < 6; ++commits) {
    EXPECT_THROW(run_job(request_for(corpus, output), {.ranks = 2, .die_after_commits = commits}), Died);
    EXPECT_FALSE(std::filesystem::exists(output));
    if (commits > 0) {
      coordinator::CompressJob resumed(request_for(corpus, output));
      EXPECT_GE(resumed.reused_blocks(), 1u);
    }
    EXPECT_THROW(run_job(request_for(corpus, output), {.ranks = 3, .die_before_merge = true}), Died);
    run_job(request_for(corpus, output), {.ranks = 1});
    EXPECT_TRUE(test::read_text(output) == reference);
    std::filesystem::remove(output);
  }
}

TEST(CompressSim, AnyTornJournalAndAnyDamagedShardIsResumed) {
  const Corpus corpus;
  const std::string reference = reference_archive(corpus);
  const std::filesystem::path output = corpus.directory / "again.fz";
  const std::filesystem::path job = corpus.directory / "again.fz.job";
  std::mt19937 random(test::test_seed());
  for (int round = 0; round < 8; ++round) {
    EXPECT_THROW(run_job(request_for(corpus, output), {.ranks = 2, .die_before_merge = true}), Died);
    const std::string journal = test::read_text(job / "journal");
    test::write_text(job / "journal", journal.substr(0, random() % journal.size()));
    for (const auto& item : std::filesystem::directory_iterator(job)) {
      if (!item.path().filename().string().starts_with("shard-") || random() % 2 == 0) continue;
      std::string shard = test::read_text(item.path());
      if (shard.empty()) continue;
      shard[random() % shard.size()] ^= 1;
      if (random() % 3 == 0) shard.resize(random() % shard.size());
      test::write_text(item.path(), shard);
    }
    run_job(request_for(corpus, output), {.ranks = 2, .seed = static_cast<std::uint32_t>(round)});
    EXPECT_TRUE(test::read_text(output) == reference);
    std::filesystem::remove(output);
  }
}

TEST(CompressSim, ADeathBetweenRenameAndCleanUpIsFinished) {
  const Corpus corpus;
  const std::filesystem::path output = corpus.directory / "again.fz";
  const std::filesystem::path job = corpus.directory / "again.fz.job";
  EXPECT_THROW(run_job(request_for(corpus, output), {.die_before_merge = true}), Died);
  // Keep what the job directory holds at the very end: plan and journal with the commit record.
  std::filesystem::copy(job, corpus.directory / "copy", std::filesystem::copy_options::recursive);
  run_job(request_for(corpus, output), {});
  const std::string reference = test::read_text(output);
  std::filesystem::rename(corpus.directory / "copy", job);
  coordinator::Journal(job / "journal", shard::plan_check(shard::read_plan(job))).add_commit([&] {
    coordinator::Commit commit;
    commit.archive_bytes = reference.size();
    std::copy_n(reference.end() - 16, 8, commit.footer_check.begin());
    return commit;
  }());
  coordinator::CompressJob again(request_for(corpus, output));
  EXPECT_TRUE(again.was_complete());
  EXPECT_FALSE(std::filesystem::exists(job));
  EXPECT_EQ(test::read_text(output), reference);
  // Without that journal it is simply an output that exists.
  test::expect_error(ErrorCode::kOutput, "exists already",
                     [&] { coordinator::CompressJob(request_for(corpus, output)); });
}

TEST(CompressSim, WhatDiffersIsNamedAndForceStartsAfresh) {
  const Corpus corpus;
  const std::string reference = reference_archive(corpus);
  const std::filesystem::path output = corpus.directory / "again.fz";
  auto request = request_for(corpus, output);
  request.options.block_bytes = 2 * shard::kMinBlockBytes;
  EXPECT_THROW(run_job(request, {.die_after_commits = 2}), Died);
  test::expect_error(ErrorCode::kInput, "its blocks were cut otherwise",
                     [&] { run_job(request_for(corpus, output), {}); });
  request = request_for(corpus, output);
  request.force = true;
  run_job(request, {});
  EXPECT_TRUE(test::read_text(output) == reference);
}

TEST(CompressSim, ASecondRunAtTheSameTimeIsRefused) {
  const Corpus corpus;
  const auto request = request_for(corpus, corpus.directory / "again.fz");
  const coordinator::CompressJob first(request);
  test::expect_error(ErrorCode::kLaunch, "another run", [&] { coordinator::CompressJob second(request); });
}

TEST(CompressSim, ABlockThatKillsEveryRunKeepsNoOtherFromBeingDone) {
  const Corpus corpus;
  const std::string reference = reference_archive(corpus);
  auto request = request_for(corpus, corpus.directory / "again.fz");
  std::string warning;
  request.warn = [&](const std::string& text) { warning = text; };
  const auto blocks = coordinator::plan_corpus(request).blocks.size();
  ASSERT_GE(blocks, 4u);
  for (const int ranks : {1, 3}) {
    SCOPED_TRACE(ranks);
    const SimOptions deadly{.ranks = ranks, .killer = BlockId{1}};
    for (int run = 0; run < 4; ++run) EXPECT_THROW(run_job(request, deadly), Died);
    EXPECT_EQ(warning, "block 1: 3 runs died with it in work; it comes last, and alone");
    EXPECT_EQ(coordinator::read_journal(corpus.directory / "again.fz.job/journal").blocks.size(), blocks - 1);
    run_job(request, {.ranks = ranks});
    EXPECT_TRUE(test::read_text(request.output) == reference);
    std::filesystem::remove(request.output);
  }
}

TEST(CompressSim, AFileThatChangesIsAnError) {
  const Corpus corpus;
  const auto request = request_for(corpus, corpus.directory / "again.fz");
  coordinator::CompressJob job(request);
  test::write_text(corpus.directory / "c/text-0", "something else");
  comm::InProcessHub hub(1);
  std::thread worker([&] {
    auto task = worker::make_compress_task({shard::job_directory_of(request.output), false}, resources(1));
    worker::run_worker(hub.worker(Rank{0}), *task);
  });
  coordinator::Scheduler scheduler(job.items(), 1);
  test::expect_error(ErrorCode::kInput, "text-0: changed", [&] {
    coordinator::dispatch(scheduler, hub.coordinator(), job.begin(),
                          {[&](coordinator::DoneBlocks done) { job.commit(done); }, [] {}, [](const std::string&) {}});
  });
  hub.close();
  worker.join();
  EXPECT_FALSE(std::filesystem::exists(request.output));
}

TEST(CompressSim, ALostRankIsReplaced) {
  const Corpus corpus;
  const std::string reference = reference_archive(corpus);
  const auto request = request_for(corpus, corpus.directory / "again.fz");
  coordinator::CompressJob job(request);
  coordinator::Scheduler scheduler(job.items(), 2);
  const Rank lost{1};
  scheduler.on_ready(lost, {}, 0);  // takes the first block and is never heard of again
  scheduler.on_rank_lost(lost, 0);
  comm::InProcessHub hub(2);
  std::thread worker([&] {
    auto task = worker::make_compress_task({shard::job_directory_of(request.output), false}, resources(1));
    worker::run_worker(hub.worker(Rank{0}), *task);
  });
  coordinator::dispatch(scheduler, hub.coordinator(), job.begin(),
                        {[&](coordinator::DoneBlocks done) { job.commit(done); }, [] {}, [](const std::string&) {}});
  worker.join();
  job.merge();
  EXPECT_TRUE(test::read_text(request.output) == reference);
}

}  // namespace
}  // namespace fz
