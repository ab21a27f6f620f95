#include "worker/memorize.h"

#include <gtest/gtest.h>

#include <atomic>
#include <new>
#include <thread>

#include "shard/adapter_format.h"
#include "shard/job_adapter.h"
#include "support/expect_error.h"
#include "support/fake_trainer.h"
#include "support/in_process_collective.h"
#include "support/planned_corpus.h"
#include "support/small_adapter.h"
#include "support/small_corpus.h"
#include "support/temporary_directory.h"
#include "tests/unit/model/small_model.h"

namespace fz::worker {
namespace {

using test::on_ranks;

/// Codes nothing: a payload is half as large as the text, or as much of it as an adapter is said to leave,
/// and more for each component that it lacks.
class MeasuredCodec final : public shard::TextCodec {
 public:
  MeasuredCodec(const model::Model& model, double part_with_adapter, std::uint32_t trained_rank)
      : model_(model), part_with_adapter_(part_with_adapter), trained_rank_(trained_rank) {}

  std::vector<Bytes> encode(std::span<const ByteSpan> blocks, const shard::EncodeSettings&) override {
    if (has_no_memory) throw std::bad_alloc();
    std::vector<Bytes> payloads;
    for (const ByteSpan block : blocks) {
      const double part = has_adapter() ? part_with_adapter_ + 0.02 * (trained_rank_ - rank_) : 0.5;
      payloads.emplace_back(static_cast<std::size_t>(part * static_cast<double>(block.size())));
    }
    return payloads;
  }
  std::vector<Bytes> decode(std::span<const shard::StoredPayload>, const shard::Checkpoints&) override { return {}; }
  void use_adapter(ByteSpan adapter, const std::string& source) override {
    adapter_.assign(adapter.begin(), adapter.end());
    if (has_adapter()) rank_ = shard::parse_adapter(adapter, model_.config, model_.weights_hash, source)->rank;
  }
  shard::ModelIdentity identity() const override { return {}; }
  const model::Model* language_model() const override { return &model_; }
  shard::Footprint footprint(shard::Direction, std::uint32_t) const override { return {}; }
  std::uint32_t lane_limit(std::uint64_t) const override { return shard::kMaxLanes; }

  bool has_adapter() const { return !adapter_.empty(); }

  bool has_no_memory = false;

 private:
  const model::Model& model_;
  double part_with_adapter_;
  std::uint32_t trained_rank_;
  std::uint32_t rank_ = 0;
  Bytes adapter_;
};

class MemorizeTest : public testing::Test {
 protected:
  static constexpr int kRanks = 3;

  MemorizeTest() : model_(model::small_model()) {
    test::write_text(directory_ / "c/text", test::make_text(1, 200'000));
    test::write_text(directory_ / "c/noise", test::make_noise(1, 50'000));
    std::filesystem::create_directory(job());
    plan_ = test::plan_of(directory_ / "c");
    plan_.memorize = "on";
    settings_.mode = Memorize::kAuto;
    settings_.pass.budget.tokens = 5000;
    settings_.pass.batch_chunks = 2;
    settings_.pass.learning_rate = 0.01;
    settings_.trainer.rank = 2;
  }

  std::filesystem::path job() const { return directory_ / "x.fz.job"; }
  std::optional<Bytes> stored() const { return shard::read_job_adapter(job(), plan_); }

  /// What each rank gets, where an adapter leaves this much of the text instead of half of it.
  std::vector<Bytes> make(double part_with_adapter, std::vector<std::optional<Error>>* errors = nullptr) {
    reports_.clear();
    std::vector<Bytes> adapters(kRanks);
    const auto thrown = on_ranks(kRanks, [&](comm::Collective& collective) {
      MeasuredCodec codec(model_, part_with_adapter, settings_.trainer.rank);
      codec.has_no_memory = collective.rank() == rank_without_memory_;
      adapters[test::index_of(collective)] =
          make_job_adapter(job(), plan_, codec, collective, settings_, hooks_of(collective.rank()));
      EXPECT_FALSE(codec.has_adapter());
    });
    if (errors != nullptr) {
      *errors = thrown;
    } else {
      for (const std::optional<Error>& error : thrown) EXPECT_FALSE(error.has_value()) << error->what();
    }
    for (const Bytes& adapter : adapters) EXPECT_EQ(adapter, adapters[0]);
    return adapters;
  }

  MemorizeHooks hooks_of(int rank) {
    MemorizeHooks hooks;
    hooks.make_trainer = [this, rank](const model::Model& model, const model::TrainerSettings& settings) {
      ++trainers_made_;
      if (rank == rank_without_trainer_) fail(ErrorCode::kUnsupported, "test: rank {} has no trainer", rank);
      auto trainer = std::make_unique<test::FakeTrainer>(model.config, settings);
      if (rank == diverging_rank_) trainer->diverges_at_step = 5;
      return trainer;
    };
    hooks.report = [this, rank](const MemorizeReport& report) {
      EXPECT_EQ(rank, 0);
      reports_.push_back(report);
    };
    hooks.progress = [rank](const PassProgress&) { EXPECT_EQ(rank, 0); };
    return hooks;
  }

  test::TemporaryDirectory directory_;
  model::Model model_;
  shard::Plan plan_;
  MemorizeSettings settings_;
  /// The same on all ranks.
  void expect_errors(double part_with_adapter, ErrorCode code, const std::string& text) {
    std::vector<std::optional<Error>> errors;
    make(part_with_adapter, &errors);
    for (const std::optional<Error>& error : errors) {
      test::expect_error(code, text, [&] {
        if (error) throw Error(*error);
      });
    }
    EXPECT_EQ(stored(), std::nullopt);
    EXPECT_TRUE(reports_.empty());
  }
  /// Decided for good, and said.
  void expect_given_up(double part_with_adapter, const std::string& reason) {
    EXPECT_TRUE(make(part_with_adapter)[0].empty());
    EXPECT_EQ(stored(), Bytes());
    ASSERT_EQ(reports_.size(), 1u);
    EXPECT_FALSE(reports_[0].trained);
    EXPECT_FALSE(reports_[0].kept);
    EXPECT_TRUE(reports_[0].has_failed);
    EXPECT_NE(reports_[0].reason.find(reason), std::string::npos) << reports_[0].reason;
  }

  int rank_without_trainer_ = -1;
  int diverging_rank_ = -1;
  int rank_without_memory_ = -1;
  std::atomic<int> trainers_made_ = 0;
  std::vector<MemorizeReport> reports_;
};

TEST_F(MemorizeTest, AutoKeepsWhatSavesMoreThanItTakes) {
  const Bytes adapter = make(0.4)[0];
  ASSERT_FALSE(adapter.empty());
  EXPECT_EQ(stored(), adapter);
  EXPECT_EQ(shard::parse_adapter(adapter, model_.config, model_.weights_hash, "adapter")->rank, 2u);
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_TRUE(reports_[0].trained);
  EXPECT_TRUE(reports_[0].kept);
  EXPECT_EQ(reports_[0].adapter_bytes, adapter.size());
  EXPECT_EQ(reports_[0].adapter_rank, 2u);
  EXPECT_NEAR(reports_[0].expected_saving_bytes, 20'000, 200);  // a tenth of the text
  EXPECT_GE(reports_[0].end.tokens, 5000);
}

TEST_F(MemorizeTest, AutoDropsWhatDoesNotAndThatIsDecidedForGood) {
  for (const double part : {0.4999, 0.5, 0.9}) {
    std::filesystem::remove(job() / shard::kAdapterName);
    EXPECT_TRUE(make(part)[0].empty()) << part;
    EXPECT_EQ(stored(), Bytes());
    ASSERT_EQ(reports_.size(), 1u);
    EXPECT_TRUE(reports_[0].trained);
    EXPECT_FALSE(reports_[0].kept);
    EXPECT_FALSE(reports_[0].reason.empty());
    EXPECT_LT(reports_[0].expected_saving_bytes, static_cast<double>(reports_[0].adapter_bytes));
  }
  trainers_made_ = 0;
  EXPECT_TRUE(make(0.1)[0].empty());
  EXPECT_EQ(trainers_made_, 0);
}

TEST_F(MemorizeTest, AutoGivesUpWhereTheModelLearnsNothing) {
  test::write_text(directory_ / "c/text", test::make_text(1, 600'000));  // some of it is held out
  plan_ = test::plan_of(directory_ / "c");
  EXPECT_FALSE(make(0.1)[0].empty());
  EXPECT_EQ(reports_.at(0).reason, "");
  EXPECT_LT(reports_[0].end.held_out_bits, 0.98 * reports_[0].held_out_bits_before);
  std::filesystem::remove(job() / shard::kAdapterName);

  settings_.pass.learning_rate = 1e-9;
  EXPECT_TRUE(make(0.1)[0].empty());
  EXPECT_EQ(stored(), Bytes());
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_FALSE(reports_[0].trained);
  EXPECT_NE(reports_[0].reason.find("the model knows such text"), std::string::npos) << reports_[0].reason;
  EXPECT_LT(reports_[0].end.tokens, 0.5 * settings_.pass.budget.tokens);

  settings_.mode = Memorize::kOn;  // whoever asks for it gets it
  std::filesystem::remove(job() / shard::kAdapterName);
  EXPECT_FALSE(make(0.1)[0].empty());
  EXPECT_GE(reports_.at(0).end.tokens, settings_.pass.budget.tokens);
}

TEST_F(MemorizeTest, WhatAPartOfABlockSavesIsDiscounted) {
  // One block instead of several.
  std::vector<shard::PlanBlock> blocks;
  for (const shard::PlanBlock& block : plan_.blocks) {
    if (!plan_.uses_model(block)) continue;
    if (blocks.empty()) blocks.push_back({block.raw_offset, 0, block.kind});
    blocks[0].raw_bytes += block.raw_bytes;
  }
  plan_.blocks = blocks;
  make(0.25);
  const double whole = blocks.at(0).raw_bytes;
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_LT(reports_[0].sample_raw_bytes, 0.5 * whole);
  EXPECT_LT(reports_[0].expected_saving_bytes, 0.8 * 0.25 * whole);
  EXPECT_GT(reports_[0].expected_saving_bytes, 0.4 * 0.25 * whole);
}

TEST_F(MemorizeTest, OnKeepsItAlways) {
  settings_.mode = Memorize::kOn;
  const Bytes adapter = make(0.9)[0];
  EXPECT_FALSE(adapter.empty());
  EXPECT_EQ(stored(), adapter);
  EXPECT_LT(reports_.at(0).expected_saving_bytes, 0);
}

TEST_F(MemorizeTest, OneThatIsThereIsUsedAndNothingIsTrained) {
  const Bytes there = test::small_adapter(1);
  shard::write_job_adapter(job(), plan_, there);
  EXPECT_EQ(make(0.1)[0], there);
  EXPECT_EQ(job_adapter_without_training(job(), plan_, true, 0), there);
  EXPECT_EQ(trainers_made_, 0);
  EXPECT_TRUE(reports_.empty());
  EXPECT_EQ(stored(), there);
}

TEST_F(MemorizeTest, ADamagedOneIsTrainedAgain) {
  settings_.mode = Memorize::kOn;
  const Bytes adapter = make(0.4)[0];
  const std::string file = test::read_text(job() / shard::kAdapterName);
  test::write_text(job() / shard::kAdapterName, file.substr(0, file.size() - 1));
  EXPECT_EQ(stored(), std::nullopt);
  EXPECT_EQ(make(0.4)[0], adapter);  // the same seed and the same trainer
  EXPECT_EQ(stored(), adapter);
}

TEST_F(MemorizeTest, TheSeedOfTheOrderMatters) {
  settings_.mode = Memorize::kOn;
  const Bytes adapter = make(0.4)[0];
  std::filesystem::remove(job() / shard::kAdapterName);
  settings_.trainer.seed = 2;
  EXPECT_NE(make(0.4)[0], adapter);
}

TEST_F(MemorizeTest, WithoutATrainerOnFailsEverywhere) {
  settings_.mode = Memorize::kOn;
  for (const int rank : {0, 2}) {
    rank_without_trainer_ = rank;
    expect_errors(0.4, ErrorCode::kUnsupported, fmt::format("rank {} has no trainer", rank));
  }
}

TEST_F(MemorizeTest, WithoutATrainerAutoGoesWithout) {
  for (const int rank : {0, 2}) {
    std::filesystem::remove(job() / shard::kAdapterName);
    rank_without_trainer_ = rank;
    EXPECT_TRUE(make(0.1)[0].empty());
    EXPECT_EQ(stored(), Bytes());
    ASSERT_EQ(reports_.size(), 1u);
    EXPECT_FALSE(reports_[0].trained);
    EXPECT_FALSE(reports_[0].has_failed);  // a build without LibTorch is no reason to warn
    EXPECT_NE(reports_[0].reason.find("has no trainer"), std::string::npos);
  }
}

TEST_F(MemorizeTest, TrainingThatDivergesIsGivenUpByAutoAlone) {
  diverging_rank_ = 1;
  expect_given_up(0.1, "training diverged");
  std::filesystem::remove(job() / shard::kAdapterName);
  settings_.mode = Memorize::kOn;
  expect_errors(0.1, ErrorCode::kUsage, "training diverged");
}

TEST_F(MemorizeTest, CodingThatFailsIsGivenUpByAutoAlone) {
  rank_without_memory_ = 0;  // the only one with a sample
  expect_given_up(0.1, "rank 0: out of memory");
  std::filesystem::remove(job() / shard::kAdapterName);
  settings_.mode = Memorize::kOn;
  expect_errors(0.1, ErrorCode::kUnsupported, "rank 0: out of memory");
}

TEST_F(MemorizeTest, RanksThatCannotTrainAgreeByTheDirectory) {
  constexpr double kPatientSeconds = 60;
  test::expect_error(ErrorCode::kLaunch, "rank 0 has not decided",
                     [&] { job_adapter_without_training(job(), plan_, false, 0); });
  EXPECT_EQ(stored(), std::nullopt);
  Bytes of_other = {1};
  std::thread other([&] { of_other = job_adapter_without_training(job(), plan_, false, kPatientSeconds); });
  EXPECT_TRUE(job_adapter_without_training(job(), plan_, true, kPatientSeconds).empty());
  other.join();
  EXPECT_TRUE(of_other.empty());
  EXPECT_EQ(stored(), Bytes());
}

TEST_F(MemorizeTest, WithoutTextThereIsNothingToTrain) {
  std::filesystem::remove(directory_ / "c/text");
  plan_ = test::plan_of(directory_ / "c");
  EXPECT_TRUE(make(0.1)[0].empty());
  EXPECT_EQ(stored(), Bytes());
  EXPECT_FALSE(reports_.at(0).trained);
  EXPECT_FALSE(is_worth_memorizing(plan_));
}

TEST_F(MemorizeTest, LittleTextIsNotWorthIt) {
  EXPECT_FALSE(is_worth_memorizing(plan_));
  plan_.blocks.assign(16, {0, 4 << 20, shard::Kind::kText});
  EXPECT_TRUE(is_worth_memorizing(plan_));
  plan_.blocks.back().kind = shard::Kind::kBinary;
  EXPECT_FALSE(is_worth_memorizing(plan_));
}

}  // namespace
}  // namespace fz::worker
