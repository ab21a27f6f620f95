#include "worker/training_pass.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/expect_error.h"
#include "support/fake_trainer.h"
#include "support/in_process_collective.h"

namespace fz::worker {
namespace {

using test::FakeTrainer;
using test::on_ranks;

constexpr std::size_t kChunkTokens = 10;

Chunk chunk_of(std::size_t number) {
  Chunk chunk;
  for (std::size_t i = 0; i < kChunkTokens; ++i) chunk.push_back(static_cast<model::TokenId>((number * 7 + i) % 4));
  return chunk;
}

/// Chunks 0, 1, 2, … dealt to the ranks batch by batch.
class DealtChunks final : public ChunkSource {
 public:
  DealtChunks(int rank, int ranks, std::size_t batch, bool is_empty = false)
      : rank_(static_cast<std::size_t>(rank)),
        ranks_(static_cast<std::size_t>(ranks)),
        batch_(batch),
        is_empty_(is_empty) {}

  std::vector<Chunk> draw(std::size_t count) override {
    EXPECT_EQ(count, batch_);
    std::vector<Chunk> chunks;
    if (++draws_ == fails_at_draw) fail(ErrorCode::kInput, "test: this rank cannot read");
    if (is_empty_) return chunks;
    for (std::size_t i = 0; i < count; ++i) chunks.push_back(chunk_of(next_ * ranks_ * batch_ + rank_ * batch_ + i));
    ++next_;
    return chunks;
  }
  std::vector<Chunk> held_out() const override { return own_held_out; }

  std::vector<Chunk> own_held_out;
  int fails_at_draw = 0;  ///< From 1.

 private:
  std::size_t rank_, ranks_, batch_;
  bool is_empty_;
  std::size_t next_ = 0;
  int draws_ = 0;
};

PassSettings settings_of(double tokens, std::uint32_t batch) {
  PassSettings settings;
  settings.budget.tokens = tokens;
  settings.batch_chunks = batch;
  settings.learning_rate = 0.1;
  return settings;
}

/// What a rank has after a pass.
struct Outcome {
  std::vector<float> parameters;
  std::vector<FakeTrainer::Update> updates;
  std::vector<PassProgress> steps;
  PassProgress end;
};

/// Trains on a few ranks; `change` may prepare a rank's parts.
using Change = std::function<void(int rank, FakeTrainer&, DealtChunks&)>;
std::vector<Outcome> train(int ranks, const PassSettings& settings, std::vector<std::optional<Error>>& errors,
                           const Change& change = {}, int empty_rank = -1, int stopping_rank = -1,
                           int dying_rank = -1) {
  std::vector<Outcome> outcomes(static_cast<std::size_t>(ranks));
  errors = on_ranks(ranks, [&](comm::Collective& collective) {
    Outcome& outcome = outcomes[test::index_of(collective)];
    FakeTrainer trainer;
    DealtChunks source(collective.rank(), ranks, settings.batch_chunks, collective.rank() == empty_rank);
    if (change) change(collective.rank(), trainer, source);
    TrainingPass pass(trainer, source, collective, settings);
    outcome.end = pass.train({}, [&](const PassProgress& progress) {
      outcome.steps.push_back(progress);
      if (collective.rank() == dying_rank) fail(ErrorCode::kOutput, "test: this rank dies");
      return collective.rank() != stopping_rank || outcome.steps.size() < 4;
    });
    outcome.parameters.assign(trainer.parameters().begin(), trainer.parameters().end());
    outcome.updates = trainer.updates;
  });
  return outcomes;
}

void expect_no_errors(const std::vector<std::optional<Error>>& errors) {
  for (std::size_t rank = 0; rank < errors.size(); ++rank)
    EXPECT_FALSE(errors[rank].has_value()) << "rank " << rank << ": " << errors[rank]->what();
}
void expect_everywhere(const std::vector<std::optional<Error>>& errors, ErrorCode code, const std::string& text) {
  for (const std::optional<Error>& error : errors) {
    test::expect_error(code, text, [&] {
      if (error) throw Error(*error);
    });
  }
}

TEST(TrainingPass, LeavesTheSameParametersOnAllRanks) {
  for (const int ranks : {1, 2, 3}) {
    std::vector<std::optional<Error>> errors;
    const std::vector<Outcome> outcomes = train(ranks, settings_of(2000, 3), errors);
    expect_no_errors(errors);
    EXPECT_NE(outcomes[0].parameters, std::vector<float>(FakeTrainer::kParameters, 0.5f)) << "nothing was learned";
    for (const Outcome& outcome : outcomes) {
      EXPECT_EQ(outcome.parameters, outcomes[0].parameters);
      ASSERT_EQ(outcome.steps.size(), outcomes[0].steps.size());
      for (std::size_t i = 0; i < outcome.steps.size(); ++i) {
        EXPECT_EQ(outcome.steps[i].fraction, outcomes[0].steps[i].fraction);
        EXPECT_EQ(outcome.steps[i].tokens, outcomes[0].steps[i].tokens);
        EXPECT_EQ(outcome.steps[i].train_bits, outcomes[0].steps[i].train_bits);
        EXPECT_EQ(outcome.updates[i].learning_rate, outcomes[0].updates[i].learning_rate);
      }
    }
  }
}

TEST(TrainingPass, LowersTheLoss) {
  std::vector<std::optional<Error>> errors;
  const std::vector<Outcome> outcomes = train(2, settings_of(4000, 2), errors);
  expect_no_errors(errors);
  EXPECT_LT(outcomes[0].steps.back().train_bits, 0.9 * outcomes[0].steps.front().train_bits);
}

TEST(TrainingPass, TwoRanksAreLikeOneWithTwiceTheBatch) {
  std::vector<std::optional<Error>> errors;
  const std::vector<Outcome> one = train(1, settings_of(1000, 6), errors);
  expect_no_errors(errors);
  const std::vector<Outcome> two = train(2, settings_of(1000, 3), errors);
  expect_no_errors(errors);
  ASSERT_EQ(one[0].updates.size(), two[0].updates.size());
  for (std::size_t i = 0; i < one[0].updates.size(); ++i) {
    EXPECT_EQ(one[0].updates[i].tokens, 6 * kChunkTokens);
    EXPECT_EQ(two[0].updates[i].tokens, 6 * kChunkTokens);
    EXPECT_EQ(one[0].updates[i].learning_rate, two[0].updates[i].learning_rate);
  }
  for (std::size_t i = 0; i < FakeTrainer::kParameters; ++i)
    EXPECT_NEAR(one[0].parameters[i], two[0].parameters[i], 1e-5);  // floats are summed in another order
}

TEST(TrainingPass, EndsWhenTheTokensAreSpent) {
  for (const double budget : {1.0, 20.0, 1000.0, 1030.0}) {
    std::vector<std::optional<Error>> errors;
    const std::vector<Outcome> outcomes = train(2, settings_of(budget, 2), errors);
    expect_no_errors(errors);
    constexpr double kStepTokens = 2 * 2 * kChunkTokens;
    EXPECT_GE(outcomes[0].end.tokens, budget);
    // A step learns only from the one before that the budget is spent.
    EXPECT_LE(outcomes[0].end.tokens, budget + 2 * kStepTokens);
    EXPECT_EQ(outcomes[0].end.tokens, kStepTokens * static_cast<double>(outcomes[0].updates.size()));
    EXPECT_EQ(outcomes[0].end.fraction, 1);
  }
}

/// Ranks have clocks of their own, and must end with the same step all the same.
TEST(TrainingPass, EndsForAllWhenRankZerosTimeIsSpent) {
  PassSettings settings = settings_of(0, 2);
  settings.budget = {.seconds = 0.02};
  std::vector<std::optional<Error>> errors;
  const std::vector<Outcome> outcomes = train(3, settings, errors);
  expect_no_errors(errors);
  for (const Outcome& outcome : outcomes) {
    EXPECT_EQ(outcome.updates.size(), outcomes[0].updates.size());
    EXPECT_EQ(outcome.parameters, outcomes[0].parameters);
    EXPECT_GE(outcome.updates.size(), 1u);
  }
}

TEST(TrainingPass, ARankWithoutChunksTakesPart) {
  for (const int empty_rank : {0, 1}) {
    std::vector<std::optional<Error>> errors;
    const std::vector<Outcome> outcomes = train(2, settings_of(300, 3), errors, {}, empty_rank);
    expect_no_errors(errors);
    EXPECT_EQ(outcomes[0].parameters, outcomes[1].parameters);
    EXPECT_EQ(outcomes[0].updates.at(0).tokens, 3 * kChunkTokens);
    EXPECT_GE(outcomes[0].end.tokens, 300);
  }
}

/// Said after the fourth step, and heard by the others with the fifth.
TEST(TrainingPass, RankZeroAloneCanEndItEarly) {
  std::vector<std::optional<Error>> errors;
  const std::vector<Outcome> stopped = train(2, settings_of(1000, 2), errors, {}, -1, 0);
  expect_no_errors(errors);
  for (const Outcome& outcome : stopped) {
    EXPECT_EQ(outcome.updates.size(), 5u);
    EXPECT_LT(outcome.end.fraction, 1);
    EXPECT_EQ(outcome.parameters, stopped[0].parameters);
  }
  const std::vector<Outcome> whole = train(2, settings_of(1000, 2), errors, {}, -1, 1);
  expect_no_errors(errors);
  EXPECT_GE(whole[0].end.tokens, 1000);
}

TEST(TrainingPass, WithoutAnyChunksItEndsAtOnce) {
  std::vector<std::optional<Error>> errors;
  const std::vector<Outcome> outcomes = train(1, settings_of(300, 3), errors, {}, 0);
  expect_no_errors(errors);
  EXPECT_EQ(outcomes[0].end.tokens, 0);
  EXPECT_TRUE(outcomes[0].steps.empty());
  EXPECT_EQ(outcomes[0].parameters, std::vector<float>(FakeTrainer::kParameters, 0.5f));
}

TEST(TrainingPass, DivergenceOnOneRankIsAnErrorOnAll) {
  for (const int diverging : {0, 2}) {
    std::vector<std::optional<Error>> errors;
    train(3, settings_of(1000, 2), errors, [&](int rank, FakeTrainer& trainer, DealtChunks&) {
      if (rank == diverging) trainer.diverges_at_step = 3;
    });
    expect_everywhere(errors, ErrorCode::kUsage, "learning rate");
  }
}

TEST(TrainingPass, WhatFailsOnOneRankFailsOnAllWithItsReason) {
  for (const int failing : {0, 2}) {
    std::vector<std::optional<Error>> errors;
    train(3, settings_of(1000, 2), errors, [&](int rank, FakeTrainer&, DealtChunks& source) {
      if (rank == failing) source.fails_at_draw = 3;
    });
    expect_everywhere(errors, ErrorCode::kInput, fmt::format("rank {}: test: this rank cannot read", failing));
  }
}

TEST(TrainingPass, ALostRankIsAnErrorForTheOthers) {
  for (const int dying : {0, 1}) {
    std::vector<std::optional<Error>> errors;
    train(3, settings_of(1000, 2), errors, {}, -1, -1, dying);
    const auto own = errors.begin() + dying;
    expect_everywhere({*own}, ErrorCode::kOutput, "this rank dies");
    errors.erase(own);
    expect_everywhere(errors, ErrorCode::kLaunch, "a rank has left");
  }
}

/// The mean over all ranks' held-out chunks, whoever has how many.
TEST(TrainingPass, MeasuresWhatIsHeldOutOnAllRanks) {
  FakeTrainer alone;
  std::vector<Chunk> all;
  for (std::size_t i = 0; i < 21; ++i) all.push_back(chunk_of(i));
  const std::vector<model::ChunkTokens> spans(all.begin(), all.end());
  const double expected = alone.evaluate(spans).bits_per_token();
  const PassSettings settings = settings_of(100, 1);
  std::vector<double> bits(3);
  expect_no_errors(on_ranks(3, [&](comm::Collective& collective) {
    FakeTrainer trainer;
    DealtChunks source(collective.rank(), 3, 1);
    if (collective.rank() == 0) source.own_held_out = {all.begin(), all.begin() + 20};
    if (collective.rank() == 2) source.own_held_out = {all.back()};
    TrainingPass pass(trainer, source, collective, settings);
    bits[test::index_of(collective)] = pass.evaluate();
    EXPECT_GT(pass.train({}, {}).held_out_bits, 0);
  }));
  EXPECT_NEAR(bits[0], expected, 1e-5 * expected);
  EXPECT_EQ(bits[0], bits[1]);
  EXPECT_EQ(bits[0], bits[2]);
}

TEST(TrainingPass, WithNothingHeldOutItMeasuresNothing) {
  std::vector<std::optional<Error>> errors;
  EXPECT_EQ(train(2, settings_of(100, 1), errors)[0].end.held_out_bits, 0);
  expect_no_errors(errors);
}

TEST(TrainingPass, TheRateRisesAndFalls) {
  PassSettings settings;
  settings.warm_up = 0.1;
  settings.last_rate = 0.05;
  EXPECT_GT(rate_at(settings, 0), 0);
  EXPECT_LT(rate_at(settings, 0), 0.2);
  EXPECT_NEAR(rate_at(settings, 0.1), 1, 1e-9);
  EXPECT_NEAR(rate_at(settings, 0.1 - 1e-9), 1, 1e-6);
  EXPECT_NEAR(rate_at(settings, 1), 0.05, 1e-9);
  EXPECT_NEAR(rate_at(settings, 1.5), 0.05, 1e-9);  // a step too many
  for (int i = 1; i <= 100; ++i) {
    const double before = rate_at(settings, (i - 1) / 100.0);
    const double now = rate_at(settings, i / 100.0);
    if (i <= 10) {
      EXPECT_GT(now, before) << i;
    } else {
      EXPECT_LT(now, before) << i;
    }
  }
  settings.warm_up = 0;
  EXPECT_NEAR(rate_at(settings, 0), 1, 1e-9);
}

TEST(TrainingPass, StepsUseTheRateOfTheirPlace) {
  PassSettings settings = settings_of(1000, 1);
  std::vector<std::optional<Error>> errors;
  const std::vector<Outcome> outcomes = train(1, settings, errors);
  expect_no_errors(errors);
  const std::vector<FakeTrainer::Update>& updates = outcomes[0].updates;
  EXPECT_NEAR(updates.front().learning_rate, 0.1 * rate_at(settings, 0), 1e-9);
  EXPECT_NEAR(updates[50].learning_rate, 0.1 * rate_at(settings, 0.5), 2e-3);  // or of the step before
  EXPECT_NEAR(updates.back().learning_rate, 0.1 * settings.last_rate, 1e-3);
}

}  // namespace
}  // namespace fz::worker
