// An adapter as bytes (docs/format.md, "Adapter"): a section of archives, and a file by itself. Entropy-coded with
// integers only, so that the same adapter gives the same bytes everywhere. Pure functions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/hash.h"

namespace fz::model {
struct Adapter;
struct ModelConfig;
}  // namespace fz::model

namespace fz::shard {

inline constexpr std::uint16_t kAdapterVersion = 1;
/// What precedes the scales.
inline constexpr std::size_t kAdapterFixedBytes = 48;
/// Most bytes of a serialized adapter.
inline constexpr std::uint64_t kMaxAdapterBytes = std::uint64_t{256} << 20;

/// What an adapter says of itself without the model that it is for.
struct AdapterSummary {
  std::uint32_t stored_bytes = 0;  ///< All of it.
  std::uint32_t rank = 0;
  std::uint32_t targets = 0;  ///< Bits of model::AdapterTarget.
  std::uint32_t layers = 0;
  Hash weights_hash{};

  bool operator==(const AdapterSummary&) const = default;
};

/// Checks everything but the integers. Throws Error(kCorrupt), or Error(kUnsupported) for a later version.
AdapterSummary read_adapter_summary(ByteSpan bytes, const std::string& source);

/// How large the adapter is whose first kAdapterFixedBytes these may be; 0: these are none. Checks little: for who
/// looks for adapters in a damaged file.
std::uint64_t claimed_adapter_bytes(ByteSpan begin);

/// "query_key_value, down"
std::string adapter_target_names(std::uint32_t targets);

/// Throws Error(kUnsupported) when it would be larger than kMaxAdapterBytes.
Bytes serialize_adapter(const model::Adapter& adapter);

/// What comes back has passed validate_adapter. Throws as read_adapter_summary, and Error(kModel) when the adapter is
/// for another model.
std::shared_ptr<const model::Adapter> parse_adapter(ByteSpan bytes, const model::ModelConfig& config,
                                                    const Hash& weights_hash, const std::string& source);

}  // namespace fz::shard
