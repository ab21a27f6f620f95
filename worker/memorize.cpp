#include "worker/memorize.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <thread>

#include "base/hash.h"
#include "base/log.h"
#include "base/stopwatch.h"
#include "model/tokenizer.h"
#include "shard/adapter_format.h"
#include "shard/corpus_reader.h"
#include "shard/job_adapter.h"
#include "worker/adapter_fit.h"
#include "worker/chunk_sampler.h"
#include "worker/in_step.h"

namespace fz::worker {
namespace {

/// With less text an adapter hardly saves more than it takes, and it takes long to find that out (docs/results.md,
/// "Memorization").
constexpr std::uint64_t kLeastTextBytes = std::uint64_t{64} << 20;
/// Without a budget: this many tokens for each byte of text, within limits. About once through the corpus; or, where
/// nobody has asked for it, about a sixth of the time that the coding takes.
constexpr double kTokensPerTextByte = 0.25;
constexpr double kTokensPerTextByteOfAuto = 1.0 / 64;
constexpr double kMostTokens = 4e6;
/// After this part of the budget the loss of held-out text must be so much smaller: text of kinds that the model was
/// trained on stays within half a per cent of what it was, others halve it in half a million tokens.
constexpr double kProbedPart = 0.2;
constexpr double kLeastProgress = 0.02;
/// What is coded without the adapter and with several forms of it: one part of a block for so much text, at least one
/// and not too many. In a small part an adapter looks better than it is, as the memory learns within a block what an
/// adapter brings: 8.7 % at 250 kB were 3.8 % at 1 MiB and 2.3 % at 4 MB. A large one takes long, and the other ranks
/// wait. So what is saved of the samples is discounted by a power of their part of a block.
constexpr double kDiscountExponent = 0.4;
constexpr std::uint64_t kLeastSampleBytes = 64 << 10;
constexpr std::uint64_t kMostSampleBytes = 2 << 20;
constexpr std::uint64_t kTextBytesForEachSampleByte = 16;
constexpr std::uint64_t kTextBytesForEachSample = std::uint64_t{256} << 20;
constexpr std::uint64_t kMostSamples = 4;
/// How often a rank looks whether rank 0 has decided, where files are all that they have in common.
constexpr std::chrono::milliseconds kLookPeriod(20);

struct Samples {
  std::vector<shard::PlanBlock> parts;  ///< Each of one block.
  double part_of_blocks = 1;
};

/// Evenly over the text.
Samples samples_of(const shard::Plan& plan) {
  std::vector<const shard::PlanBlock*> blocks;
  std::uint64_t text_bytes = 0;
  for (const shard::PlanBlock& block : plan.blocks) {
    if (!plan.uses_model(block)) continue;
    blocks.push_back(&block);
    text_bytes += block.raw_bytes;
  }
  const std::uint64_t count = std::min<std::uint64_t>(
      std::clamp<std::uint64_t>(text_bytes / kTextBytesForEachSample, 1, kMostSamples), blocks.size());
  const auto sample_bytes = static_cast<std::uint32_t>(
      std::clamp(text_bytes / kTextBytesForEachSampleByte, kLeastSampleBytes, kMostSampleBytes));
  Samples samples;
  std::uint64_t whole_bytes = 0;
  std::uint64_t taken_bytes = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    shard::PlanBlock sample = *blocks[(2 * i + 1) * blocks.size() / (2 * count)];
    whole_bytes += sample.raw_bytes;
    if (sample.raw_bytes > sample_bytes) {
      sample.raw_offset += (sample.raw_bytes - sample_bytes) / 2;
      sample.raw_bytes = sample_bytes;
    }
    taken_bytes += sample.raw_bytes;
    samples.parts.push_back(sample);
  }
  if (whole_bytes > 0) samples.part_of_blocks = static_cast<double>(taken_bytes) / static_cast<double>(whole_bytes);
  return samples;
}

/// Samples of the text, divided among the ranks, as the coder codes them with one adapter or another.
class CodedSamples {
 public:
  CodedSamples(const shard::Plan& plan, shard::TextCodec& codec, comm::Collective& collective)
      : codec_(codec), collective_(collective), settings_{.coder = plan.coder, .lane_limit = plan.lane_limit} {
    const shard::CorpusReader reader(plan);
    const Samples samples = samples_of(plan);
    std::uint64_t own_bytes = 0;
    do_in_step(collective, [&] {
      for (std::size_t i = static_cast<std::size_t>(collective.rank()); i < samples.parts.size();
           i += static_cast<std::size_t>(collective.ranks())) {
        raws_.push_back(reader.read(samples.parts[i]));
        own_bytes += raws_.back().size();
      }
    });
    raw_bytes_ = sum_over_ranks(own_bytes);
    discount_ = std::pow(samples.part_of_blocks, kDiscountExponent);
  }
  ~CodedSamples() { codec_.use_adapter({}, ""); }
  CodedSamples(const CodedSamples&) = delete;
  CodedSamples& operator=(const CodedSamples&) = delete;

  std::uint64_t raw_bytes() const { return raw_bytes_; }
  /// What to multiply with what an adapter saves of them, to have what it saves of as much of whole blocks.
  double discount() const { return discount_; }
  /// Empty: without one.
  std::uint64_t coded_bytes(ByteSpan adapter) {
    std::uint64_t own_bytes = 0;
    do_at_length_in_step(collective_, [&] {  // a rank without a sample may wait for minutes
      codec_.use_adapter(adapter, "memorization");
      const std::vector<ByteSpan> spans(raws_.begin(), raws_.end());
      if (spans.empty()) return;
      for (const Bytes& payload : codec_.encode(spans, settings_)) own_bytes += payload.size();
    });
    return sum_over_ranks(own_bytes);
  }

 private:
  std::uint64_t sum_over_ranks(std::uint64_t own) {
    std::array<float, 1> sum = {static_cast<float>(own)};
    collective_.sum(sum);
    return static_cast<std::uint64_t>(sum[0]);
  }

  shard::TextCodec& codec_;
  comm::Collective& collective_;
  shard::EncodeSettings settings_;
  std::vector<Bytes> raws_;
  std::uint64_t raw_bytes_ = 0;
  double discount_ = 1;
};

/// Rank 0's, of this form, on all ranks.
Bytes common_adapter(const model::Model& model, std::span<const model::TrainedProduct> products,
                     const AdapterForm& form, comm::Collective& collective) {
  Bytes adapter;
  do_in_step(collective, [&] {
    if (collective.rank() == 0) adapter = make_adapter(model, products, form);
  });
  collective.broadcast(adapter);
  return adapter;
}

double default_tokens(std::uint64_t text_bytes, Memorize mode) {
  const double for_each_byte = mode == Memorize::kAuto ? kTokensPerTextByteOfAuto : kTokensPerTextByte;
  return std::min(for_each_byte * static_cast<double>(text_bytes), kMostTokens);
}

/// All ranks or none: one that cannot train would leave the others waiting. Null: this run does not train.
std::unique_ptr<model::Trainer> trainer_on_all_ranks(const model::Model& model, comm::Collective& collective,
                                                     const MemorizeSettings& settings, const MemorizeHooks& hooks,
                                                     MemorizeReport& report) {
  std::unique_ptr<model::Trainer> trainer;
  try {
    do_in_step(collective, [&] { trainer = hooks.make_trainer(model, settings.trainer); });
  } catch (const Error& error) {
    if (settings.mode == Memorize::kOn || error.code() == ErrorCode::kLaunch) throw;
    report.reason = error.what();
    return nullptr;
  }
  return trainer;
}

/// Trains until the budget is spent; with auto only if a short try shows that there is something to learn. False: there
/// is not, and the report says why.
bool train_adapter(TrainingPass& pass, comm::Collective& collective, Memorize mode, const MemorizeHooks& hooks,
                   MemorizeReport& report) {
  const auto train_until = [&](const PassProgress& begin, double fraction) {
    return pass.train(begin, [&](const PassProgress& progress) {
      if (collective.rank() == 0 && hooks.progress) hooks.progress(progress);
      return progress.fraction < fraction;
    });
  };
  report.held_out_bits_before = pass.evaluate();
  if (mode == Memorize::kAuto) {
    report.end = train_until({}, kProbedPart);
    report.end.held_out_bits = pass.evaluate();
    if (report.end.held_out_bits > (1 - kLeastProgress) * report.held_out_bits_before) {
      report.reason = fmt::format("the model knows such text: {:.3f} bits a token before, {:.3f} after a try",
                                  report.held_out_bits_before, report.end.held_out_bits);
      return false;
    }
  }
  report.end = train_until(report.end, 1);
  if (report.end.tokens == 0) report.reason = "there is no text to learn from";
  return report.end.tokens > 0;
}

/// As much of what was trained as pays, on all ranks.
Bytes fitted_adapter(const model::Model& model, model::Trainer& trainer, const MemorizeSettings& settings,
                     std::uint64_t text_bytes, CodedSamples& samples, comm::Collective& collective,
                     MemorizeReport& report) {
  std::vector<model::TrainedProduct> products;
  do_in_step(collective, [&] { products = trainer.adapter(); });
  const double samples_in_text =
      static_cast<double>(text_bytes) / std::max(static_cast<double>(samples.raw_bytes()), 1.0);
  const auto saving = [&](std::uint64_t coded_bytes) {
    return samples.discount() * samples_in_text *
           (static_cast<double>(report.sample_bytes_without) - static_cast<double>(coded_bytes));
  };
  report.sample_raw_bytes = samples.raw_bytes();
  report.sample_bytes_without = samples.coded_bytes({});
  const auto try_form = [&](const AdapterForm& form) {
    FormedAdapter adapter{form, common_adapter(model, products, form, collective), 0, 0};
    adapter.sample_bytes = samples.coded_bytes(adapter.bytes);
    adapter.total_bytes = static_cast<double>(adapter.bytes.size()) - saving(adapter.sample_bytes);
    log_line(LogLevel::kInfo,
             "memorization: rank {} at {}, steps of {} sigma: {} bytes, {} of the samples instead of {}", form.rank,
             shard::adapter_target_names(form.targets), form.step_in_sigmas, adapter.bytes.size(), adapter.sample_bytes,
             report.sample_bytes_without);
    return adapter;
  };
  FormedAdapter best = fit_adapter(settings.trainer.rank, settings.trainer.products_mask, try_form);
  report.adapter_bytes = best.bytes.size();
  report.adapter_rank = best.form.rank;
  report.sample_bytes_with = best.sample_bytes;
  report.expected_saving_bytes = saving(best.sample_bytes);
  return std::move(best.bytes);
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
  if (pass_settings.budget.is_none()) pass_settings.budget.tokens = default_tokens(sampler.text_bytes(), settings.mode);
  TrainingPass pass(*trainer, sampler, collective, pass_settings);
  report.trained = train_adapter(pass, collective, settings.mode, hooks, report);
  if (!report.trained) return {};
  CodedSamples samples(plan, codec, collective);
  Bytes adapter = fitted_adapter(model, *trainer, settings, sampler.text_bytes(), samples, collective, report);
  report.kept = settings.mode == Memorize::kOn || report.expected_saving_bytes > static_cast<double>(adapter.size());
  if (report.kept) {
    log_line(LogLevel::kInfo, "memorization: the adapter of {} bytes has the hash {}", adapter.size(),
             to_hex(hash_bytes(adapter)));
    return adapter;
  }
  report.reason = "it would not save what it takes";
  return {};
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
  do_in_step(collective, [&] {  // no rank codes a block before it is durable
    if (collective.rank() == 0) shard::write_job_adapter(job_directory, plan, adapter);
  });
  return adapter;
}

Bytes job_adapter_without_training(const std::filesystem::path& job_directory, const shard::Plan& plan, bool decides,
                                   double timeout_seconds) {
  const Stopwatch watch;
  for (;;) {
    if (std::optional<Bytes> adapter = shard::read_job_adapter(job_directory, plan)) return std::move(*adapter);
    if (decides) {
      shard::write_job_adapter(job_directory, plan, {});
    } else if (watch.seconds() > timeout_seconds) {
      fail(ErrorCode::kLaunch, "{}: rank 0 has not decided within {:.0f} s that there is no adapter",
           job_directory.string(), timeout_seconds);
    } else {
      std::this_thread::sleep_for(kLookPeriod);
    }
  }
}

Bytes memorize(const shard::Plan& plan, shard::TextCodec& codec, comm::Collective& collective,
               const MemorizeSettings& settings, const MemorizeHooks& hooks) {
  const model::Model* const model = codec.language_model();
  FZ_CHECK(settings.mode != Memorize::kOff && model != nullptr);
  MemorizeReport report;
  Bytes adapter;
  try {
    adapter = trained_adapter(plan, codec, *model, collective, settings, hooks, report);
  } catch (const Error& error) {
    // But for a lost rank all ranks are here (do_in_step). Nobody has asked for what failed, and it would fail again.
    if (settings.mode == Memorize::kOn || error.code() == ErrorCode::kLaunch) throw;
    report.trained = false;
    report.has_failed = true;
    report.reason = error.what();
  }
  if (collective.rank() == 0 && hooks.report) hooks.report(report);
  return adapter;
}

}  // namespace fz::worker
