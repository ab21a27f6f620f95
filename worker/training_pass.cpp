#include "worker/training_pass.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "base/log.h"
#include "base/stopwatch.h"
#include "worker/in_step.h"

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
      gpus_(collective.ranks() > 1 ? comm::connect_gpus(collective, trainer.gpu()) : nullptr) {
  do_in_step(collective_, [&] { held_out_ = source_.held_out(); });
  const std::optional<int> gpu = trainer.gpu();
  log_line(LogLevel::kInfo, "training on {}", gpu ? fmt::format("GPU {}", *gpu) : "the CPU");
  rank_sum_.in_memory = [this](std::span<float> sums) { collective_.sum(sums); };
  if (gpus_) rank_sum_.on_gpu = [this](float* sums, std::size_t count) { gpus_->sum(sums, count); };
}

double TrainingPass::evaluate() {
  model::LossSum own;
  do_in_step(collective_, [&] { own = evaluate_own(); });
  std::array<float, 2> sums = {static_cast<float>(own.nats), static_cast<float>(own.tokens)};
  collective_.sum(sums);
  held_out_tokens_ = sums[1];
  const double bits = model::LossSum{sums[0], sums[1]}.bits_per_token();
  if (held_out_tokens_ > 0) log_line(LogLevel::kInfo, "training: held-out text at {:.4f} bits a token", bits);
  return bits;
}

model::LossSum TrainingPass::evaluate_own() {
  model::LossSum own;
  for (std::size_t first = 0; first < held_out_.size(); first += kEvaluatedTogether) {
    const std::size_t count = std::min(kEvaluatedTogether, held_out_.size() - first);
    const model::LossSum loss = trainer_.evaluate(spans_of(std::span(held_out_).subspan(first, count)));
    own.nats += loss.nats;
    own.tokens += loss.tokens;
  }
  return own;
}

PassProgress TrainingPass::train(PassProgress progress, const AfterStep& after_step) {
  const Stopwatch watch;
  const double seconds_before = progress.seconds;
  const TrainingBudget& budget = settings_.budget;
  double evaluated_at = progress.fraction;
  double tokens_then = progress.tokens;
  bool is_stopped = false;
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
    is_stopped = sums.is_stopped && progress.fraction < 1;
    if (is_stopped) break;
  }
  throw_in_step(collective_, failure_);
  if (is_stopped) return progress;
  progress.fraction = 1;
  progress.held_out_bits = evaluate();
  return progress;
}

TrainingPass::StepSums TrainingPass::step(double learning_rate, double fraction) {
  model::LossSum own;
  if (!failure_) {
    failure_ = error_of([&] {
      const std::vector<Chunk> chunks = source_.draw(settings_.batch_chunks);
      if (!chunks.empty()) own = trainer_.add_gradients(spans_of(chunks));
    });
  }
  // All that ranks tell each other in a step goes into this one sum.
  const std::span<float> extra = trainer_.extra_sums();
  extra[0] = static_cast<float>(own.nats);
  extra[1] = static_cast<float>(own.tokens);
  extra[4] = failure_ ? 1 : 0;
  if (collective_.rank() == 0) {
    extra[2] = static_cast<float>(fraction);
    extra[3] = wants_stop_ ? 1 : 0;
  }
  trainer_.sum_over_ranks(rank_sum_);
  const StepSums sums = {extra[0], extra[1], extra[2], extra[3] != 0};
  if (extra[4] != 0) throw_in_step(collective_, failure_);
  // The same sums on every rank, so the same verdict; what fails here is told with the next sum.
  double norm = 0;
  failure_ = error_of([&] { norm = trainer_.update(learning_rate, sums.tokens); });
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
