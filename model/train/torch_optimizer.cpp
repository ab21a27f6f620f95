#include "model/train/torch_optimizer.h"

#include <algorithm>
#include <cmath>

namespace fz::model {
namespace {

using at::Tensor;

constexpr double kAdamEpsilon = 1e-8;
constexpr double kMuonMomentum = 0.95;
/// Makes an orthogonal update as large as AdamW's are, so that one learning rate fits both (Liu et al. 2025).
constexpr double kMuonScale = 0.2;

/// The nearest (semi-)orthogonal matrices, roughly: singular values end between 0.7 and 1.2. [matrices, rows, columns]
/// with rows <= columns. A quintic Newton-Schulz iteration with the coefficients of Jordan et al. 2024.
Tensor orthogonalized(const Tensor& matrices, at::ScalarType type) {
  constexpr int kIterations = 5;
  Tensor x = (matrices / matrices.norm(2, {1, 2}, true).clamp_min(1e-20)).to(type);
  for (int i = 0; i < kIterations; ++i) {
    const Tensor square = x.bmm(x.transpose(1, 2));
    const Tensor factor = at::baddbmm(square, square, square, -4.7750, 2.0315);
    x = at::baddbmm(x, factor, x, 3.4445, 1);
  }
  return x.to(at::kFloat);
}

}  // namespace

TorchOptimizer::TorchOptimizer(const TrainerSettings& settings, const TorchNetwork& network, at::ScalarType type)
    : settings_(settings), network_(network), type_(type), adam_count_(network.parameters().numel()) {
  if (settings.optimizer == Optimizer::kMuon) {
    for (const MatrixPlace& place : network.layer_matrices()) {
      adam_count_ = std::min(adam_count_, place.offset);
      const auto group = std::find_if(groups_.begin(), groups_.end(), [&](const Group& known) {
        return known.rows == place.rows && known.columns == place.columns;
      });
      if (group != groups_.end()) {
        group->offsets.push_back(place.offset);
      } else {
        groups_.push_back({place.rows, place.columns, {place.offset}});
      }
    }
  }
  first_moment_ = at::zeros_like(network.parameters());
  second_moment_ = at::zeros({adam_count_}, network.parameters().options());
}

void TorchOptimizer::step(const Tensor& gradient, double learning_rate) {
  ++steps_;
  adam_step(gradient.slice(0, 0, adam_count_), learning_rate);
  for (const Group& group : groups_) muon_step(group, gradient, learning_rate);
}

void TorchOptimizer::adam_step(const Tensor& gradient, double learning_rate) {
  Tensor first_moment = first_moment_.slice(0, 0, adam_count_);
  first_moment.lerp_(gradient, 1 - settings_.beta1);
  second_moment_.mul_(settings_.beta2).addcmul_(gradient, gradient, 1 - settings_.beta2);
  const auto steps = static_cast<double>(steps_);
  const double first_correction = 1 - std::pow(settings_.beta1, steps);
  const double second_correction = 1 - std::pow(settings_.beta2, steps);
  Tensor parameters = network_.parameters().slice(0, 0, adam_count_);
  if (settings_.weight_decay > 0) {
    const Tensor decays = network_.decay_mask().slice(0, 0, adam_count_);
    parameters.addcmul_(parameters, decays, -learning_rate * settings_.weight_decay);
  }
  const Tensor denominator = second_moment_.div(second_correction).sqrt_().add_(kAdamEpsilon);
  parameters.addcdiv_(first_moment, denominator, -learning_rate / first_correction);
}

void TorchOptimizer::muon_step(const Group& group, const Tensor& gradient, double learning_rate) {
  const auto matrix_at = [&](const Tensor& flat, std::int64_t offset) {
    return flat.slice(0, offset, offset + group.rows * group.columns).view({group.rows, group.columns});
  };
  std::vector<Tensor> directions;
  for (const std::int64_t offset : group.offsets) {
    const Tensor now = matrix_at(gradient, offset);
    Tensor momentum = matrix_at(first_moment_, offset);
    momentum.mul_(kMuonMomentum).add_(now);
    directions.push_back(now.add(momentum, kMuonMomentum));  // Nesterov's
  }
  const bool is_tall = group.rows > group.columns;
  const Tensor stacked = at::stack(directions);
  const Tensor flat = orthogonalized(is_tall ? stacked.transpose(1, 2) : stacked, type_);
  const Tensor updates = is_tall ? flat.transpose(1, 2) : flat;
  const double scale = kMuonScale * std::sqrt(static_cast<double>(std::max(group.rows, group.columns)));
  for (std::size_t i = 0; i < group.offsets.size(); ++i) {
    Tensor weight = matrix_at(network_.parameters(), group.offsets[i]);
    weight.mul_(1 - learning_rate * settings_.weight_decay);
    weight.add_(updates[static_cast<std::int64_t>(i)], -learning_rate * scale);
  }
}

}  // namespace fz::model
