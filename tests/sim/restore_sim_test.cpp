// A restore that is interrupted at every step and continued, with workers on the in-process transport: nothing is
// decoded twice, and the result is always the whole tree.
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "comm/in_process_transport.h"
#include "coordinator/restore_job.h"
#include "support/built_archive.h"
#include "support/expect_error.h"
#include "worker/tasks.h"

namespace fz {
namespace {

/// Thrown by the simulation where the process would die.
struct Died {};

test::BuildOptions options_with_seed(std::uint32_t seed) {
  test::BuildOptions options;
  options.seed = seed;
  return options;
}

struct Restore {
  test::TemporaryDirectory directory;
  test::BuiltArchive built = test::build_archive(options_with_seed(5));
  std::filesystem::path archive = directory / "c.fz";
  std::filesystem::path target = directory / "out";
  std::vector<std::string> patterns = {};

  Restore() { test::write_text(archive, built.bytes); }

  struct Options {
    int ranks = 1;
    int die_after_blocks = -1;
    bool die_before_publish = false;
    bool force = false;
  };
  /// Returns how many blocks were taken over from the run before.
  std::size_t run(const Options& options) {
    coordinator::RestoreJob job({archive, target, patterns, options.force, true});
    ThreadPool pool(2);
    job.prepare(pool, [](std::uint64_t, std::uint64_t) {});
    const std::size_t reused = job.reused_blocks().size();
    run_workers(job, options);
    if (options.die_before_publish) throw Died();
    job.publish();
    return reused;
  }
  std::filesystem::path staging() const {
    for (const auto& item : std::filesystem::directory_iterator(target)) {
      if (item.path().filename().string().starts_with(coordinator::kStagingPrefix)) return item.path();
    }
    return {};
  }
  /// Dies when `blocks` are restored.
  void interrupt(int blocks, int ranks = 1) {
    EXPECT_THROW(run({.ranks = ranks, .die_after_blocks = blocks}), Died);
    ASSERT_FALSE(staging().empty());
  }
  void expect_whole_tree() const {
    for (const shard::FileEntry& entry : built.entries) {
      const std::filesystem::path path = target / entry.path;
      if (entry.type == shard::FileType::kDirectory) {
        EXPECT_TRUE(std::filesystem::is_directory(path)) << path;
      } else if (entry.type == shard::FileType::kSymlink) {
        EXPECT_EQ(std::filesystem::read_symlink(path), entry.target);
      } else {
        EXPECT_TRUE(test::read_text(path) == built.content(entry)) << path;
      }
    }
    EXPECT_EQ(std::distance(std::filesystem::recursive_directory_iterator(target), {}),
              static_cast<std::ptrdiff_t>(built.entries.size()));
  }

 private:
  void run_workers(const coordinator::RestoreJob& job, const Options& options) const {
    comm::InProcessHub hub(options.ranks);
    std::vector<std::thread> workers;
    for (int rank = 0; rank < options.ranks; ++rank) {
      workers.emplace_back([&, rank] {
        const worker::Resources resources = {std::make_shared<ThreadPool>(1),
                                             [](const auto&) { return std::make_unique<test::FakeTextCodec>(); }, 1};
        const auto task = worker::make_restore_task({archive, target, patterns}, resources);
        worker::run_worker(hub.worker(Rank(static_cast<std::uint32_t>(rank))), *task);
      });
    }
    const auto join = [&] {
      hub.close();
      for (std::thread& thread : workers) thread.join();
    };
    coordinator::Scheduler scheduler(job.items(), options.ranks);
    int done_blocks = 0;
    try {
      coordinator::dispatch(scheduler, hub.coordinator(), job.begin(),
                            {[&](coordinator::DoneBlocks done) {
                               done_blocks += static_cast<int>(done.size());
                               if (options.die_after_blocks >= 0 && done_blocks >= options.die_after_blocks)
                                 throw Died();
                             },
                             [] {}});
    } catch (...) {
      join();
      throw;
    }
    join();
  }
};

TEST(RestoreSim, ADeathAfterAnyBlockIsContinuedOnAnyNumberOfRanks) {
  for (const int blocks : {1, 2, 5, 9}) {
    Restore restore;
    restore.interrupt(blocks);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(restore.target), {}), 1);  // no file has its name yet
    restore.interrupt(2, 3);
    const std::size_t reused = restore.run({.ranks = 1 + blocks % 3});
    EXPECT_GE(reused, static_cast<std::size_t>(blocks) + 2);
    restore.expect_whole_tree();
  }
}

TEST(RestoreSim, EverythingRestoredButNotPublished) {
  Restore restore;
  EXPECT_THROW(restore.run({.ranks = 2, .die_before_publish = true}), Died);
  EXPECT_EQ(restore.run({}), restore.built.blocks.size());
  restore.expect_whole_tree();
}

TEST(RestoreSim, PartsOfBlocksAreTakenOverToo) {
  Restore restore;
  restore.patterns = {"c/f000[13579]", "c/f001[0-4]"};
  restore.interrupt(4);
  EXPECT_GE(restore.run({}), 4u);
  for (const char* name : {"c/f0003", "c/f0010", "c/f0014"}) {
    const auto entry = std::find_if(restore.built.entries.begin(), restore.built.entries.end(),
                                    [&](const shard::FileEntry& candidate) { return candidate.path == name; });
    EXPECT_TRUE(test::read_text(restore.target / name) == restore.built.content(*entry)) << name;
  }
  EXPECT_FALSE(std::filesystem::exists(restore.target / "c/f0002"));
}

// What was written and not synced may be lost, in any order; what the disk gives back may be damaged.
TEST(RestoreSim, LostAndDamagedBytesAreDecodedAgain) {
  std::mt19937 random(test::test_seed());
  for (int round = 0; round < 12; ++round) {
    SCOPED_TRACE(round);
    Restore restore;
    if (round % 3 == 2) restore.patterns = {"c/f*"};  // blocks at the ends are not wanted as a whole
    restore.interrupt(8, 2);
    std::size_t damaged = 0;
    for (const auto& item : std::filesystem::recursive_directory_iterator(restore.staging() / shard::kTreeName)) {
      if (!item.is_regular_file() || item.file_size() == 0 || random() % 4 != 0) continue;
      std::string bytes = test::read_text(item.path());
      if (round % 2 == 0) {
        bytes[random() % bytes.size()] ^= 4;
      } else {
        std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(random() % bytes.size()), bytes.end(), '\0');
      }
      test::write_text(item.path(), bytes);
      ++damaged;
    }
    EXPECT_GT(damaged, 0u);
    restore.run({.ranks = 2});
    if (round % 3 != 2) restore.expect_whole_tree();
    for (const shard::FileEntry& entry : restore.built.entries) {
      if (entry.type == shard::FileType::kRegular && entry.path.starts_with("c/f")) {
        EXPECT_TRUE(test::read_text(restore.target / entry.path) == restore.built.content(entry)) << entry.path;
      }
    }
  }
}

TEST(RestoreSim, HostileJournalsCostTimeOnly) {
  std::mt19937 random(test::test_seed());
  for (int round = 0; round < 16; ++round) {
    SCOPED_TRACE(round);
    Restore restore;
    restore.interrupt(6);
    const std::filesystem::path journal = restore.staging() / shard::restore_journal_name(1, Rank{0});
    std::string bytes = test::read_text(journal);
    std::filesystem::remove(journal);
    const std::filesystem::path elsewhere = restore.directory / "elsewhere";
    test::write_text(elsewhere, bytes);
    if (round == 0) {
      std::filesystem::create_symlink(elsewhere, journal);
    } else if (round == 1) {
      std::filesystem::create_directory(journal);
    } else if (round == 2) {
      test::write_text(journal, bytes);
      std::filesystem::resize_file(journal, std::uint64_t{1} << 40);  // claims to hold more than any memory
    } else if (round == 3) {
      shard::RestoreJournalWriter writer(restore.staging(), 77, Rank{5});  // every block, and some that do not exist
      for (std::uint32_t block = 0; block < 1000; ++block) writer.add(BlockId{block * 7919}, {});
      for (std::uint32_t block = 0; block < 100; ++block) writer.add(BlockId{block}, {});
    } else if (round % 2 == 0) {
      test::write_text(journal, bytes.substr(0, random() % bytes.size()));
    } else {
      bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
      test::write_text(journal, bytes);
    }
    EXPECT_LE(restore.run({}), 8u);
    restore.expect_whole_tree();
  }
}

// What an earlier run has left of blocks in work is used, but only their bytes are believed.
TEST(RestoreSim, WrongPredictionsCostTimeOnly) {
  constexpr std::uint16_t kRight = test::FakeTextCodec::kAnswer;
  for (const std::uint16_t answer : {kRight, std::uint16_t{5}}) {
    SCOPED_TRACE(answer);
    Restore restore;
    restore.interrupt(2);
    const shard::ArchiveReader archive(restore.archive);
    const shard::PredictionLog::Writer writer{.directory = restore.staging(), .part = {}, .run = 7, .rank = Rank{3}};
    int planted = 0;
    for (std::uint32_t i = 0; i < archive.blocks().size(); ++i) {
      const shard::StoredBlock block = archive.read_block(BlockId{i});
      if (!shard::needs_model(block.header.codec)) continue;
      shard::PredictionLog(writer, BlockId{i}, shard::decoding_identity(archive.header(), block.header),
                           block.header.raw_bytes)
          .append({0}, std::vector<std::uint16_t>{answer});
      ++planted;
    }
    ASSERT_GT(planted, 2);
    EXPECT_GE(restore.run({.ranks = 2}), 2u);
    restore.expect_whole_tree();
  }
}

TEST(RestoreSim, AChangedArchiveIsNotMixedWithTheOld) {
  Restore restore;
  restore.interrupt(6);
  test::write_text(restore.archive, test::build_archive(options_with_seed(6)).bytes);
  test::expect_error(ErrorCode::kOutput, "unfinished restore of another archive", [&] { restore.run({}); });
  EXPECT_FALSE(restore.staging().empty());
  test::write_text(restore.archive, restore.built.bytes);
  const std::vector<std::string> all = restore.patterns;
  restore.patterns = {"c/f0001"};
  test::expect_error(ErrorCode::kOutput, "or of other files", [&] { restore.run({}); });
  restore.patterns = all;
  EXPECT_GE(restore.run({}), 6u);
  restore.expect_whole_tree();
}

TEST(RestoreSim, OneAtATime) {
  Restore restore;
  restore.interrupt(2);
  coordinator::RestoreJob job({restore.archive, restore.target, {}, false, true});
  ThreadPool pool(1);
  job.prepare(pool, {});
  test::expect_error(ErrorCode::kLaunch, "another run is restoring", [&] { restore.run({}); });
  EXPECT_EQ(job.reused_blocks().size(), 2u);
}

}  // namespace
}  // namespace fz
