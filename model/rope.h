// The tables of the rotary embedding (Su et al. 2021, RoFormer), as the importer fills them. Pure functions.
#pragma once

#include <cstdint>
#include <vector>

#include "model/model.h"

namespace fz::model {

/// Turns per token position, in radians, for each pair of elements of a head: base^(−2i / head_width).
std::vector<double> rope_frequencies(double base, std::uint32_t head_width);

/// cos and sin of position × frequency for the positions of model.config.context, in place of what is there.
void fill_rope_tables(const std::vector<double>& frequencies, Model& model);

}  // namespace fz::model
