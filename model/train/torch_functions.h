// Differentiable operations of a Llama-architecture model that torch does not have in one piece. They keep little for
// the backward pass: training a small model is bound by memory traffic, not by products. Free functions on tensors.
#pragma once

#include <ATen/ATen.h>

namespace fz::model {

/// Frozen weights [outputs, inputs] in the form they are stored in, made real when they are used.
class FrozenWeight {
 public:
  FrozenWeight() = default;
  /// int8 weights with a scale for each row; kept so, or rounded to 4 bits with a scale for each 64 columns.
  FrozenWeight(const at::Tensor& weights, const at::Tensor& row_scales, int bits);
  at::Tensor real(at::ScalarType type) const;

 private:
  at::Tensor weights_;  ///< int8 [outputs, inputs], or uint8 [outputs, inputs / 2] with two values a byte.
  at::Tensor scales_;   ///< f32 [outputs, 1], or [outputs, groups, 1].
  int bits_ = 8;
};

/// x [rows, inputs] · weightᵀ in `type`. No gradient for the weight.
at::Tensor frozen_product(const at::Tensor& x, const FrozenWeight& weight, at::ScalarType type);

/// x · weightᵀ + scale · (x · aᵀ) · bᵀ in `type`; a [rank, inputs], b [outputs, rank]. Gradients for x, a and b.
at::Tensor adapted_product(const at::Tensor& x, const FrozenWeight& weight, const at::Tensor& a, const at::Tensor& b,
                           double scale, at::ScalarType type);

/// x · weightᵀ in `type`, with gradients for both.
at::Tensor product(const at::Tensor& x, const at::Tensor& weight, at::ScalarType type);

/// RMS norm of the rows of x [rows, width] with gain [width].
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double epsilon);

/// Rotates x [chunks, tokens, heads, head_width] by tables [tokens, 1, head_width / 2].
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine);

/// Softmax attention in which each token sees itself and those before it: [chunks, heads, tokens, head_width] all; the
/// query may have several heads for each of the key and the value.
at::Tensor causal_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value);

/// silu(first half of the columns) · second half: [rows, 2 · width] → [rows, width].
at::Tensor gated_unit(const at::Tensor& gate_up);

/// Sum over the rows of the cross entropy, in nats, of softmax(hidden · headᵀ) against targets [rows]; a target of −1
/// is left out. The logits exist for a slice of the rows at a time only. Gradients for hidden, and for head if wanted.
at::Tensor sliced_cross_entropy(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets,
                                at::ScalarType type);

/// Rounds each row to int8 by its absolute maximum, as the importer does; the gradient passes unchanged
/// (straight-through estimator, Bengio et al. 2013).
at::Tensor rounded_to_int8(const at::Tensor& weight);

}  // namespace fz::model
