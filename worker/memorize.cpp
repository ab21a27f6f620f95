#include "worker/memorize.h"

#include <algorithm>
#include <array>

#include "model/adapter.h"
#include "model/adapter_quantize.h"
#include "model/tokenizer.h"
#include "shard/adapter_format.h"
#include "shard/corpus_reader.h"
#include "shard/job_adapter.h"
#include "worker/chunk_sampler.h"

namespace fz::worker {
namespace {

/// With less text an adapter saves little more than it takes, or training takes longer than it is worth
/// (docs/results.md, "Memorization").
constexpr std::uint64_t kLeastTextBytes = std::uint64_t{512} << 20;
/// Without a budget: this many tokens for each byte of text, about once through the corpus, within limits.
constexpr double kTokensPerTextByte = 0.25;
constexpr double kMostTokens = 4e6;
/// What is coded with and without the adapter: one run of text for so much of it, at least one and not too many.
constexpr std::uint32_t kSampleBytes = 1 << 20;
constexpr std::uint64_t kTextBytesForEachSample = std::uint64_t{64} << 20;
constexpr std::uint64_t kMostSamples = 4;

Bytes adapter_bytes(const model::Model& model, model::Trainer& trainer, const MemorizeSettings& settings) {
  model::Adapter adapter;
  adapter.weights_hash = model.weights_hash;
  adapter.rank = settings.trainer.rank;
  adapter.targets = settings.trainer.products_mask;
  adapter.layers.resize(model.config.layers);
  const std::vector<model::TrainedProduct> products = trainer.adapter();
  for (std::size_t layer = 0; layer < adapter.layers.size(); ++layer) {
    for (const model::AdapterTarget target : model::kAdapterTargets) {
      if (!adapter.has(target)) continue;
      const model::TrainedProduct& product = products[layer * model::kAdapterTargets.size() + index_of(target)];
      adapter.layers[layer][index_of(target)] = quantize_adapter_site(
          {product.a, product.b}, adapter.rank, adapter_shape(model.config, target), settings.step_in_sigmas);
    }
  }
  return shard::serialize_adapter(adapter);
}

/// Evenly over the text, each within one block.
std::vector<shard::PlanBlock> samples_of(const shard::Plan& plan) {
  std::vector<const shard::PlanBlock*> blocks;
  std::uint64_t text_bytes = 0;
  for (const shard::PlanBlock& block : plan.blocks) {
    if (!plan.uses_model(block)) continue;
    blocks.push_back(&block);
    text_bytes += block.raw_bytes;
  }
  const std::uint64_t count = std::min<std::uint64_t>(
      std::clamp<std::uint64_t>(text_bytes / kTextBytesForEachSample, 1, kMostSamples), blocks.size());
  std::vector<shard::PlanBlock> samples;
  for (std::uint64_t i = 0; i < count; ++i) {
    shard::PlanBlock sample = *blocks[(2 * i + 1) * blocks.size() / (2 * count)];
    if (sample.raw_bytes > kSampleBytes) {
      sample.raw_offset += (sample.raw_bytes - kSampleBytes) / 2;
      sample.raw_bytes = kSampleBytes;
    }
    samples.push_back(sample);
  }
  return samples;
}

/// Codes samples with and without the adapter; every rank takes some.
void measure_saving(const shard::Plan& plan, shard::TextCodec& codec, comm::Collective& collective,
                    const Bytes& adapter, std::uint64_t text_bytes, MemorizeReport& report) {
  const shard::CorpusReader reader(plan);
  const std::vector<shard::PlanBlock> samples = samples_of(plan);
  std::vector<Bytes> raws;
  for (std::size_t i = static_cast<std::size_t>(collective.rank()); i < samples.size();
       i += static_cast<std::size_t>(collective.ranks())) {
    raws.push_back(reader.read(samples[i]));
  }
  const std::vector<ByteSpan> spans(raws.begin(), raws.end());
  const auto coded_bytes = [&](ByteSpan with) {
    codec.use_adapter(with, "memorization");
    std::uint64_t sum = 0;
    if (!spans.empty()) {
      for (const Bytes& payload : codec.encode(spans, {.coder = plan.coder, .lane_limit = plan.lane_limit}))
        sum += payload.size();
    }
    return static_cast<float>(sum);
  };
  std::array<float, 3> sums = {0, coded_bytes({}), coded_bytes(adapter)};
  codec.use_adapter({}, "");
  for (const Bytes& raw : raws) sums[0] += static_cast<float>(raw.size());
  collective.sum(sums);
  report.sample_raw_bytes = static_cast<std::uint64_t>(sums[0]);
  report.sample_bytes_without = static_cast<std::uint64_t>(sums[1]);
  report.sample_bytes_with = static_cast<std::uint64_t>(sums[2]);
  report.expected_saving_bytes = (sums[1] - sums[2]) / std::max(sums[0], 1.0f) * static_cast<double>(text_bytes);
}

/// All ranks or none: one that cannot train would leave the others waiting. Null: this run does not train.
std::unique_ptr<model::Trainer> trainer_on_all_ranks(const model::Model& model, comm::Collective& collective,
                                                     const MemorizeSettings& settings, const MemorizeHooks& hooks,
                                                     MemorizeReport& report) {
  std::unique_ptr<model::Trainer> trainer;
  std::string reason = "another rank cannot train";
  try {
    trainer = hooks.make_trainer(model, settings.trainer);
  } catch (const Error& error) {
    reason = error.what();
  }
  std::array<float, 1> failed = {trainer ? 0.0f : 1.0f};
  collective.sum(failed);
  if (failed[0] == 0) return trainer;
  if (settings.mode == Memorize::kOn) throw Error(ErrorCode::kUnsupported, reason);
  report.reason = reason;
  return nullptr;
}

Bytes trained_adapter(const shard::Plan& plan, shard::TextCodec& codec, const model::Model& model,
                      comm::Collective& collective, const MemorizeSettings& settings, const MemorizeHooks& hooks,
                      MemorizeReport& report) {
  const model::Tokenizer tokenizer(model.tokenizer, model.name);
  ChunkSampler sampler(plan, tokenizer, model.config.context, settings.trainer.seed, collective.rank(),
                       collective.ranks());
  const std::unique_ptr<model::Trainer> trainer = trainer_on_all_ranks(model, collective, settings, hooks, report);
  if (!trainer) return {};
  PassSettings pass_settings = settings.pass;
  if (pass_settings.budget.is_none())
    pass_settings.budget.tokens = std::min(kTokensPerTextByte * static_cast<double>(sampler.text_bytes()), kMostTokens);
  TrainingPass pass(*trainer, sampler, collective, pass_settings);
  report.held_out_bits_before = pass.evaluate();
  report.end = pass.train({}, [&](const PassProgress& progress) {
    if (collective.rank() == 0 && hooks.progress) hooks.progress(progress);
    return true;
  });
  if (report.end.tokens == 0) {
    report.reason = "there is no text to learn from";
    return {};
  }
  report.trained = true;
  Bytes adapter;
  try {
    if (collective.rank() == 0) adapter = adapter_bytes(model, *trainer, settings);
  } catch (...) {
    collective.broadcast(adapter);  // the others wait for it
    throw;
  }
  collective.broadcast(adapter);
  if (adapter.empty()) fail(ErrorCode::kLaunch, "memorization: rank 0 could not make the adapter");
  report.adapter_bytes = adapter.size();
  measure_saving(plan, codec, collective, adapter, sampler.text_bytes(), report);
  report.kept = settings.mode == Memorize::kOn || report.expected_saving_bytes > static_cast<double>(adapter.size());
  if (!report.kept) {
    report.reason = "it would not save what it takes";
    return {};
  }
  return adapter;
}

}  // namespace

bool is_worth_memorizing(const shard::Plan& plan) {
  std::uint64_t text_bytes = 0;
  for (const shard::PlanBlock& block : plan.blocks) {
    if (plan.uses_model(block)) text_bytes += block.raw_bytes;
  }
  return text_bytes >= kLeastTextBytes;
}

Bytes make_job_adapter(const std::filesystem::path& job_directory, const shard::Plan& plan, shard::TextCodec& codec,
                       comm::Collective& collective, const MemorizeSettings& settings, const MemorizeHooks& hooks) {
  Bytes found;  // a byte that says that there is one, then the adapter, which may be empty: rank 0's word counts
  if (collective.rank() == 0) {
    if (const std::optional<Bytes> adapter = shard::read_job_adapter(job_directory, plan)) {
      found.push_back(1);
      found.insert(found.end(), adapter->begin(), adapter->end());
    }
  }
  collective.broadcast(found);
  if (!found.empty()) return {found.begin() + 1, found.end()};
  Bytes adapter = memorize(plan, codec, collective, settings, hooks);
  if (collective.rank() == 0) shard::write_job_adapter(job_directory, plan, adapter);
  Bytes written;
  collective.broadcast(written);  // no rank codes a block before it is durable
  return adapter;
}

Bytes memorize(const shard::Plan& plan, shard::TextCodec& codec, comm::Collective& collective,
               const MemorizeSettings& settings, const MemorizeHooks& hooks) {
  const model::Model* const model = codec.language_model();
  FZ_CHECK(settings.mode != Memorize::kOff && model != nullptr);
  MemorizeReport report;
  Bytes adapter = trained_adapter(plan, codec, *model, collective, settings, hooks, report);
  if (collective.rank() == 0 && hooks.report) hooks.report(report);
  return adapter;
}

}  // namespace fz::worker
