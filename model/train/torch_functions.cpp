#include "model/train/torch_functions.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

namespace fz::model {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// Columns that share a scale when the frozen weights have 4 bits.
constexpr std::int64_t kGroupColumns = 64;
/// Rows of logits that exist at a time.
constexpr std::int64_t kSliceRows = 512;
/// Below it a probability counts as this one: 100 bits.
constexpr double kLeastProbability = 0x1p-100;

struct FrozenProduct : Function<FrozenProduct> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const FrozenWeight* weight, int type) {
    context->saved_data["weight"] = reinterpret_cast<std::int64_t>(weight);  // outlives the step: the network's
    context->saved_data["type"] = static_cast<std::int64_t>(type);
    const auto dtype = static_cast<at::ScalarType>(type);
    return x.to(dtype).matmul(weight->real(dtype).t());
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto* weight = reinterpret_cast<const FrozenWeight*>(context->saved_data["weight"].toInt());
    const auto dtype = static_cast<at::ScalarType>(context->saved_data["type"].toInt());
    return {gradients[0].to(dtype).matmul(weight->real(dtype)), Tensor(), Tensor()};
  }
};

/// In one operation, as the thin products beside the large one would cost more by what they read and write than by
/// their arithmetic.
struct AdaptedProduct : Function<AdaptedProduct> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const FrozenWeight* weight, const Tensor& a,
                        const Tensor& b, double scale, int type) {
    const auto dtype = static_cast<at::ScalarType>(type);
    const Tensor typed_x = x.to(dtype);
    const Tensor typed_a = a.to(dtype);
    const Tensor scaled_b = (b * scale).to(dtype);
    const Tensor middle = typed_x.matmul(typed_a.t());
    context->save_for_backward({typed_x, typed_a, scaled_b, middle});
    context->saved_data["weight"] = reinterpret_cast<std::int64_t>(weight);  // outlives the step: the network's
    context->saved_data["scale"] = scale;
    return typed_x.matmul(weight->real(dtype).t()).addmm_(middle, scaled_b.t());
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &a = saved[1], &scaled_b = saved[2], &middle = saved[3];
    const auto* weight = reinterpret_cast<const FrozenWeight*>(context->saved_data["weight"].toInt());
    const Tensor gradient = gradients[0].to(x.scalar_type());
    const Tensor middle_gradient = gradient.matmul(scaled_b);
    const Tensor a_gradient = middle_gradient.t().matmul(x).to(at::kFloat);
    const Tensor b_gradient =
        middle.t().matmul(gradient).t().to(at::kFloat).mul_(context->saved_data["scale"].toDouble());
    Tensor x_gradient;  // nothing below the first layer learns
    if (context->needs_input_grad(0))
      x_gradient = gradient.matmul(weight->real(x.scalar_type())).addmm_(middle_gradient, a);
    return {x_gradient, Tensor(), a_gradient, b_gradient, Tensor(), Tensor()};
  }
};

struct Rotation : Function<Rotation> {
  static Tensor rotated(const Tensor& x, const Tensor& cosine, const Tensor& sine) {
    const auto halves = x.chunk(2, -1);
    return at::cat({halves[0] * cosine - halves[1] * sine, halves[1] * cosine + halves[0] * sine}, -1)
        .to(x.scalar_type());
  }
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& cosine, const Tensor& sine) {
    context->save_for_backward({cosine, sine});
    return rotated(x, cosine, sine);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    return {rotated(gradients[0], saved[0], -saved[1]), Tensor(), Tensor()};
  }
};

/// Softmax attention of rows that see themselves and what is before them, in blocks of rows: products of whole blocks
/// run at twice the speed of LibTorch's own attention on a CPU in bf16, and its backward pass at three times.
struct CausalAttention : Function<CausalAttention> {
  static constexpr std::int64_t kBlockRows = 128;

  /// All [heads, tokens, head_width]; the query is scaled already.
  static Tensor forward(AutogradContext* context, const Tensor& query, const Tensor& key, const Tensor& value) {
    const std::int64_t tokens = query.size(1);
    const Tensor mask = at::full({kBlockRows, kBlockRows}, -INFINITY, query.options()).triu_(1);
    Tensor result = at::empty_like(query);
    variable_list saved = {query, key, value};
    for (std::int64_t begin = 0; begin < tokens; begin += kBlockRows) {
      const std::int64_t end = std::min(begin + kBlockRows, tokens);
      Tensor scores = query.slice(1, begin, end).bmm(key.slice(1, 0, end).transpose(1, 2));
      scores.slice(2, begin, end).add_(mask.slice(0, 0, end - begin).slice(1, 0, end - begin));
      const Tensor weights = at::softmax(scores, 2);
      result.slice(1, begin, end).copy_(weights.bmm(value.slice(1, 0, end)));
      saved.push_back(weights);
    }
    context->save_for_backward(saved);
    return result;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &query = saved[0], &key = saved[1], &value = saved[2];
    Tensor query_gradient = at::empty_like(query), key_gradient = at::zeros_like(key),
           value_gradient = at::zeros_like(value);
    const std::int64_t tokens = query.size(1);
    for (std::int64_t begin = 0; begin < tokens; begin += kBlockRows) {
      const std::int64_t end = std::min(begin + kBlockRows, tokens);
      const Tensor& weights = saved[static_cast<std::size_t>(3 + begin / kBlockRows)];
      const Tensor gradient = gradients[0].slice(1, begin, end);
      value_gradient.slice(1, 0, end).add_(weights.transpose(1, 2).bmm(gradient));
      const Tensor scores_gradient = at::_softmax_backward_data(gradient.bmm(value.slice(1, 0, end).transpose(1, 2)),
                                                                weights, 2, weights.scalar_type());
      query_gradient.slice(1, begin, end).copy_(scores_gradient.bmm(key.slice(1, 0, end)));
      key_gradient.slice(1, 0, end).add_(scores_gradient.transpose(1, 2).bmm(query.slice(1, begin, end)));
    }
    return {query_gradient, key_gradient, value_gradient};
  }
};

struct GatedUnit : Function<GatedUnit> {
  static Tensor forward(AutogradContext* context, const Tensor& gate_up) {
    context->save_for_backward({gate_up});
    const auto halves = gate_up.chunk(2, -1);
    return at::silu(halves[0]).mul_(halves[1]);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const Tensor gate_up = context->get_saved_variables()[0];
    const auto halves = gate_up.chunk(2, -1);
    Tensor result = at::empty_like(gate_up);
    auto parts = result.chunk(2, -1);
    const Tensor activated = at::silu(halves[0]);
    parts[0].copy_(at::silu_backward(gradients[0] * halves[1], halves[0]));
    at::mul_out(parts[1], gradients[0], activated);
    return {result};
  }
};

/// Gradients are made in the forward pass, where the logits are.
struct SlicedCrossEntropy : Function<SlicedCrossEntropy> {
  static Tensor forward(AutogradContext* context, const Tensor& hidden, const Tensor& head, const Tensor& targets,
                        int type) {
    const auto dtype = static_cast<at::ScalarType>(type);
    const bool trains_head = head.requires_grad();
    const bool differentiates = hidden.requires_grad() || trains_head;
    const Tensor typed_head = head.to(dtype);
    Tensor hidden_gradient = differentiates ? at::empty_like(hidden) : Tensor();
    Tensor head_gradient = trains_head ? at::zeros_like(head) : Tensor();
    Tensor total = at::zeros({}, hidden.options());
    for (std::int64_t begin = 0; begin < hidden.size(0); begin += kSliceRows) {
      const std::int64_t end = std::min(begin + kSliceRows, hidden.size(0));
      const Tensor rows = hidden.slice(0, begin, end).to(dtype);
      const Tensor target = targets.slice(0, begin, end);
      const Tensor is_coded = target.ge(0);
      const Tensor index = target.clamp_min(0).unsqueeze(1);
      Tensor gradient = at::softmax(rows.matmul(typed_head.t()).to(at::kFloat), 1);
      total -= (gradient.gather(1, index).clamp_min_(kLeastProbability).log_().squeeze(1) * is_coded).sum();
      if (!differentiates) continue;
      gradient.scatter_add_(1, index, at::full_like(index, -1, gradient.options()));  // softmax − one-hot
      if (!is_coded.all().item<bool>()) gradient.mul_(is_coded.unsqueeze(1));
      const Tensor typed = gradient.to(dtype);
      hidden_gradient.slice(0, begin, end).copy_(typed.matmul(typed_head));
      if (trains_head) head_gradient.add_(typed.t().matmul(rows));
    }
    context->save_for_backward({hidden_gradient, head_gradient});
    return total;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    return {saved[0] * gradients[0], saved[1].defined() ? saved[1] * gradients[0] : Tensor(), Tensor(), Tensor()};
  }
};

struct RoundedToInt8 : Function<RoundedToInt8> {
  static Tensor forward(AutogradContext*, const Tensor& weight) {
    const Tensor scales = weight.abs().amax(1, true).div(127).clamp_min(1e-30);
    return weight.div(scales).round_().mul_(scales);
  }
  static variable_list backward(AutogradContext*, const variable_list& gradients) { return {gradients[0]}; }
};

}  // namespace

FrozenWeight::FrozenWeight(const Tensor& weights, const Tensor& row_scales, int bits) : bits_(bits) {
  if (bits == 8 || weights.size(1) % kGroupColumns != 0) {
    bits_ = 8;
    weights_ = weights.clone();
    scales_ = row_scales.unsqueeze(1).clone();
    return;
  }
  const Tensor real = weights.to(at::kFloat) * row_scales.unsqueeze(1);
  const Tensor groups = real.view({weights.size(0), -1, kGroupColumns});
  scales_ = groups.abs().amax(2, true).div(7).clamp_min(1e-30);
  const Tensor values = groups.div(scales_).round_().add_(8).to(at::kByte).view({weights.size(0), -1, 2});
  weights_ = values.select(2, 0).bitwise_or(values.select(2, 1).bitwise_left_shift(4)).contiguous();
}

Tensor FrozenWeight::real(at::ScalarType type) const {
  if (bits_ == 8) return weights_.to(at::kFloat).mul_(scales_).to(type);
  const Tensor values = at::stack({weights_.bitwise_and(15), weights_.bitwise_right_shift(4)}, 2);
  const Tensor groups = values.view({weights_.size(0), -1, kGroupColumns}).to(at::kFloat).sub_(8).mul_(scales_);
  return groups.view({weights_.size(0), -1}).to(type);
}

Tensor frozen_product(const Tensor& x, const FrozenWeight& weight, at::ScalarType type) {
  return FrozenProduct::apply(x, &weight, static_cast<int>(type));
}

Tensor adapted_product(const Tensor& x, const FrozenWeight& weight, const Tensor& a, const Tensor& b, double scale,
                       at::ScalarType type) {
  return AdaptedProduct::apply(x, &weight, a, b, scale, static_cast<int>(type));
}

Tensor product(const Tensor& x, const Tensor& weight, at::ScalarType type) {
  return x.to(type).matmul(weight.to(type).t());
}

Tensor rms_norm(const Tensor& x, const Tensor& gain, double epsilon) {
  return at::rms_norm(x, {x.size(-1)}, gain, epsilon);
}

Tensor rotate(const Tensor& x, const Tensor& cosine, const Tensor& sine) {
  return Rotation::apply(x, cosine, sine);
}

Tensor causal_attention(const Tensor& query, const Tensor& key, const Tensor& value) {
  if (query.is_cuda()) {
    return at::scaled_dot_product_attention(query, key, value, {}, 0.0, /*is_causal=*/true, std::nullopt,
                                            query.size(1) != key.size(1));
  }
  const auto flat = [&](const Tensor& x) {
    const std::int64_t copies = query.size(1) / x.size(1);
    return (copies > 1 ? x.repeat_interleave(copies, 1) : x).reshape({-1, x.size(2), x.size(3)});
  };
  const double scale = 1 / std::sqrt(static_cast<double>(query.size(3)));
  return CausalAttention::apply(flat(query * scale), flat(key), flat(value)).view(query.sizes());
}

Tensor gated_unit(const Tensor& gate_up) {
  return GatedUnit::apply(gate_up);
}

Tensor sliced_cross_entropy(const Tensor& hidden, const Tensor& head, const Tensor& targets, at::ScalarType type) {
  return SlicedCrossEntropy::apply(hidden, head, targets, static_cast<int>(type));
}

Tensor rounded_to_int8(const Tensor& weight) {
  return RoundedToInt8::apply(weight);
}

}  // namespace fz::model
