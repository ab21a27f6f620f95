#include "model/adapter.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace fz::model {
namespace {

void check_integers(const std::vector<std::int8_t>& integers, std::uint64_t count, const char* field,
                    const std::string& source) {
  if (integers.size() != count) {
    fail(ErrorCode::kCorrupt, "{}: adapter: {} has {} integers, must have {}", source, field, integers.size(), count);
  }
  if (!integers.empty() && std::memchr(integers.data(), 0x80, integers.size()) != nullptr) {
    fail(ErrorCode::kCorrupt, "{}: adapter: an integer of {} is -128, must be -127 to 127", source, field);
  }
}

void check_scales(const std::vector<float>& scales, std::uint32_t rank, std::uint64_t count,
                  const std::string& source) {
  if (scales.size() != count) {
    fail(ErrorCode::kCorrupt, "{}: adapter: {} scales, must be {}", source, scales.size(), count);
  }
  for (const float scale : scales) {
    // The product has fewer than 53 bits: exact. False for NaN too.
    if (!(scale >= 0 && 127.0 * rank * double{scale} <= kMaxAdapterGain)) {
      fail(ErrorCode::kCorrupt, "{}: adapter: a scale is {}, must be 0 to {}", source, scale,
           kMaxAdapterGain / (127.0 * rank));
    }
  }
}

}  // namespace

AdapterShape adapter_shape(const ModelConfig& config, AdapterTarget target) {
  switch (target) {
    case AdapterTarget::kQueryKeyValue:
      return {config.width, (config.heads + 2 * config.kv_heads) * config.head_width};
    case AdapterTarget::kAttentionOutput:
      return {config.heads * config.head_width, config.width};
    case AdapterTarget::kGateUp:
      return {config.width, 2 * config.feed_forward_width};
    case AdapterTarget::kDown:
      return {config.feed_forward_width, config.width};
  }
  FZ_CHECK(false && "every target has a shape");
  return {};
}

void validate_adapter(const Adapter& adapter, const ModelConfig& config, const std::string& source) {
  if (adapter.rank < 1 || adapter.rank > kMaxAdapterRank) {
    fail(ErrorCode::kCorrupt, "{}: adapter: rank is {}, must be 1 to {}", source, adapter.rank, kMaxAdapterRank);
  }
  if (adapter.targets < 1 || adapter.targets > kAllAdapterTargets) {
    fail(ErrorCode::kCorrupt, "{}: adapter: targets is {}, must be 1 to {}", source, adapter.targets,
         kAllAdapterTargets);
  }
  if (adapter.layers.size() != config.layers) {
    fail(ErrorCode::kCorrupt, "{}: adapter: {} layers, the model has {}", source, adapter.layers.size(), config.layers);
  }
  for (const auto& layer : adapter.layers) {
    for (const AdapterTarget target : kAdapterTargets) {
      const AdapterSite& site = layer[index_of(target)];
      const AdapterShape shape = adapter_shape(config, target);
      const std::uint64_t rank = adapter.has(target) ? adapter.rank : 0;
      check_integers(site.a, rank * shape.inputs, "A", source);
      check_scales(site.scales, adapter.rank, rank, source);
      check_integers(site.b, rank * shape.outputs, "B", source);
    }
  }
}

}  // namespace fz::model
