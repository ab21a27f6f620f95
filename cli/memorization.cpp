#include "cli/memorization.h"

#include "base/display.h"
#include "cli/progress.h"
#include "cli/training_options.h"
#include "model/adapter.h"
#include "model/train/load_trainer.h"
#include "shard/adapter_format.h"
#include "shard/job_adapter.h"

namespace fz::cli {
namespace {

/// Ranks wait for each other in training, for so many times the timeout of ranks.
constexpr double kPatienceOfCollective = 10;

std::vector<std::string> target_names() {
  std::vector<std::string> names;
  for (const model::AdapterTarget target : model::kAdapterTargets)
    names.push_back(shard::adapter_target_names(bit_of(target)));
  return names;
}

/// The parser has checked the names.
std::uint32_t targets_of(const MemorizeOptions& options) {
  if (options.targets.empty()) return model::kAllAdapterTargets;
  std::uint32_t targets = 0;
  for (const model::AdapterTarget target : model::kAdapterTargets) {
    const std::string name = shard::adapter_target_names(bit_of(target));
    if (std::find(options.targets.begin(), options.targets.end(), name) != options.targets.end())
      targets |= bit_of(target);
  }
  return targets;
}

double alpha_of(const MemorizeOptions& options) {
  return options.alpha > 0 ? options.alpha : 2.0 * options.rank;
}

worker::MemorizeSettings settings_of(const MemorizeOptions& options, int threads, int rank_on_node) {
  worker::MemorizeSettings settings;
  settings.mode = options.mode == "on" ? worker::Memorize::kOn : worker::Memorize::kAuto;
  if (!options.budget.empty()) settings.pass.budget = parse_budget(options.budget);
  settings.pass.learning_rate = options.learning_rate;
  settings.pass.batch_chunks = options.batch;
  settings.trainer.rank = options.rank;
  settings.trainer.alpha = static_cast<float>(alpha_of(options));
  settings.trainer.products_mask = targets_of(options);
  settings.trainer.base_bits = options.base_bits;
  settings.trainer.seed = options.seed;
  settings.trainer.device = parse_device(options.device);
  settings.trainer.rank_on_node = rank_on_node;
  settings.trainer.threads = threads;
  return settings;
}

double tokens_per_second(const worker::PassProgress& progress) {
  return progress.tokens / std::max(progress.seconds, 1e-3);
}

/// Honest where there was too little text to hold some of it out.
std::string loss_text(const worker::MemorizeReport& report) {
  if (report.held_out_bits_before == 0) return "no text held out to measure it on";
  return fmt::format("held-out loss {:.3f} -> {:.3f} bits a token", report.held_out_bits_before,
                     report.end.held_out_bits);
}

std::string outcome_text(const worker::MemorizeReport& report) {
  if (!report.trained) return fmt::format("memorization: no adapter: {}", report.reason);
  const double saved = static_cast<double>(report.sample_bytes_without) - static_cast<double>(report.sample_bytes_with);
  return fmt::format(
      "memorization: {:.2f} Mtok in {}, {}; the adapter of {} bytes and rank {} saves {:.2f} % of {} bytes of samples, "
      "about {:.0f} bytes in all: {}",
      report.end.tokens * 1e-6, display_duration(report.end.seconds), loss_text(report), report.adapter_bytes,
      report.adapter_rank, 100 * saved / std::max(1.0, static_cast<double>(report.sample_bytes_without)),
      report.sample_raw_bytes, report.expected_saving_bytes, report.kept ? "it is used" : "it is not used");
}

}  // namespace

void add_memorize_options(CLI::App& command, MemorizeOptions& options) {
  const auto number = [&](const char* name, auto& variable, const char* what, const char* type, double least,
                          double most) {
    command.add_option(name, variable, what)->type_name(type)->check(CLI::Range(least, most));
  };
  command
      .add_option(
          "--memorize", options.mode,
          "Train a small adapter of the model on this very corpus first: off, on, or auto, which is the default "
          "and does so only where it makes the archive smaller")
      ->type_name("off|auto|on")
      ->check(CLI::IsMember({"off", "auto", "on"}));
  command
      .add_option(
          "--memorize-budget", options.budget,
          "How long to train, as a time (30s, 10min, 1h) or a number of tokens over all ranks (5Mtok); default: "
          "about once through the corpus, with auto a sixteenth of that; 4Mtok at most")
      ->type_name("BUDGET")
      ->check(check_budget);
  number("--memorize-rank", options.rank,
         "Rank of the adapter in training, of which as much is kept as pays; default: 8", "N", 1,
         model::kMaxAdapterRank);
  number("--memorize-alpha", options.alpha,
         "Weight of the adapter in training, times its rank; default: twice the rank", "X", 0.001, 4096);
  command
      .add_option("--memorize-targets", options.targets,
                  fmt::format("The products that get an adapter: {}; default: all", fmt::join(target_names(), ", ")))
      ->type_name("NAME")
      ->delimiter(',')
      ->check(CLI::IsMember(target_names()));
  number("--memorize-rate", options.learning_rate, "Learning rate; default: 0.002", "X", 1e-8, 1);
  number("--memorize-batch", options.batch, "Chunks of each rank in a step; default: 16", "N", 1, 4096);
  number("--memorize-seed", options.seed, "Seed of initial values and order; default: 1", "N", 0, 1e18);
  command.add_option("--base-bits", options.base_bits, "Bits of the frozen weights while training: 8 (default) or 4")
      ->type_name("8|4")
      ->check(CLI::IsMember({8, 4}));
  add_device_option(command, "--memorize-device", options.device);
}

std::string memorize_text(const MemorizeOptions& options, const shard::Plan& plan, const shard::TextCodec& codec) {
  if (options.mode == "off") return "";
  if (options.mode == "auto") {
    if (codec.language_model() == nullptr || !worker::is_worth_memorizing(plan)) return "";
  } else if (codec.language_model() == nullptr) {
    fail(ErrorCode::kUnsupported, "--memorize on: there is no model that an adapter could be trained for");
  }
  return fmt::format("{} budget={} rank={} alpha={} targets={} rate={} batch={} seed={} base-bits={}", options.mode,
                     options.budget, options.rank, alpha_of(options), targets_of(options), options.learning_rate,
                     options.batch, options.seed, options.base_bits);
}

Memorization::Memorization(const Context& context, const WorkOptions& work, const MemorizeOptions& options)
    : context_(context), work_(work), options_(options) {}

Bytes Memorization::make_adapter(const std::filesystem::path& job_directory, const shard::Plan& plan,
                                 shard::TextCodec& codec) {
  const int threads = work_.threads > 0 ? work_.threads : context_.world.default_threads();
  worker::MemorizeHooks hooks;
  hooks.make_trainer = model::make_trainer;
  hooks.progress = [this](const worker::PassProgress& progress) {
    const std::lock_guard lock(mutex_);
    progress_ = progress;
  };
  hooks.report = [this](const worker::MemorizeReport& report) {
    const std::lock_guard lock(mutex_);
    progress_.reset();
    report_ = report;
  };
  // A slow rank may take its time for a step.
  const double timeout_seconds = kPatienceOfCollective * work_.rank_timeout_seconds;
  std::unique_ptr<comm::Collective> collective;
  try {
    collective = context_.world.collective(timeout_seconds);
  } catch (const Error& error) {
    return make_none(job_directory, plan, error, timeout_seconds);
  }
  return worker::make_job_adapter(job_directory, plan, codec, *collective,
                                  settings_of(options_, threads, context_.world.rank_on_node()), hooks);
}

Bytes Memorization::make_none(const std::filesystem::path& job_directory, const shard::Plan& plan, const Error& reason,
                              double timeout_seconds) {
  // Of an earlier run, under another launcher; or rank 0 has just decided.
  if (const std::optional<Bytes> adapter = shard::read_job_adapter(job_directory, plan)) return *adapter;
  if (options_.mode == "on") fail(reason.code(), "{}; use another MPI, one rank, or --memorize off", reason.what());
  const bool decides = context_.world.coordinates();
  if (decides) {
    const std::lock_guard lock(mutex_);
    report_.emplace().has_failed = true;
    report_->reason = reason.what();
  }
  return worker::job_adapter_without_training(job_directory, plan, decides, timeout_seconds);
}

std::string Memorization::phase() {
  const std::lock_guard lock(mutex_);
  if (!progress_) return "";
  if (progress_->fraction >= 1) return "memorizing: measuring what the adapter saves";
  return fmt::format("memorizing: {:.0f} %, {:.3f} bits a token{}, {:.1f} k tokens/s, {} left",
                     100 * progress_->fraction, progress_->train_bits,
                     progress_->held_out_bits > 0 ? fmt::format(" ({:.3f} held out)", progress_->held_out_bits) : "",
                     tokens_per_second(*progress_) * 1e-3, display_duration(progress_->seconds_left()));
}

void Memorization::report_outcome() {
  std::optional<worker::MemorizeReport> report;
  {
    const std::lock_guard lock(mutex_);
    report.swap(report_);
  }
  if (!report) return;
  if (report->has_failed) return context_.warn(outcome_text(*report));
  // Of a small corpus nobody expects it.
  if (!report->trained && options_.mode == "auto" && !work_.verbose) return;
  report_note(context_, work_, "memorize", outcome_text(*report),
              {{"trained", report->trained},
               {"kept", report->kept},
               {"tokens", report->end.tokens},
               {"seconds", report->end.seconds},
               {"held_out_bits_before", report->held_out_bits_before},
               {"held_out_bits", report->end.held_out_bits},
               {"adapter_bytes", report->adapter_bytes},
               {"adapter_rank", report->adapter_rank},
               {"expected_saving_bytes", report->expected_saving_bytes}});
}

}  // namespace fz::cli
