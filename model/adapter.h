// An adapter as plain data: integers beside a model's weights that change what some of its matrix products give
// (docs/numerics.md, part III). Made from trained matrices by adapter_quantize.h, read and written by
// shard/adapter_format.h, computed by adapter_path.h. Immutable once made; shared by pointer between threads.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/hash.h"
#include "model/model.h"

namespace fz::model {

/// Where an adapter may sit: the products that the engine computes as one, since their input is the same.
enum class AdapterTarget : std::uint8_t { kQueryKeyValue = 0, kAttentionOutput = 1, kGateUp = 2, kDown = 3 };
inline constexpr std::array kAdapterTargets = {AdapterTarget::kQueryKeyValue, AdapterTarget::kAttentionOutput,
                                               AdapterTarget::kGateUp, AdapterTarget::kDown};

inline constexpr std::uint32_t kMaxAdapterRank = 64;
/// A bit for each target.
inline constexpr std::uint32_t kAllAdapterTargets = 15;
/// Most of 127 · rank · scale (docs/numerics.md, section 26).
inline constexpr double kMaxAdapterGain = 32;

constexpr std::size_t index_of(AdapterTarget target) {
  return static_cast<std::size_t>(target);
}
constexpr std::uint32_t bit_of(AdapterTarget target) {
  return std::uint32_t{1} << index_of(target);
}

struct AdapterShape {
  std::uint32_t inputs = 0;
  std::uint32_t outputs = 0;  ///< Of all matrices of the target: query, key, value; gate, up.
};
AdapterShape adapter_shape(const ModelConfig& config, AdapterTarget target);

/// The change of one target in one layer: output i gets Σ_r b[i, r] · scales[r] · Σ_k a[r, k] · input[k]. Empty where
/// the adapter has no such target.
struct AdapterSite {
  std::vector<std::int8_t> a;  ///< [rank, inputs] row-major, in [-127, 127].
  std::vector<float> scales;   ///< [rank], in [0, kMaxAdapterGain / (127 · rank)].
  std::vector<std::int8_t> b;  ///< [outputs, rank] row-major, in [-127, 127].

  bool operator==(const AdapterSite&) const = default;
};

struct Adapter {
  Hash weights_hash{};  ///< Of the model that it is for.
  std::uint32_t rank = 0;
  std::uint32_t targets = 0;  ///< Bits of AdapterTarget; the same for all layers.
  std::vector<std::array<AdapterSite, kAdapterTargets.size()>> layers;

  bool has(AdapterTarget target) const { return (targets & bit_of(target)) != 0; }
  bool operator==(const Adapter&) const = default;
};

/// Checks all limits that docs/numerics.md, part III, rests on, and the shapes. Throws Error(kCorrupt) naming `source`.
/// That the model is the right one is not its matter.
void validate_adapter(const Adapter& adapter, const ModelConfig& config, const std::string& source);

}  // namespace fz::model
