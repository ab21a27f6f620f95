// A Llama-architecture model as a differentiable function of its trained parameters: all weights, or an adapter beside
// frozen ones. Parameters and their gradients are views into one flat buffer each, so that one all-reduce and one
// optimizer step serve them all. Owned by the trainer; one thread.
#pragma once

#include <vector>

#include "model/train/torch_functions.h"
#include "model/train/trainer.h"

namespace fz::model {

/// Where a matrix of a layer lies in the flat buffers.
struct MatrixPlace {
  std::int64_t offset, rows, columns;
};

class TorchNetwork {
 public:
  TorchNetwork(const Model& model, const TrainerSettings& settings, at::Device device, at::ScalarType type);

  /// Sum of the losses in nats over the targets. inputs, targets: [chunks, tokens] int64; a target of −1 is left out.
  at::Tensor loss(const at::Tensor& inputs, const at::Tensor& targets) const;

  /// f32 [parameters]; the gradients have kExtraSums more elements.
  at::Tensor parameters() const { return parameters_; }
  at::Tensor gradients() const { return gradients_; }
  /// 1 where weight decay applies (matrices), 0 elsewhere (gains).
  at::Tensor decay_mask() const { return decay_mask_; }
  /// When weights are trained: the matrices of the layers one by one, stacked ones apart. Nothing comes after them.
  std::vector<MatrixPlace> layer_matrices() const;

  void be_quantization_aware() { is_quantization_aware_ = true; }

  std::vector<TrainedProduct> adapter() const;
  std::vector<NamedTensor> weights() const;

 private:
  struct Product {
    std::size_t outputs = 0;
    std::size_t inputs = 0;
    FrozenWeight frozen;
    at::Tensor weight;  ///< Instead of `frozen` when weights are trained.
    at::Tensor a, b;    ///< Undefined without an adapter here.
  };
  struct TorchLayer {
    at::Tensor attention_norm, feed_forward_norm;
    Product products[kAdaptedProducts];
  };

  at::Tensor apply(const Product& product, const at::Tensor& x) const;
  at::Tensor attention(const TorchLayer& layer, const at::Tensor& x, std::int64_t chunks, std::int64_t tokens) const;
  at::Tensor quantized_if_aware(const at::Tensor& weight) const;
  void make_frozen(const Model& model);
  void make_adapter();
  void make_trained(const Model& model);
  void lay_out(const std::vector<at::Tensor*>& tensors);

  ModelConfig config_;
  TrainerSettings settings_;
  bool is_quantization_aware_ = false;
  at::Device device_;
  at::ScalarType type_;
  at::Tensor embedding_, head_, final_norm_;  ///< head_ is undefined when tied.
  at::Tensor cosine_, sine_;                  ///< [context, 1, head_width / 2]
  std::vector<TorchLayer> layers_;
  at::Tensor parameters_, gradients_, decay_mask_;
};

}  // namespace fz::model
