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

/// An adapter of a form, and what samples become with it.
struct FormedAdapter {
  AdapterForm form;
  Bytes bytes;
  std::uint64_t sample_bytes = 0;
  double total_bytes = 0;  ///< Of archive and adapter, up to a constant; equal on all ranks.
};

/// `products` as Trainer::adapter gives them, with at least the form's components and targets; serialized. Throws
/// Error(kUsage) when a value is not finite.
Bytes make_adapter(const model::Model& model, std::span<const model::TrainedProduct> products, const AdapterForm& form);

/// From the whole adapter on: coarser integers, half as many components, one target less; each as long as the total
/// gets smaller. `try_form` makes an adapter of a form and measures it.
FormedAdapter fit_adapter(std::uint32_t rank, std::uint32_t targets,
                          const std::function<FormedAdapter(const AdapterForm&)>& try_form);

}  // namespace fz::worker
