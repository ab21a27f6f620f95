// Training of a model's weights or of an adapter beside them, in floating point: the interface between the training
// loop and LibTorch, which is behind it and loaded only when a trainer is made (load_trainer.h). The result is not
// exact and need not be: it is quantized before anything is coded with it. Used by one thread; parallel inside.
#pragma once

#include <cstdint>
#include <memory>
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

struct TrainerSettings {
  Trained trained = Trained::kAdapter;
  std::uint32_t rank = 8;             ///< Of the adapter.
  float alpha = 16;                   ///< The adapter's output is multiplied by alpha / rank.
  std::uint32_t products_mask = 0xf;  ///< Bit i: the i-th of the adapted products.
  int base_bits = 8;                  ///< 8 or 4: precision of the frozen weights.
  std::uint64_t seed = 1;             ///< Of the initial values.
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

class Trainer {
 public:
  virtual ~Trainer() = default;

  /// Chunks of equal or different length, none longer than the context: adds gradients of the sum of losses.
  virtual LossSum add_gradients(std::span<const ChunkTokens> chunks) = 0;
  virtual LossSum evaluate(std::span<const ChunkTokens> chunks) = 0;

  /// The sums over the chunks since the last update, to be summed over ranks: one number for each parameter, and room
  /// for `extra_sums` others, which the trainer only clears.
  virtual std::span<float> gradients() = 0;
  virtual std::span<float> extra_sums() = 0;
  /// The buffer that holds both, one after another.
  virtual std::span<float> all_sums() = 0;

  /// One step of the optimizer with the mean over so many tokens; clears the sums. Returns the norm of the mean
  /// gradient before clipping; when that is not finite, nothing is changed.
  virtual double update(double learning_rate, double tokens) = 0;

  /// From now on trained weights are rounded in the forward pass as the importer will round them.
  virtual void be_quantization_aware() = 0;

  virtual std::span<const float> parameters() = 0;
  /// [layers × kAdaptedProducts], of a trained adapter.
  virtual std::vector<TrainedProduct> adapter() = 0;
  /// Of trained weights: the tensors of a checkpoint, with the model's own token numbers.
  virtual std::vector<NamedTensor> weights() = 0;
  /// Parameters, moments and step count, to go on later; restore checks the size. Throws Error(kCorrupt).
  virtual Bytes save_state() = 0;
  virtual void restore_state(ByteSpan state, const std::string& source) = 0;

  static constexpr std::size_t kExtraSums = 8;
};

}  // namespace fz::model
