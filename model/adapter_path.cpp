#include "model/adapter_path.h"

#include <algorithm>
#include <cmath>

#include "base/profile.h"
#include "model/kernels/numerics_constants.h"

namespace fz::model {
namespace {

std::size_t round_up(std::size_t n, std::size_t unit) {
  return (n + unit - 1) / unit * unit;
}

PackedMatrix pack(const QuantizedMatrix& matrix, std::size_t depth_alignment) {
  const QuantizedMatrix* const parts[] = {&matrix};
  return PackedMatrix(parts, depth_alignment);
}

std::unique_ptr<const PackedAdapterSite> pack_site(const AdapterSite& site, std::uint32_t rank, AdapterShape shape) {
  auto packed = std::make_unique<PackedAdapterSite>();
  packed->a = pack({rank, shape.inputs, site.a, site.scales}, kDepthAlignment);
  // B's integers are what they are; the kernel wants a scale for each row.
  packed->b = pack({shape.outputs, rank, site.b, std::vector<float>(shape.outputs, 1.0f)}, kPanelDepth);
  return packed;
}

/// Section 25: t[rank] to int16. Returns u; 0: nothing is added.
float quantize_middle(const float* t, std::size_t rank, std::int16_t* integers) {
  float maximum = 0;
  for (std::size_t r = 0; r < rank; ++r) maximum = std::max(maximum, std::fabs(t[r]));
  if (maximum < numerics::kTiny) {
    std::fill_n(integers, rank, std::int16_t{0});
    return 0;
  }
  const float inverse = numerics::kAdapterMiddleOne / maximum;
  for (std::size_t r = 0; r < rank; ++r) {
    // Rounds to the nearest integer, ties to even, as rint does, but without a call.
    constexpr float kShift = 0x1.8p23f;
    const float shifted = t[r] * inverse + kShift;
    integers[r] = static_cast<std::int16_t>(shifted - kShift);
  }
  return maximum / numerics::kAdapterMiddleOne;
}

}  // namespace

AdapterScratch::AdapterScratch(const Adapter& adapter, std::size_t rows, std::size_t padded_outputs)
    : narrow(rows * round_up(adapter.rank, kPanelColumns)),
      middle(adapter.rank),
      integers(rows * round_up(adapter.rank, kPanelDepth)),
      result(rows * padded_outputs),
      scales(rows) {}

std::size_t AdapterScratch::size_bytes() const {
  return narrow.size() * sizeof(std::int32_t) + integers.size() * sizeof(std::int16_t) +
         result.size() * sizeof(std::int32_t);
}

AdapterPath::AdapterPath(std::shared_ptr<const Adapter> adapter, const ModelConfig& config)
    : adapter_(std::move(adapter)), layers_(config.layers) {
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
    for (const AdapterTarget target : kAdapterTargets) {
      if (!adapter_->has(target)) continue;
      const AdapterSite& site = adapter_->layers[layer][index_of(target)];
      layers_[layer][index_of(target)] = pack_site(site, adapter_->rank, adapter_shape(config, target));
    }
  }
}

const PackedAdapterSite* AdapterPath::site(std::size_t layer, AdapterTarget target) const {
  return layers_[layer][index_of(target)].get();
}

std::size_t AdapterPath::size_bytes() const {
  std::size_t bytes = 0;
  for (const auto& layer : layers_) {
    for (const auto& site : layer) bytes += site ? site->a.size_bytes() + site->b.size_bytes() : 0;
  }
  return bytes;
}

void AdapterPath::multiply(const Kernels& kernels, const PackedAdapterSite& site, const std::int8_t* inputs,
                           const float* input_scales, std::size_t rows, void* product_scratch,
                           AdapterScratch& scratch) const {
  const StageScope stage(Stage::kProduct);
  const std::size_t rank = adapter_->rank;
  const std::size_t depth = site.b.depth();
  Profile::add_product_operations(2 * rows * (rank * site.a.depth() + site.b.outputs() * depth));
  kernels.product_s8(inputs, rows, site.a.operand(), scratch.narrow.data(), site.a.padded_outputs(), product_scratch);
  for (std::size_t row = 0; row < rows; ++row) {
    kernels.dequantize(scratch.narrow.data() + row * site.a.padded_outputs(), input_scales[row], site.a.scales(), rank,
                       scratch.middle.data());
    // Beyond the rank they stay 0, as they were made.
    scratch.scales[row] = quantize_middle(scratch.middle.data(), rank, scratch.integers.data() + row * depth);
  }
  kernels.product_s16(scratch.integers.data(), depth, rows, site.b.operand(), depth, scratch.result.data(),
                      site.b.padded_outputs());
}

void AdapterPath::add_row(const Kernels& kernels, const PackedAdapterSite& site, const AdapterScratch& scratch,
                          std::size_t row, float* y) const {
  kernels.dequantize_add(scratch.result.data() + row * site.b.padded_outputs(), scratch.scales[row], site.b.scales(),
                         site.b.outputs(), y);
}

}  // namespace fz::model
