// The training loop that all ranks run in step: draw chunks, add gradients, sum them over the ranks, update; now and
// then measure held-out chunks. Memorization and the training of models both are such passes. Used by one thread of
// every rank.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "comm/collective.h"
#include "comm/gpu_sums.h"
#include "model/train/trainer.h"

namespace fz::worker {

using Chunk = std::vector<model::TokenId>;

/// Where a rank's chunks come from.
class ChunkSource {
 public:
  virtual ~ChunkSource() = default;
  /// The next chunks of this rank, over and over; fewer only when it has none at all.
  virtual std::vector<Chunk> draw(std::size_t count) = 0;
  /// This rank's part of the chunks that are never drawn.
  virtual std::vector<Chunk> held_out() const = 0;
};

/// How long to train, over all ranks: one of the two.
struct TrainingBudget {
  double seconds = 0;
  double tokens = 0;

  bool is_none() const { return seconds == 0 && tokens == 0; }
};

struct PassSettings {
  TrainingBudget budget = {};
  double learning_rate = 2e-3;
  double warm_up = 0.05;            ///< Part of the budget until the rate is full.
  double last_rate = 0.05;          ///< What the rate ends at, as a part of the full one.
  std::uint32_t batch_chunks = 16;  ///< Of each rank, in each step.
  double evaluation_period = 0.1;   ///< Part of the budget between two looks at the held-out chunks, at least.
};

/// Where the pass is. What a resumed pass needs to go on.
struct PassProgress {
  double fraction = 0;  ///< Of the budget.
  double seconds = 0;
  double tokens = 0;         ///< Over all ranks.
  double train_bits = 0;     ///< Bits for each token, lately.
  double held_out_bits = 0;  ///< The same for held-out chunks; 0: none are.

  double seconds_left() const { return fraction > 0 && fraction < 1 ? seconds * (1 / fraction - 1) : 0; }
};

/// Linear warm-up, then half a cosine: what to multiply the learning rate with.
double rate_at(const PassSettings& settings, double fraction);

class TrainingPass {
 public:
  /// Called on every rank after every step. That rank 0 says false ends the pass early, on all ranks.
  using AfterStep = std::function<bool(const PassProgress&)>;

  /// All must outlive it. All ranks make theirs in step. Whatever fails on one rank, in reading or in training, is
  /// thrown on all, here and below; Error(kLaunch) when one is lost.
  TrainingPass(model::Trainer& trainer, ChunkSource& source, comm::Collective& collective,
               const PassSettings& settings);

  /// In bits for each token; 0 when nothing is held out.
  double evaluate();
  /// From `progress` on until the budget is spent, or until rank 0 ends it: then fraction is below 1. Throws
  /// Error(kUsage) when the training diverges.
  PassProgress train(PassProgress progress, const AfterStep& after_step);

 private:
  struct StepSums {
    double nats;
    double tokens;
    double fraction;
    bool is_stopped;
  };
  StepSums step(double learning_rate, double fraction);
  model::LossSum evaluate_own();
  double smoothed(const StepSums& sums);

  model::Trainer& trainer_;
  ChunkSource& source_;
  comm::Collective& collective_;
  const PassSettings& settings_;
  std::unique_ptr<comm::GpuSums> gpus_;  ///< Null: sums go through memory.
  model::RankSum rank_sum_;
  std::vector<Chunk> held_out_;
  double held_out_tokens_ = 0;  ///< Over all ranks; 0 before the first look.
  std::deque<model::LossSum> recent_;
  bool wants_stop_ = false;
  std::optional<Error> failure_{};  ///< Of this rank; the others learn of it with the next step's sum.
};

}  // namespace fz::worker
