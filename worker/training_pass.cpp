#include "worker/training_pass.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "base/log.h"
#include "base/stopwatch.h"

namespace fz::worker {
namespace {

/// Tokens that are trained on for each that is held out between two looks at those: then looking takes a twentieth of
/// the time.
constexpr double kTrainedForEachHeldOut = 8;
/// Chunks that are evaluated together.
constexpr std::size_t kEvaluatedTogether = 16;
/// Steps that the loss in the progress is averaged over.
constexpr std::size_t kSmoothedSteps = 16;

std::vector<model::ChunkTokens> spans_of(std::span<const Chunk> chunks) {
  return {chunks.begin(), chunks.end()};
}

}  // namespace

double rate_at(const PassSettings& settings, double fraction) {
  // The first step is not one of no effect.
  if (fraction < settings.warm_up) return (fraction + 0.1 * settings.warm_up) / (1.1 * settings.warm_up);
  const double rest = std::min((fraction - settings.warm_up) / (1 - settings.warm_up), 1.0);
  return settings.last_rate + (1 - settings.last_rate) * 0.5 * (1 + std::cos(rest * std::numbers::pi));
}

TrainingPass::TrainingPass(model::Trainer& trainer, ChunkSource& source, comm::Collective& collective,
                           const PassSettings& settings)
    : trainer_(trainer),
      source_(source),
      collective_(collective),
      settings_(settings),
      gpus_(collective.ranks() > 1 ? comm::connect_gpus(collective, trainer.gpu()) : nullptr),
      held_out_(source.held_out()) {
  const std::optional<int> gpu = trainer.gpu();
  log_line(LogLevel::kInfo, "training on {}", gpu ? fmt::format("GPU {}", *gpu) : "the CPU");
  rank_sum_.in_memory = [this](std::span<float> sums) { collective_.sum(sums); };
  if (gpus_) rank_sum_.on_gpu = [this](float* sums, std::size_t count) { gpus_->sum(sums, count); };
}

double TrainingPass::evaluate() {
  model::LossSum own;
  for (std::size_t first = 0; first < held_out_.size(); first += kEvaluatedTogether) {
    const std::size_t count = std::min(kEvaluatedTogether, held_out_.size() - first);
    const model::LossSum loss = trainer_.evaluate(spans_of(std::span(held_out_).subspan(first, count)));
    own.nats += loss.nats;
    own.tokens += loss.tokens;
  }
  std::array<float, 2> sums = {static_cast<float>(own.nats), static_cast<float>(own.tokens)};
  collective_.sum(sums);
  held_out_tokens_ = sums[1];
  const double bits = model::LossSum{sums[0], sums[1]}.bits_per_token();
  log_line(LogLevel::kInfo, "training: held-out text at {:.4f} bits a token", bits);
  return bits;
}

PassProgress TrainingPass::train(PassProgress progress, const AfterStep& after_step) {
  const Stopwatch watch;
  const double seconds_before = progress.seconds;
  const TrainingBudget& budget = settings_.budget;
  double evaluated_at = progress.fraction;
  double tokens_then = progress.tokens;
  wants_stop_ = false;
  while (progress.fraction < 1) {
    // Every rank computes with the fraction that all know. Seconds count on rank 0 only, and it tells the others.
    const double spent = budget.seconds > 0 ? progress.seconds / budget.seconds : 0;
    const StepSums sums = step(rate_at(settings_, progress.fraction) * settings_.learning_rate, spent);
    if (sums.tokens == 0) break;  // no rank has any text to learn from
    progress.tokens += sums.tokens;
    progress.fraction = budget.seconds > 0 ? sums.fraction : progress.tokens / std::max(budget.tokens, 1.0);
    progress.train_bits = smoothed(sums);
    log_line(LogLevel::kDebug, "training: {:.0f} tokens, {:.4f} bits a token", progress.tokens, progress.train_bits);
    progress.seconds = seconds_before + watch.seconds();
    const bool is_worth_a_look = progress.tokens >= tokens_then + kTrainedForEachHeldOut * held_out_tokens_;
    if (progress.fraction >= evaluated_at + settings_.evaluation_period && progress.fraction < 1 && is_worth_a_look) {
      evaluated_at = progress.fraction;
      tokens_then = progress.tokens;
      progress.held_out_bits = evaluate();
    }
    if (after_step && !after_step(progress)) wants_stop_ = true;
    if (sums.is_stopped && progress.fraction < 1) return progress;
  }
  progress.fraction = 1;
  progress.held_out_bits = evaluate();
  return progress;
}

TrainingPass::StepSums TrainingPass::step(double learning_rate, double fraction) {
  const std::vector<Chunk> chunks = source_.draw(settings_.batch_chunks);
  model::LossSum own;
  if (!chunks.empty()) own = trainer_.add_gradients(spans_of(chunks));
  const std::span<float> extra = trainer_.extra_sums();
  extra[0] = static_cast<float>(own.nats);
  extra[1] = static_cast<float>(own.tokens);
  if (collective_.rank() == 0) {
    extra[2] = static_cast<float>(fraction);
    extra[3] = wants_stop_ ? 1 : 0;
  }
  trainer_.sum_over_ranks(rank_sum_);
  const StepSums sums = {extra[0], extra[1], extra[2], extra[3] != 0};
  // The same sums on every rank, so the same verdict.
  const double norm = trainer_.update(learning_rate, sums.tokens);
  if (!std::isfinite(norm) || !std::isfinite(sums.nats)) {
    fail(ErrorCode::kUsage, "training diverged at a learning rate of {:.3g}: give a smaller one", learning_rate);
  }
  return sums;
}

double TrainingPass::smoothed(const StepSums& sums) {
  recent_.push_back({sums.nats, sums.tokens});
  if (recent_.size() > kSmoothedSteps) recent_.pop_front();
  model::LossSum all;
  for (const model::LossSum& loss : recent_) {
    all.nats += loss.nats;
    all.tokens += loss.tokens;
  }
  return all.bits_per_token();
}

}  // namespace fz::worker
