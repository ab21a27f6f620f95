#include "model/train/torch_network.h"

#include <cmath>

#include "base/error.h"

namespace fz::model {
namespace {

using at::Tensor;

constexpr std::size_t kQueryKeyValue = 0;
constexpr std::size_t kAttentionOutput = 1;
constexpr std::size_t kGateUp = 2;
constexpr std::size_t kDown = 3;

std::vector<const QuantizedMatrix*> matrices_of(const Layer& layer, std::size_t product) {
  switch (product) {
    case kQueryKeyValue:
      return {&layer.query, &layer.key, &layer.value};
    case kAttentionOutput:
      return {&layer.attention_output};
    case kGateUp:
      return {&layer.gate, &layer.up};
    default:
      return {&layer.down};
  }
}

/// [outputs, inputs] of each matrix that a product stacks.
std::vector<std::int64_t> stacked_rows(const ModelConfig& config, std::size_t product) {
  const std::int64_t head_width = config.head_width;
  switch (product) {
    case kQueryKeyValue:
      return {config.heads * head_width, config.kv_heads * head_width, config.kv_heads * head_width};
    case kGateUp:
      return {config.feed_forward_width, config.feed_forward_width};
    default:
      return {config.width};
  }
}

std::int64_t inputs_of(const ModelConfig& config, std::size_t product) {
  if (product == kAttentionOutput) return std::int64_t{config.heads} * config.head_width;
  return product == kDown ? config.feed_forward_width : config.width;
}

std::int64_t outputs_of(const ModelConfig& config, std::size_t product) {
  std::int64_t sum = 0;
  for (const std::int64_t rows : stacked_rows(config, product)) sum += rows;
  return sum;
}

Tensor int8_tensor(const QuantizedMatrix& matrix) {
  return at::from_blob(const_cast<std::int8_t*>(matrix.weights.data()), {matrix.rows, matrix.columns}, at::kChar);
}
Tensor float_tensor(const std::vector<float>& values) {
  return at::from_blob(const_cast<float*>(values.data()), {static_cast<std::int64_t>(values.size())}).clone();
}
Tensor real_tensor(const QuantizedMatrix& matrix) {
  return int8_tensor(matrix).to(at::kFloat) * float_tensor(matrix.scales).unsqueeze(1);
}

NamedTensor named(std::string name, const Tensor& tensor) {
  const Tensor host = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
  NamedTensor result{std::move(name), {}, {}};
  for (const std::int64_t size : host.sizes()) result.shape.push_back(static_cast<std::uint64_t>(size));
  result.values.assign(host.data_ptr<float>(), host.data_ptr<float>() + host.numel());
  return result;
}

std::vector<float> values_of(const Tensor& tensor) {
  return named("", tensor).values;
}

/// The same B·A from the components of its singular value decomposition.
std::pair<Tensor, Tensor> by_size(const Tensor& a, const Tensor& b) {
  const auto [a_basis, a_rest] = at::linalg_qr(a.detach().to(at::kCPU, at::kDouble).t());
  const auto [b_basis, b_rest] = at::linalg_qr(b.detach().to(at::kCPU, at::kDouble));
  const auto [left, sizes, right] = at::linalg_svd(b_rest.matmul(a_rest.t()));
  const Tensor roots = sizes.sqrt();
  const std::int64_t missing = a.size(0) - sizes.numel();  // of an adapter with more components than inputs or outputs
  return {at::constant_pad_nd((roots.unsqueeze(1) * right).matmul(a_basis.t()), {0, 0, 0, missing}),
          at::constant_pad_nd(b_basis.matmul(left * roots), {0, missing})};
}

}  // namespace

TorchNetwork::TorchNetwork(const Model& model, const TrainerSettings& settings, at::Device device, at::ScalarType type)
    : config_(model.config), settings_(settings), device_(device), type_(type), layers_(model.config.layers) {
  const std::int64_t pairs = config_.head_width / 2;
  cosine_ = float_tensor(model.rope_cosine).view({-1, 1, pairs}).to(device_);
  sine_ = float_tensor(model.rope_sine).view({-1, 1, pairs}).to(device_);
  for (TorchLayer& layer : layers_) {
    for (std::size_t i = 0; i < kAdaptedProducts; ++i) {
      layer.products[i].outputs = static_cast<std::size_t>(outputs_of(config_, i));
      layer.products[i].inputs = static_cast<std::size_t>(inputs_of(config_, i));
    }
  }
  at::manual_seed(settings.seed);
  if (settings.trained == Trained::kAdapter) {
    make_frozen(model);
    make_adapter();
  } else {
    make_trained(model);
  }
}

void TorchNetwork::make_frozen(const Model& model) {
  embedding_ = real_tensor(model.embedding).to(device_);
  if (!config_.tied_head) head_ = real_tensor(model.head).to(device_);
  final_norm_ = float_tensor(model.final_norm).to(device_);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = model.layers[i];
    layers_[i].attention_norm = float_tensor(layer.attention_norm).to(device_);
    layers_[i].feed_forward_norm = float_tensor(layer.feed_forward_norm).to(device_);
    for (std::size_t product = 0; product < kAdaptedProducts; ++product) {
      std::vector<Tensor> weights, scales;
      for (const QuantizedMatrix* matrix : matrices_of(layer, product)) {
        weights.push_back(int8_tensor(*matrix));
        scales.push_back(float_tensor(matrix->scales));
      }
      layers_[i].products[product].frozen =
          FrozenWeight(at::cat(weights).to(device_), at::cat(scales).to(device_), settings_.base_bits);
    }
  }
}

/// A at random, B zero: the adapter begins as nothing (Hu et al. 2021, LoRA).
void TorchNetwork::make_adapter() {
  std::vector<Tensor*> tensors;
  const std::int64_t rank = settings_.rank;
  for (TorchLayer& layer : layers_) {
    for (std::size_t i = 0; i < kAdaptedProducts; ++i) {
      if ((settings_.products_mask >> i & 1) == 0) continue;
      Product& product = layer.products[i];
      const auto inputs = static_cast<std::int64_t>(product.inputs);
      product.a = at::randn({rank, inputs}) / std::sqrt(static_cast<double>(inputs));
      product.b = at::zeros({static_cast<std::int64_t>(product.outputs), rank});
      tensors.push_back(&product.a);
      tensors.push_back(&product.b);
    }
  }
  lay_out(tensors);
}

void TorchNetwork::make_trained(const Model& model) {
  std::vector<Tensor*> tensors = {&embedding_};
  embedding_ = real_tensor(model.embedding);
  if (!config_.tied_head) {
    head_ = real_tensor(model.head);
    tensors.push_back(&head_);
  }
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    TorchLayer& layer = layers_[i];
    layer.attention_norm = float_tensor(model.layers[i].attention_norm);
    layer.feed_forward_norm = float_tensor(model.layers[i].feed_forward_norm);
    tensors.push_back(&layer.attention_norm);
    tensors.push_back(&layer.feed_forward_norm);
  }
  final_norm_ = float_tensor(model.final_norm);
  tensors.push_back(&final_norm_);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    for (std::size_t product = 0; product < kAdaptedProducts; ++product) {
      std::vector<Tensor> parts;
      for (const QuantizedMatrix* matrix : matrices_of(model.layers[i], product)) parts.push_back(real_tensor(*matrix));
      layers_[i].products[product].weight = at::cat(parts);
      tensors.push_back(&layers_[i].products[product].weight);
    }
  }
  lay_out(tensors);
}

/// Moves the tensors into one buffer and makes them views of it, with gradients that are views of another.
void TorchNetwork::lay_out(const std::vector<Tensor*>& tensors) {
  std::int64_t size = 0;
  for (const Tensor* tensor : tensors) size += tensor->numel();
  const auto options = at::TensorOptions(at::kFloat).device(device_);
  parameters_ = at::empty({size}, options);
  decay_mask_ = at::zeros({size}, options);
  gradients_ = at::zeros({size + static_cast<std::int64_t>(Trainer::kExtraSums)}, options);
  std::int64_t offset = 0;
  for (Tensor* tensor : tensors) {
    const std::int64_t count = tensor->numel();
    Tensor view = parameters_.slice(0, offset, offset + count).view(tensor->sizes());
    view.copy_(*tensor);
    if (tensor->dim() > 1) decay_mask_.slice(0, offset, offset + count).fill_(1);
    *tensor = view.detach().requires_grad_(true);
    tensor->mutable_grad() = gradients_.slice(0, offset, offset + count).view(tensor->sizes());
    offset += count;
  }
}

std::vector<MatrixPlace> TorchNetwork::layer_matrices() const {
  std::vector<MatrixPlace> places;
  for (const TorchLayer& layer : layers_) {
    for (std::size_t product = 0; product < kAdaptedProducts; ++product) {
      const Tensor& weight = layer.products[product].weight;
      if (!weight.defined()) continue;
      std::int64_t offset = weight.storage_offset();
      for (const std::int64_t rows : stacked_rows(config_, product)) {
        places.push_back({offset, rows, weight.size(1)});
        offset += rows * weight.size(1);
      }
    }
  }
  return places;
}

Tensor TorchNetwork::quantized_if_aware(const Tensor& weight) const {
  return is_quantization_aware_ ? rounded_to_int8(weight) : weight;
}

Tensor TorchNetwork::apply(const Product& part, const Tensor& x) const {
  if (part.weight.defined()) return product(x, quantized_if_aware(part.weight), type_);
  if (!part.a.defined()) return frozen_product(x, part.frozen, type_);
  return adapted_product(x, part.frozen, part.a, part.b, settings_.alpha / static_cast<float>(settings_.rank), type_);
}

Tensor TorchNetwork::attention(const TorchLayer& layer, const Tensor& x, std::int64_t chunks,
                               std::int64_t tokens) const {
  const std::int64_t head_width = config_.head_width;
  const std::int64_t heads = config_.heads;
  const std::int64_t kv_heads = config_.kv_heads;
  const Tensor all = apply(layer.products[kQueryKeyValue], x).view({chunks, tokens, heads + 2 * kv_heads, head_width});
  const Tensor turned =
      rotate(all.slice(2, 0, heads + kv_heads), cosine_.slice(0, 0, tokens), sine_.slice(0, 0, tokens));
  const Tensor query = turned.slice(2, 0, heads).transpose(1, 2);
  const Tensor key = turned.slice(2, heads, heads + kv_heads).transpose(1, 2);
  const Tensor value = all.slice(2, heads + kv_heads).transpose(1, 2);
  return apply(layer.products[kAttentionOutput],
               causal_attention(query, key, value).transpose(1, 2).reshape({chunks * tokens, heads * head_width}));
}

Tensor TorchNetwork::loss(const Tensor& inputs, const Tensor& targets) const {
  const std::int64_t chunks = inputs.size(0);
  const std::int64_t tokens = inputs.size(1);
  const Tensor embedding = quantized_if_aware(embedding_);
  Tensor x = at::embedding(embedding, inputs).view({chunks * tokens, config_.width});
  const double epsilon = config_.norm_epsilon;
  for (const TorchLayer& layer : layers_) {
    x = x + attention(layer, rms_norm(x, layer.attention_norm, epsilon), chunks, tokens);
    const Tensor normed = rms_norm(x, layer.feed_forward_norm, epsilon);
    x = x + apply(layer.products[kDown], gated_unit(apply(layer.products[kGateUp], normed)));
  }
  return sliced_cross_entropy(rms_norm(x, final_norm_, epsilon),
                              head_.defined() ? quantized_if_aware(head_) : embedding, targets.view({-1}), type_);
}

std::vector<TrainedProduct> TorchNetwork::adapter() const {
  std::vector<TrainedProduct> products;
  for (const TorchLayer& layer : layers_) {
    for (const Product& product : layer.products) {
      TrainedProduct trained;
      if (product.a.defined()) {
        const auto [a, b] = by_size(product.a, product.b * (settings_.alpha / static_cast<float>(settings_.rank)));
        trained.a = values_of(a);
        trained.b = values_of(b);
      }
      products.push_back(std::move(trained));
    }
  }
  return products;
}

std::vector<NamedTensor> TorchNetwork::weights() const {
  FZ_CHECK(settings_.trained == Trained::kWeights);
  static const std::vector<std::vector<std::string>> names = {
      {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"},
      {"self_attn.o_proj"},
      {"mlp.gate_proj", "mlp.up_proj"},
      {"mlp.down_proj"}};
  std::vector<NamedTensor> tensors = {named("model.embed_tokens.weight", embedding_)};
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    tensors.push_back(named(prefix + "input_layernorm.weight", layers_[i].attention_norm));
    tensors.push_back(named(prefix + "post_attention_layernorm.weight", layers_[i].feed_forward_norm));
    for (std::size_t product = 0; product < kAdaptedProducts; ++product) {
      const auto parts = layers_[i].products[product].weight.split_with_sizes(stacked_rows(config_, product));
      for (std::size_t part = 0; part < parts.size(); ++part) {
        tensors.push_back(named(prefix + names[product][part] + ".weight", parts[part]));
      }
    }
  }
  tensors.push_back(named("model.norm.weight", final_norm_));
  if (head_.defined()) tensors.push_back(named("lm_head.weight", head_));
  return tensors;
}

}  // namespace fz::model
