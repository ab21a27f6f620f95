// From the matrices of a trained adapter to its integers. Pure function.
#pragma once

#include <span>

#include "model/adapter.h"

namespace fz::model {

/// What training gives for one target of one layer: output i gets Σ_r b[i, r] · Σ_k a[r, k] · input[k].
struct FloatAdapterSite {
  std::span<const float> a;  ///< [rank, inputs] row-major.
  std::span<const float> b;  ///< [outputs, rank] row-major, alpha / rank in it.
};

/// Each row of A and each column of B is divided by a step of its own, `step_in_sigmas` times the root of the mean of
/// its squares, or so much more that its integers stay within 127, and rounded; the scale of rank component r is the
/// product of its two steps, cut off where validate_adapter would refuse it. Larger steps make an adapter that is
/// smaller, and further from what was trained. Throws Error(kUsage) when a value is not finite: training has diverged.
AdapterSite quantize_adapter_site(const FloatAdapterSite& site, std::uint32_t rank, const AdapterShape& shape,
                                  double step_in_sigmas);

}  // namespace fz::model
