// OUT.training/: whose it is, what an unfinished run leaves in it, and what all ranks read there.
#include "cli/training_job.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/fake_trainer.h"
#include "support/in_process_collective.h"
#include "support/temporary_directory.h"
#include "tests/unit/model/small_source.h"

namespace fz::cli {
namespace {

namespace fs = std::filesystem;
using test::expect_error;
using test::read_text;
using test::write_text;

class TrainingJobTest : public testing::Test {
 protected:
  TrainingJobTest() { model::Source().write_to(source_); }

  TrainingJob open(const std::string& options = "as ever") const { return {out_, options, true}; }
  void begin(TrainingJob& job) const { job.begin(source_.path(), "", {}, 1); }
  /// Begins and leaves a checkpoint.
  void leave_checkpoint() const {
    TrainingJob job = open();
    begin(job);
    test::FakeTrainer trainer;
    job.write_checkpoint({.fraction = 0.5, .tokens = 7}, trainer);
  }
  double restored_tokens(const TrainingJob& job) const {
    test::FakeTrainer trainer;
    return job.restore(trainer, *comm::make_collective_of_one()).tokens;
  }

  test::TemporaryDirectory directory_;
  model::TestDirectory source_;  ///< A small model.
  const fs::path out_ = directory_ / "out";
  const fs::path path_ = directory_ / "out.training";
};

TEST_F(TrainingJobTest, SomebodysDirectoryIsNotTouched) {
  const auto refused = [&] {
    expect_error(ErrorCode::kOutput, "out.training: is not the directory of an unfinished training", [&] { open(); });
  };
  write_text(path_ / "novel.txt", "mine");
  refused();
  EXPECT_EQ(std::distance(fs::directory_iterator(path_), {}), 1) << "a lock or a start is made in it";
  write_text(path_ / "lock", "");
  refused();
  EXPECT_EQ(read_text(path_ / "novel.txt"), "mine");
  fs::remove_all(path_);
  // Names that others give too: nothing is ours without the lock, and nothing that is of another kind.
  write_text(path_ / "start/novel.txt", "mine");
  refused();
  fs::remove_all(path_);
  fs::create_directories(path_ / "checkpoint");
  write_text(path_ / "lock", "");
  refused();
  fs::remove_all(path_);
  fs::create_directories(path_);
  open();
}

TEST_F(TrainingJobTest, TheEndRemovesWhatIsOursOnly) {
  leave_checkpoint();
  TrainingJob job = open();
  for (const char* name : {"result/model.fzm", "options.tmp-12", "checkpoint.tmp-345"}) write_text(path_ / name, "x");
  job.publish();
  EXPECT_TRUE(fs::exists(out_ / "model.fzm"));
  EXPECT_FALSE(fs::exists(path_));

  fs::remove_all(out_);
  leave_checkpoint();
  TrainingJob other = open();
  write_text(path_ / "result/model.fzm", "x");
  write_text(path_ / "notes", "mine");
  other.publish();
  EXPECT_EQ(read_text(path_ / "notes"), "mine");
  EXPECT_EQ(std::distance(fs::directory_iterator(path_), {}), 1);
}

TEST_F(TrainingJobTest, OnlyACheckpointHoldsToTheOptions) {
  {
    TrainingJob job = open("others");
    begin(job);
  }
  leave_checkpoint();
  EXPECT_EQ(read_text(path_ / "options"), "as ever");
  TrainingJob same = open();
  begin(same);
  EXPECT_EQ(restored_tokens(same), 7);
}

TEST_F(TrainingJobTest, OtherOptionsDoNotGoOnFromACheckpoint) {
  leave_checkpoint();
  TrainingJob job = open("others");
  expect_error(ErrorCode::kInput, "begun with other options", [&] { begin(job); });
  EXPECT_TRUE(fs::exists(path_ / "checkpoint"));
}

TEST_F(TrainingJobTest, AnUnfinishedStartIsNotMixedWithTheNextOne) {
  TrainingJob job = open();
  write_text(path_ / "start/model.safetensors.index.json", "{}");
  begin(job);
  EXPECT_FALSE(fs::exists(path_ / "start/model.safetensors.index.json"));
  EXPECT_EQ(job.import_start(0).config.vocabulary_size, 259u);
}

TEST_F(TrainingJobTest, AStartThatCannotBeMadeLeavesNothing) {
  TrainingJob job = open();
  expect_error(ErrorCode::kInput, "missing", [&] { job.begin(directory_ / "missing", "", {}, 1); });
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(TrainingJobTest, AllRanksMustReadTheSameCheckpoint) {
  leave_checkpoint();
  const auto errors = test::on_ranks(2, [&](comm::Collective& collective) {
    // Rank 1 sees another filesystem.
    const TrainingJob job(collective.rank() == 0 ? out_ : directory_ / "elsewhere", "", false);
    test::FakeTrainer trainer;
    EXPECT_EQ(job.restore(trainer, collective).tokens, 7);
  });
  EXPECT_FALSE(errors[0]);
  ASSERT_TRUE(errors[1]);
  EXPECT_EQ(errors[1]->code(), ErrorCode::kLaunch);
  EXPECT_NE(std::string(errors[1]->what()).find("rank 1 does not read there what rank 0 does"), std::string::npos);

  for (const auto& error : test::on_ranks(2, [&](comm::Collective& collective) {
         const TrainingJob job(out_, "", false);
         test::FakeTrainer trainer;
         EXPECT_EQ(job.restore(trainer, collective).tokens, 7);
       })) {
    EXPECT_FALSE(error) << error->what();
  }
}

}  // namespace
}  // namespace fz::cli
