// Training of a model's weights or of an adapter beside them, in floating point: the interface between the training
// loop and LibTorch, which is behind it and loaded only when a trainer is made (load_trainer.h). The result is not
// exact and need not be: it is quantized before anything is coded with it. Used by one thread; parallel inside.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/model.h"
#include "model/safetensors.h"

namespace fz::model {

/// A chunk's tokens as the coder sees them: the begin token comes before them and is not among them.
using ChunkTokens = std::span<const TokenId>;

/// The products of a layer that an adapter can stand beside; bits of a mask.
inline constexpr std::size_t kAdaptedProducts = 4;  // query_key_value, attention_output, gate_up, down

/// Real-valued matrices of one product of one layer: y = W·x + B·(A·x).
struct TrainedProduct {
  std::vector<float> a;  ///< [rank, inputs] row-major; empty when the product has no adapter.
  std::vector<float> b;  ///< [outputs, rank] row-major, alpha / rank multiplied in.
};

enum class Trained : std::uint8_t { kAdapter, kWeights };
/// kMuon: of the layers' matrices when weights are trained; all else has AdamW.
enum class Optimizer : std::uint8_t { kAdamW, kMuon };
/// kAuto: a GPU where there is one that LibTorch can use, else the CPU.
enum class TrainingDevice : std::uint8_t { kAuto, kCpu, kGpu };

struct TrainerSettings {
  Trained trained = Trained::kAdapter;
  std::uint32_t rank = 8;             ///< Of the adapter.
  float alpha = 16;                   ///< The adapter's output is multiplied by alpha / rank.
  std::uint32_t products_mask = 0xf;  ///< Bit i: the i-th of the adapted products.
  int base_bits = 8;                  ///< 8 or 4: precision of the frozen weights.
  std::uint64_t seed = 1;             ///< Of the initial values.
  TrainingDevice device = TrainingDevice::kAuto;
  int rank_on_node = 0;  ///< Ranks of a node take its GPUs in turn.
  int threads = 1;
  Optimizer optimizer = Optimizer::kAdamW;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double weight_decay = 0;
  double clip_norm = 1;  ///< Largest norm of the mean gradient.
};

struct LossSum {
  double nats = 0;
  double tokens = 0;
  /// Mean loss in bits for each token.
  double bits_per_token() const { return tokens > 0 ? nats / tokens * 1.4426950408889634 : 0; }
};

/// How numbers are summed over ranks, in place. What is summed is one number for each parameter, then the extra ones.
struct RankSum {
  std::function<void(std::span<float>)> in_memory;
  std::function<void(float* values, std::size_t count)> on_gpu;  ///< Empty: through memory.
};

class Trainer {
 public:
  virtual ~Trainer() = default;

  /// The GPU that this trainer uses, as CUDA numbers those that the process sees; none: the CPU.
  virtual std::optional<int> gpu() const = 0;

  /// Chunks of equal or different length, none longer than the context: adds gradients of the sum of losses.
  virtual LossSum add_gradients(std::span<const ChunkTokens> chunks) = 0;
  virtual LossSum evaluate(std::span<const ChunkTokens> chunks) = 0;

  /// A few numbers that are summed over ranks with the gradients; cleared by an update.
  virtual std::span<float> extra_sums() = 0;
  /// Sums the gradients since the last update, and the extra numbers, over the ranks.
  virtual void sum_over_ranks(const RankSum& sum) = 0;

  /// One step of the optimizer with the mean over so many tokens; clears the sums. Returns the norm of the mean
  /// gradient before clipping; when that is not finite, nothing is changed.
  virtual double update(double learning_rate, double tokens) = 0;

  /// From now on trained weights are rounded in the forward pass as the importer will round them.
  virtual void be_quantization_aware() = 0;

  /// A copy where they are on a GPU.
  virtual std::span<const float> parameters() = 0;
  /// [layers × kAdaptedProducts], of a trained adapter. The components of each product by size, the largest first, and
  /// orthogonal: the first few of them are the best adapter of so many.
  virtual std::vector<TrainedProduct> adapter() = 0;
  /// Of trained weights: the tensors of a checkpoint, with the model's own token numbers.
  virtual std::vector<NamedTensor> weights() = 0;
  /// Parameters, moments and step count, to go on later; restore checks the size. Throws Error(kCorrupt).
  virtual Bytes save_state() = 0;
  virtual void restore_state(ByteSpan state, const std::string& source) = 0;

  static constexpr std::size_t kExtraSums = 8;
};

}  // namespace fz::model
