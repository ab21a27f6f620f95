// What the exact engine makes of a text: the model's cross entropy with quantized arithmetic. For measuring, so in
// double precision and no part of the exactness contract.
#pragma once

#include <span>

#include "model/engine.h"

namespace fz::model {

/// Mean bits for each token over the chunks (1 … context tokens each); 0 for none.
double exact_bits_per_token(Engine& engine, std::span<const std::span<const TokenId>> chunks);

}  // namespace fz::model
