// How much of a trained adapter is worth its bytes: of how many of its components, at which products and with how
// coarse integers the adapter and the archive become smallest together. Called by every rank's worker thread, in step.
#pragma once

#include <functional>
#include <span>

#include "base/bytes.h"
#include "model/model.h"
#include "model/train/trainer.h"

namespace fz::worker {

/// What an adapter is cut to.
struct AdapterForm {
  std::uint32_t rank = 0;     ///< Components that are kept of each product, the largest.
  std::uint32_t targets = 0;  ///< Bits of model::AdapterTarget.
  double step_in_sigmas = 0;  ///< Of its integers.
};

/// `products` as Trainer::adapter gives them, with at least the form's components and targets; serialized. Throws
/// Error(kUsage) when a value is not finite.
Bytes make_adapter(const model::Model& model, std::span<const model::TrainedProduct> products, const AdapterForm& form);

/// From the whole adapter on: coarser integers, half as many components, one target less; each as long as the sum gets
/// smaller. `size_with`: bytes of archive and adapter with an adapter of this form, up to a constant; equal on all
/// ranks.
AdapterForm fit_adapter(std::uint32_t rank, std::uint32_t targets,
                        const std::function<double(const AdapterForm&)>& size_with);

}  // namespace fz::worker
