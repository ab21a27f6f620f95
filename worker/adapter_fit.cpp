#include "worker/adapter_fit.h"

#include "model/adapter.h"
#include "model/adapter_quantize.h"
#include "shard/adapter_format.h"

namespace fz::worker {
namespace {

/// Some 3 bits for each number, then 2, then 1.
constexpr double kFinestStep = 0.5;
constexpr double kCoarsestStep = 2;

/// The first columns of [rows, columns].
std::vector<float> first_columns(const std::vector<float>& matrix, std::size_t rows, std::size_t count) {
  const std::size_t columns = matrix.size() / rows;
  std::vector<float> result;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto begin = matrix.begin() + static_cast<std::ptrdiff_t>(row * columns);
    result.insert(result.end(), begin, begin + static_cast<std::ptrdiff_t>(count));
  }
  return result;
}

}  // namespace

Bytes make_adapter(const model::Model& model, std::span<const model::TrainedProduct> products,
                   const AdapterForm& form) {
  model::Adapter adapter;
  adapter.weights_hash = model.weights_hash;
  adapter.rank = form.rank;
  adapter.targets = form.targets;
  adapter.layers.resize(model.config.layers);
  for (std::size_t layer = 0; layer < adapter.layers.size(); ++layer) {
    for (const model::AdapterTarget target : model::kAdapterTargets) {
      if (!adapter.has(target)) continue;
      const model::TrainedProduct& product = products[layer * model::kAdapterTargets.size() + index_of(target)];
      const model::AdapterShape shape = adapter_shape(model.config, target);
      FZ_CHECK(product.a.size() >= std::size_t{form.rank} * shape.inputs);
      const std::vector<float> b = first_columns(product.b, shape.outputs, form.rank);
      adapter.layers[layer][index_of(target)] =
          quantize_adapter_site({std::span(product.a).first(std::size_t{form.rank} * shape.inputs), b}, form.rank,
                                shape, form.step_in_sigmas);
    }
  }
  return shard::serialize_adapter(adapter);
}

FormedAdapter fit_adapter(std::uint32_t rank, std::uint32_t targets,
                          const std::function<FormedAdapter(const AdapterForm&)>& try_form) {
  FormedAdapter best = try_form({rank, targets, kFinestStep});
  const AdapterForm& form = best.form;
  const auto is_better = [&](const AdapterForm& tried) {
    FormedAdapter adapter = try_form(tried);
    if (adapter.total_bytes >= best.total_bytes) return false;
    best = std::move(adapter);
    return true;
  };
  while (form.step_in_sigmas < kCoarsestStep && is_better({form.rank, targets, 2 * form.step_in_sigmas})) continue;
  while (form.rank > 1 && is_better({form.rank / 2, targets, form.step_in_sigmas})) continue;
  for (const model::AdapterTarget target : model::kAdapterTargets) {
    const std::uint32_t others = form.targets & ~bit_of(target);
    if (others != 0 && others != form.targets) is_better({form.rank, others, form.step_in_sigmas});
  }
  return best;
}

}  // namespace fz::worker
