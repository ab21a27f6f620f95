// A stand-in for the trainer on LibTorch: a few parameters that are pulled toward the tokens they see, by plain
// descent. The loss is half the squared distance. Used by one thread.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/adapter.h"
#include "model/train/trainer.h"

namespace fz::test {

class FakeTrainer final : public model::Trainer {
 public:
  static constexpr std::size_t kParameters = 5;

  FakeTrainer() : parameters_(kParameters, 0.5f), sums_(kParameters + kExtraSums) {}
  /// Its adapter fits this model.
  FakeTrainer(const model::ModelConfig& config, const model::TrainerSettings& settings) : FakeTrainer() {
    config_ = config;
    settings_ = settings;
  }

  model::LossSum add_gradients(std::span<const model::ChunkTokens> chunks) override {
    const model::LossSum loss = look_at(chunks, true);
    if (++steps_seen_ == diverges_at_step) sums_[0] = std::numeric_limits<float>::quiet_NaN();
    return loss;
  }
  model::LossSum evaluate(std::span<const model::ChunkTokens> chunks) override { return look_at(chunks, false); }

  std::optional<int> gpu() const override { return std::nullopt; }
  std::span<float> extra_sums() override { return std::span(sums_).last(kExtraSums); }
  void sum_over_ranks(const model::RankSum& sum) override { sum.in_memory(sums_); }

  double update(double learning_rate, double tokens) override {
    double norm = 0;
    for (const float value : std::span(sums_).first(kParameters)) norm += static_cast<double>(value) * value;
    norm = tokens > 0 ? std::sqrt(norm) / tokens : 0;
    if (tokens > 0 && std::isfinite(norm)) {
      for (std::size_t i = 0; i < kParameters; ++i)
        parameters_[i] -= static_cast<float>(learning_rate * sums_[i] / tokens);
    }
    std::fill(sums_.begin(), sums_.end(), 0.0f);
    updates.push_back({learning_rate, tokens});
    return norm;
  }

  void be_quantization_aware() override {}
  std::span<const float> parameters() override { return parameters_; }

  std::vector<model::TrainedProduct> adapter() override {
    std::vector<model::TrainedProduct> products;
    for (std::uint32_t layer = 0; layer < config_.layers; ++layer) {
      for (const model::AdapterTarget target : model::kAdapterTargets) {
        model::TrainedProduct product;
        if ((settings_.products_mask & bit_of(target)) != 0) {
          const model::AdapterShape shape = adapter_shape(config_, target);
          product.a = values(std::size_t{settings_.rank} * shape.inputs);
          product.b = values(std::size_t{settings_.rank} * shape.outputs);
        }
        products.push_back(std::move(product));
      }
    }
    return products;
  }
  std::vector<model::NamedTensor> weights() override { return {}; }
  Bytes save_state() override { return {}; }
  void restore_state(ByteSpan, const std::string&) override {}

  struct Update {
    double learning_rate;
    double tokens;
  };
  std::vector<Update> updates;  ///< All that there were.
  int diverges_at_step = 0;     ///< From 1: then a gradient is not a number.

 private:
  model::LossSum look_at(std::span<const model::ChunkTokens> chunks, bool learns) {
    model::LossSum loss;
    for (const model::ChunkTokens& chunk : chunks) {
      for (std::size_t i = 0; i < chunk.size(); ++i) {
        const float distance = parameters_[i % kParameters] - static_cast<float>(chunk[i]);
        loss.nats += 0.5 * distance * distance;
        loss.tokens += 1;
        if (learns) sums_[i % kParameters] += distance;
      }
    }
    return loss;
  }
  /// Small, of both signs, and different after other training.
  std::vector<float> values(std::size_t count) const {
    std::vector<float> result;
    for (std::size_t i = 0; i < count; ++i)
      result.push_back(1e-3f * std::sin(static_cast<float>(i) + parameters_[i % kParameters]));
    return result;
  }

  std::vector<float> parameters_;
  std::vector<float> sums_;
  model::ModelConfig config_;
  model::TrainerSettings settings_;
  int steps_seen_ = 0;
};

}  // namespace fz::test
