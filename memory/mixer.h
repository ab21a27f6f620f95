// Logistic mixing: several weight sets, each chosen by another circumstance, and a second small mixer over their
// outputs, as in PAQ (M. Mahoney, "Adaptive weighing of context models for lossless data compression", 2005) and paq8's
// two layers. All lanes read the weights of before the step; the changes of a step are sums (docs/numerics.md, section
// 19).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned_array.h"
#include "memory/logistic.h"
#include "memory/memory_kernels.h"

namespace fz::memory {

/// Weight sets chosen by one circumstance.
class MixerLayer {
 public:
  /// `kernels` are those for sets of `width` weights.
  MixerLayer(const MixerKernels& kernels, int width, std::uint32_t sets)
      : kernels_(&kernels), width_(static_cast<std::size_t>(width)), weights_(sets * width_), uses_(sets) {}

  void set_weights(int input, std::int32_t weight) {
    for (std::size_t i = static_cast<std::size_t>(input); i < weights_.size(); i += width_) weights_[i] = weight;
  }

  const std::int32_t* weights(std::uint32_t set) const { return weights_.data() + set * width_; }
  std::int32_t* weights(std::uint32_t set) { return weights_.data() + set * width_; }

  void prefetch(std::uint32_t set) const {
    __builtin_prefetch(weights(set));
    __builtin_prefetch(weights(set) + width_ - 1);
  }

  /// Decisions of earlier steps that used the set.
  std::uint32_t uses(std::uint32_t set) const { return uses_[set]; }
  void count_use(std::uint32_t set) { ++uses_[set]; }

  void train(std::span<const WeightChange> changes) {
    if (!kernels_->train(changes.data(), static_cast<int>(changes.size()), kMaxWeight)) return;
    for (const WeightChange& change : changes) beyond_.push_back(change.weights);
  }
  /// After all of a step's train(): limits the weights. A set that is beyond now was so after its last change, too.
  void settle() {
    for (std::int32_t* weights : beyond_) kernels_->limit(weights, kMaxWeight);
    beyond_.clear();
  }

 private:
  const MixerKernels* kernels_;
  std::size_t width_;
  AlignedArray<std::int32_t> weights_;
  std::vector<std::uint32_t> uses_;
  std::vector<std::int32_t*> beyond_;  // sets that may need settling
};

/// How far a decision moves the weights: the error of a probability, times a rate in units of 2^-16.
inline std::int32_t gradient(unsigned bit, int logit, std::uint32_t rate) {
  const std::int32_t error = static_cast<std::int32_t>(bit << 16) - kLogistic.squash[logit + kMaxLogit];
  return (error * static_cast<std::int32_t>(rate) + 2048) >> 12;
}

}  // namespace fz::memory
