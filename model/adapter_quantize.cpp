#include "model/adapter_quantize.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace fz::model {
namespace {

/// A row of A or a column of B: `count` values that lie `stride` apart. Returns their step; 0: all values are 0.
double quantize_line(const float* values, std::size_t count, std::size_t stride, double step_in_sigmas,
                     std::int8_t* integers) {
  double squares = 0;
  double largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double value = values[i * stride];
    if (!std::isfinite(value)) {
      fail(ErrorCode::kUsage, "adapter: a trained value is not a finite number; train with a lower learning rate");
    }
    squares += value * value;
    largest = std::max(largest, std::fabs(value));
  }
  const double sigma = std::sqrt(squares / static_cast<double>(count));
  const double step = std::max(step_in_sigmas * sigma, largest / 127);
  for (std::size_t i = 0; i < count; ++i) {
    const double integer = step > 0 ? std::nearbyint(values[i * stride] / step) : 0;
    integers[i * stride] = static_cast<std::int8_t>(std::clamp(integer, -127.0, 127.0));
  }
  return step;
}

/// The largest float that validate_adapter takes.
float largest_scale(std::uint32_t rank) {
  const double limit = kMaxAdapterGain / (127.0 * rank);
  const float nearest = static_cast<float>(limit);
  return 127.0 * rank * double{nearest} <= kMaxAdapterGain ? nearest : std::nextafterf(nearest, 0);
}

}  // namespace

AdapterSite quantize_adapter_site(const FloatAdapterSite& site, std::uint32_t rank, const AdapterShape& shape,
                                  double step_in_sigmas) {
  FZ_CHECK(rank >= 1 && rank <= kMaxAdapterRank && step_in_sigmas >= 0);
  FZ_CHECK(site.a.size() == std::size_t{rank} * shape.inputs && site.b.size() == std::size_t{rank} * shape.outputs);
  AdapterSite result;
  result.a.resize(site.a.size());
  result.b.resize(site.b.size());
  const float limit = largest_scale(rank);
  for (std::uint32_t r = 0; r < rank; ++r) {
    const std::size_t row = std::size_t{r} * shape.inputs;
    const double a_step = quantize_line(site.a.data() + row, shape.inputs, 1, step_in_sigmas, result.a.data() + row);
    const double b_step = quantize_line(site.b.data() + r, shape.outputs, rank, step_in_sigmas, result.b.data() + r);
    result.scales.push_back(std::min(static_cast<float>(a_step * b_step), limit));
  }
  return result;
}

}  // namespace fz::model
