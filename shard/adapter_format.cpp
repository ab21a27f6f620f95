#include "shard/adapter_format.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "model/adapter.h"
#include "shard/archive_format.h"
#include "shard/range_coder.h"

namespace fz::shard {
namespace {

using model::AdapterSite;
using model::AdapterTarget;

constexpr std::array<std::uint8_t, 4> kMagic = {'F', 'Z', 'a', '1'};
constexpr std::size_t kSizeOffset = 12;
constexpr std::size_t kCheckBytes = sizeof(Hash16);

constexpr unsigned kUnaryLimit = 15;
constexpr unsigned kRestBits = 7;
constexpr unsigned kLargestInteger = 127;

/// A decision's probability, from what it was before.
class AdaptiveDecision {
 public:
  Probability zero() const { return static_cast<Probability>(zero_); }
  void count(unsigned bit) {
    const std::uint32_t weight = 2 * seen_ + 1;
    zero_ = std::clamp((zero_ * weight + (bit == 0 ? 131072u : 0u)) / (weight + 2), 32u, 65504u);
    seen_ = std::min(seen_ + 1, 255u);
  }

 private:
  std::uint32_t zero_ = 32768;  // of a 0, in units of 1/65536
  std::uint32_t seen_ = 0;
};

/// The decisions that make up an integer.
struct IntegerModel {
  AdaptiveDecision is_nonzero;
  AdaptiveDecision is_negative;
  std::array<AdaptiveDecision, kUnaryLimit> is_greater;  // than 1, 2 … 15
  std::array<AdaptiveDecision, (1u << kRestBits)> rest;  // |integer| - 16, by the bits before, with a leading 1
};

class IntegerEncoder {
 public:
  void encode(IntegerModel& model, std::int8_t integer) {
    const unsigned magnitude = static_cast<unsigned>(integer < 0 ? -integer : integer);
    decide(model.is_nonzero, magnitude != 0);
    if (magnitude == 0) return;
    decide(model.is_negative, integer < 0);
    for (unsigned i = 1; i <= kUnaryLimit; ++i) {
      decide(model.is_greater[i - 1], magnitude > i);
      if (magnitude <= i) return;
    }
    const unsigned rest = magnitude - kUnaryLimit - 1;
    unsigned node = 1;
    for (unsigned bit = kRestBits; bit-- > 0;) {
      const unsigned value = rest >> bit & 1;
      decide(model.rest[node], value);
      node = 2 * node + value;
    }
  }
  Bytes finish() { return encoder_.finish(); }

 private:
  void decide(AdaptiveDecision& decision, unsigned bit) {
    encoder_.encode(bit, decision.zero());
    decision.count(bit);
  }
  RangeEncoder encoder_;
};

class IntegerDecoder {
 public:
  IntegerDecoder(ByteSpan stream, const std::string& source) : decoder_(stream), source_(source) {}

  std::int8_t decode(IntegerModel& model) {
    if (decide(model.is_nonzero) == 0) return 0;
    const bool is_negative = decide(model.is_negative) != 0;
    unsigned magnitude = 1;
    while (magnitude <= kUnaryLimit && decide(model.is_greater[magnitude - 1]) != 0) ++magnitude;
    if (magnitude > kUnaryLimit) {
      unsigned node = 1;
      for (unsigned bit = 0; bit < kRestBits; ++bit) node = 2 * node + decide(model.rest[node]);
      magnitude += node - (1u << kRestBits);
      if (magnitude > kLargestInteger) fail(ErrorCode::kCorrupt, "{}: adapter: an integer exceeds 127", source_);
    }
    return static_cast<std::int8_t>(is_negative ? -static_cast<int>(magnitude) : static_cast<int>(magnitude));
  }

 private:
  unsigned decide(AdaptiveDecision& decision) {
    const unsigned bit = decoder_.decode(decision.zero());
    decision.count(bit);
    return bit;
  }
  RangeDecoder decoder_;
  const std::string& source_;
};

/// Learnt over all layers: matrices of the same kind resemble each other.
struct SiteModels {
  IntegerModel a;
  IntegerModel b;
};

using Models = std::array<SiteModels, model::kAdapterTargets.size()>;

/// visit(layer, target), in the order of the format.
template <typename Visit>
void for_each_site(std::uint32_t layers, std::uint32_t targets, const Visit& visit) {
  for (std::uint32_t layer = 0; layer < layers; ++layer) {
    for (const AdapterTarget target : model::kAdapterTargets) {
      if ((targets & model::bit_of(target)) != 0) visit(layer, target);
    }
  }
}

Hash read_hash(ByteReader& reader) {
  Hash hash;
  const ByteSpan bytes = reader.take(hash.size());
  std::copy(bytes.begin(), bytes.end(), hash.begin());
  return hash;
}

/// Reads up to the scales.
AdapterSummary read_fixed_part(ByteReader& reader) {
  const ByteSpan magic = reader.take(kMagic.size());
  if (!std::equal(magic.begin(), magic.end(), kMagic.begin())) reader.corrupt("not an adapter");
  const auto version = reader.read<std::uint16_t>();
  if (version > kAdapterVersion) {
    fail(ErrorCode::kUnsupported, "{}: the adapter is of version {}; this program reads up to version {}",
         reader.source(), version, kAdapterVersion);
  }
  if (version == 0) reader.corrupt("adapter_version 0 does not exist");
  AdapterSummary summary;
  summary.rank = reader.read<std::uint8_t>();
  summary.targets = reader.read<std::uint8_t>();
  summary.layers = reader.read<std::uint32_t>();
  summary.stored_bytes = reader.read<std::uint32_t>();
  if (summary.rank < 1 || summary.rank > model::kMaxAdapterRank) reader.corrupt("the adapter's rank is not 1 to 64");
  if (summary.targets < 1 || summary.targets > model::kAllAdapterTargets) {
    reader.corrupt("the adapter's targets are not 1 to 15");
  }
  summary.weights_hash = read_hash(reader);
  return summary;
}

/// What is before the adapter's check.
ByteSpan checked_part(ByteSpan bytes, const std::string& source) {
  if (bytes.size() > kMaxAdapterBytes) {
    fail(ErrorCode::kCorrupt, "{}: adapter: {} bytes, at most {}", source, bytes.size(), kMaxAdapterBytes);
  }
  if (bytes.size() < kAdapterFixedBytes + kCheckBytes || !std::equal(kMagic.begin(), kMagic.end(), bytes.begin())) {
    fail(ErrorCode::kCorrupt, "{}: not an adapter, or a damaged one", source);
  }
  const ByteSpan checked = bytes.first(bytes.size() - kCheckBytes);
  const Hash16 check = hash16(checked);
  if (!std::equal(check.begin(), check.end(), bytes.end() - kCheckBytes)) {
    fail(ErrorCode::kCorrupt, "{}: the adapter is damaged (hash differs)", source);
  }
  if (claimed_adapter_bytes(bytes) != bytes.size()) {
    fail(ErrorCode::kCorrupt, "{}: the adapter states another size than its {} bytes", source, bytes.size());
  }
  return checked;
}

}  // namespace

std::uint64_t claimed_adapter_bytes(ByteSpan begin) {
  if (begin.size() < kAdapterFixedBytes || !std::equal(kMagic.begin(), kMagic.end(), begin.begin())) return 0;
  std::uint32_t size_bytes = 0;
  std::memcpy(&size_bytes, begin.data() + kSizeOffset, sizeof size_bytes);
  return size_bytes >= kAdapterFixedBytes + kCheckBytes && size_bytes <= kMaxAdapterBytes ? size_bytes : 0;
}

AdapterSummary read_adapter_summary(ByteSpan bytes, const std::string& source) {
  ByteReader reader(checked_part(bytes, source), source);
  return read_fixed_part(reader);
}

std::string adapter_target_names(std::uint32_t targets) {
  static constexpr std::array<const char*, model::kAdapterTargets.size()> kNames = {
      "query_key_value", "attention_output", "gate_up", "down"};
  std::string names;
  for (const AdapterTarget target : model::kAdapterTargets) {
    if ((targets & model::bit_of(target)) == 0) continue;
    names += (names.empty() ? "" : ", ") + std::string(kNames[model::index_of(target)]);
  }
  return names;
}

Bytes serialize_adapter(const model::Adapter& adapter) {
  ByteWriter writer;
  writer.write_bytes(kMagic);
  writer.write(kAdapterVersion);
  writer.write(static_cast<std::uint8_t>(adapter.rank));
  writer.write(static_cast<std::uint8_t>(adapter.targets));
  writer.write(static_cast<std::uint32_t>(adapter.layers.size()));
  writer.write(std::uint32_t{0});  // the size, when it is known
  writer.write_bytes(adapter.weights_hash);
  const auto layers = static_cast<std::uint32_t>(adapter.layers.size());
  for_each_site(layers, adapter.targets, [&](std::uint32_t layer, AdapterTarget target) {
    for (const float scale : adapter.layers[layer][model::index_of(target)].scales) writer.write(scale);
  });
  Models models;
  IntegerEncoder encoder;
  for_each_site(layers, adapter.targets, [&](std::uint32_t layer, AdapterTarget target) {
    const AdapterSite& site = adapter.layers[layer][model::index_of(target)];
    SiteModels& site_models = models[model::index_of(target)];
    for (const std::int8_t integer : site.a) encoder.encode(site_models.a, integer);
    for (const std::int8_t integer : site.b) encoder.encode(site_models.b, integer);
  });
  writer.write_bytes(encoder.finish());
  if (writer.size() > kMaxAdapterBytes - kCheckBytes) {
    fail(ErrorCode::kUnsupported, "adapter: more than {} bytes; choose a lower rank", kMaxAdapterBytes);
  }
  Bytes bytes = writer.take();
  const auto stored_bytes = static_cast<std::uint32_t>(bytes.size() + kCheckBytes);
  std::memcpy(bytes.data() + kSizeOffset, &stored_bytes, sizeof stored_bytes);
  const Hash16 check = hash16(bytes);
  bytes.insert(bytes.end(), check.begin(), check.end());
  return bytes;
}

std::shared_ptr<const model::Adapter> parse_adapter(ByteSpan bytes, const model::ModelConfig& config,
                                                    const Hash& weights_hash, const std::string& source) {
  ByteReader reader(checked_part(bytes, source), source);
  const AdapterSummary summary = read_fixed_part(reader);
  if (summary.weights_hash != weights_hash) {
    fail(ErrorCode::kModel,
         "{}: the adapter is for model {}, but the model at hand is {}; give the right one with --model", source,
         to_hex(summary.weights_hash, 16), to_hex(weights_hash, 16));
  }
  if (summary.layers != config.layers) {
    reader.corrupt(fmt::format("the adapter has {} layers, its model {}", summary.layers, config.layers));
  }
  auto adapter = std::make_shared<model::Adapter>();
  adapter->weights_hash = weights_hash;
  adapter->rank = summary.rank;
  adapter->targets = summary.targets;
  adapter->layers.resize(summary.layers);
  for_each_site(summary.layers, summary.targets, [&](std::uint32_t layer, AdapterTarget target) {
    std::vector<float>& scales = adapter->layers[layer][model::index_of(target)].scales;
    for (std::uint32_t r = 0; r < summary.rank; ++r) scales.push_back(reader.read<float>());
  });
  // The sizes are those of the model, which is in memory already.
  Models models;
  IntegerDecoder decoder(reader.take(reader.remaining()), source);
  for_each_site(summary.layers, summary.targets, [&](std::uint32_t layer, AdapterTarget target) {
    AdapterSite& site = adapter->layers[layer][model::index_of(target)];
    SiteModels& site_models = models[model::index_of(target)];
    const model::AdapterShape shape = model::adapter_shape(config, target);
    site.a.resize(std::size_t{summary.rank} * shape.inputs);
    site.b.resize(std::size_t{summary.rank} * shape.outputs);
    for (std::int8_t& integer : site.a) integer = decoder.decode(site_models.a);
    for (std::int8_t& integer : site.b) integer = decoder.decode(site_models.b);
  });
  model::validate_adapter(*adapter, config, source);
  return adapter;
}

}  // namespace fz::shard
