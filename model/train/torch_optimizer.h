// The optimizer's step over the network's flat buffers: AdamW (Loshchilov and Hutter 2019) for all parameters, or Muon
// (Jordan et al. 2024, scaled as by Liu et al. 2025) for the layers' matrices and AdamW for the rest. Both take the
// same learning rate. Owned by the trainer, with its moments; one thread.
#pragma once

#include <vector>

#include "model/train/torch_network.h"

namespace fz::model {

class TorchOptimizer {
 public:
  /// `type`: what the matrices are multiplied in. The network must outlive it.
  TorchOptimizer(const TrainerSettings& settings, const TorchNetwork& network, at::ScalarType type);

  /// `gradient`: the mean one, f32 [parameters].
  void step(const at::Tensor& gradient, double learning_rate);

  /// What a later run goes on with, beside the parameters: tensors to read or write, and the number of steps.
  std::vector<at::Tensor> moments() const { return {first_moment_, second_moment_}; }
  std::uint64_t steps() const { return steps_; }
  void set_steps(std::uint64_t steps) { steps_ = steps; }

 private:
  /// Matrices of one shape, which are worked on together.
  struct Group {
    std::int64_t rows, columns;
    std::vector<std::int64_t> offsets;  ///< In the flat buffers.
  };

  void adam_step(const at::Tensor& gradient, double learning_rate);
  void muon_step(const Group& group, const at::Tensor& gradient, double learning_rate);

  TrainerSettings settings_;
  const TorchNetwork& network_;
  at::ScalarType type_;
  std::int64_t adam_count_ = 0;  ///< The first parameters; the groups have the others.
  std::vector<Group> groups_;
  at::Tensor first_moment_;   ///< f32 [parameters]
  at::Tensor second_moment_;  ///< f32 [adam_count_]
  std::uint64_t steps_ = 0;
};

}  // namespace fz::model
