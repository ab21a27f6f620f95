// fz-dist model train: the same on every rank, in step, so without a coordinator; rank 0 writes.
#include <filesystem>
#include <iostream>
#include <optional>

#include "base/display.h"
#include "base/file.h"
#include "base/interruption.h"
#include "base/stopwatch.h"
#include "cli/data_options.h"
#include "cli/progress.h"
#include "cli/report_options.h"
#include "cli/session.h"
#include "cli/training_job.h"
#include "cli/training_options.h"
#include "coordinator/output_file.h"
#include "model/backend.h"
#include "model/exact_loss.h"
#include "model/import.h"
#include "model/train/load_trainer.h"
#include "worker/text_chunks.h"

namespace fz::cli {
namespace {

struct TrainOptions : ReportOptions, DataOptions {
  std::string output;
  std::string begin;      ///< A model to go on from, or "" for a new one.
  std::string tokenizer;  ///< Of a new model, or in place of that model's own.
  model::Architecture architecture;
  std::string budget;
  worker::PassSettings pass{.learning_rate = 3e-3, .warm_up = 0.02, .evaluation_period = 0.05};
  std::string optimizer = "muon";
  double weight_decay = 0.1;
  double quantization_aware = 0.1;
  double checkpoint_minutes = 5;
  double rank_timeout_seconds = 600;
  std::uint64_t seed = 1;
  std::string device = "auto";
  int threads = 0;
};

/// What the result depends on: a checkpoint of other options is not gone on with.
std::string options_text(const TrainOptions& options) {
  const model::Architecture& shape = options.architecture;
  return fmt::format(
      "data {} weights {} tokenizer {} begin {} shape {} {} {} {} {} {} {} {} budget {} optimizer {} rate {} {} {} "
      "batch {} decay {} quantization-aware {} seed {}",
      fmt::join(options.inputs, " "), fmt::join(options.weights, " "), options.tokenizer, options.begin, shape.width,
      shape.layers, shape.heads, shape.kv_heads, shape.head_width, shape.feed_forward_width, shape.context,
      shape.rope_theta, options.budget, options.optimizer, options.pass.learning_rate, options.pass.warm_up,
      options.pass.last_rate, options.pass.batch_chunks, options.weight_decay, options.quantization_aware,
      options.seed);
}

worker::TextChunks read_text(const TrainOptions& options, model::TextSource& source, const model::Model& model,
                             ThreadPool& pool, const Context& context) {
  Progress progress(
      context.err,
      context.world.coordinates() ? progress_style(options.progress, options.quiet, context.err) : ProgressStyle::kNone,
      {.verb = "reading", .total_bytes = source.total_bytes()});
  const model::Tokenizer tokenizer(model.tokenizer, model.name);
  worker::TextChunks chunks(source, tokenizer, pool, model.config.context, options.seed,
                            static_cast<int>(number(context.world.rank())), context.world.size(), [&] {
                              throw_if_interrupted();
                              progress.set_done(source.consumed_bytes());
                              progress.update();
                            });
  if (context.world.coordinates()) warn_of_unseen_categories(source, context);
  return chunks;
}

std::string pass_text(const worker::PassProgress& progress) {
  return fmt::format("training {:.1f} %, {:.2f} Mtok, {:.3f} bits a token{}, {:.1f} k tokens/s, {} left",
                     100 * progress.fraction, progress.tokens * 1e-6, progress.train_bits,
                     progress.held_out_bits > 0 ? fmt::format(" ({:.3f} held out)", progress.held_out_bits) : "",
                     progress.tokens / std::max(progress.seconds, 1e-3) * 1e-3,
                     display_duration(progress.seconds_left()));
}

/// The held-out text through the exact engine: what int8 costs.
double exact_bits(const std::shared_ptr<const model::Model>& model, ThreadPool& pool,
                  const std::vector<worker::Chunk>& held_out) {
  model::Engine engine(model, model::choose_kernels(""), pool);
  return model::exact_bits_per_token(engine,
                                     std::vector<std::span<const model::TokenId>>(held_out.begin(), held_out.end()));
}

/// Rank 0, after the last step.
void finish(const TrainOptions& options, TrainingJob& job, const model::Model& start, model::Trainer& trainer,
            ThreadPool& pool, const std::vector<worker::Chunk>& held_out, const worker::PassProgress& progress,
            const Context& context) {
  const auto made = std::make_shared<model::Model>(job.write_result(start, trainer.weights()));
  const double exact = exact_bits(made, pool, held_out);
  job.publish();
  report_result(
      context, options,
      fmt::format("{}: {:.2f} Mtok in {}, held-out text {:.4f} bits a token{}; model {}/{}, weights {}",
                  display_text(options.output), progress.tokens * 1e-6, display_duration(progress.seconds),
                  progress.held_out_bits,
                  held_out.empty() ? "" : fmt::format(" ({:.4f} in exact arithmetic on rank 0's part)", exact),
                  display_text(options.output), kTrainedModelName, to_hex(made->weights_hash, 16)),
      {{"tokens", progress.tokens},
       {"seconds", progress.seconds},
       {"held_out_bits", progress.held_out_bits},
       {"exact_held_out_bits", exact},
       {"weights_hash", to_hex(made->weights_hash)}});
}

void train(const TrainOptions& options, const Context& context) {
  const bool coordinates = context.world.coordinates();
  if (options.tokenizer.empty() && options.begin.empty()) {
    fail(ErrorCode::kUsage, "model train: give --tokenizer, for a new model, or --begin, for one to go on from");
  }
  if (!coordinates) leave_signals_to_rank_0();
  const InterruptionGuard guard;
  const std::unique_ptr<comm::Collective> collective = context.world.collective(options.rank_timeout_seconds);
  ThreadPool pool(options.threads > 0 ? options.threads : context.world.default_threads());
  // Rank 0 looks at everything before the others do: it says what is wrong.
  std::optional<model::TextSource> source;
  if (coordinates) source.emplace(text_source_settings(options));
  TrainingJob job(options.output, options_text(options), coordinates);
  if (coordinates) job.begin(options.begin, options.tokenizer, options.architecture, options.seed);
  Bytes ready;
  collective->broadcast(ready);  // the start is there
  if (!coordinates) source.emplace(text_source_settings(options));
  const model::Model start = job.import_start(options.architecture.context);

  model::TrainerSettings settings;
  settings.trained = model::Trained::kWeights;
  settings.seed = options.seed;
  settings.device = parse_device(options.device);
  settings.rank_on_node = context.world.rank_on_node();
  settings.threads = pool.threads();
  settings.optimizer = options.optimizer == "muon" ? model::Optimizer::kMuon : model::Optimizer::kAdamW;
  settings.weight_decay = options.weight_decay;
  const std::unique_ptr<model::Trainer> trainer = model::make_trainer(start, settings);
  worker::PassProgress progress = job.restore(*trainer, *collective);
  if (coordinates && progress.tokens > 0) {
    report_note(context, options, "resume",
                fmt::format("{}: resuming at {:.2f} Mtok", display_text(options.output), progress.tokens * 1e-6),
                {{"tokens", progress.tokens}});
  }
  worker::TextChunks chunks = read_text(options, *source, start, pool, context);
  // A resumed run does not see again what it has just seen.
  chunks.skip(static_cast<std::uint64_t>(progress.tokens) / start.config.context /
              static_cast<std::uint64_t>(context.world.size()));

  worker::PassSettings pass_settings = options.pass;
  pass_settings.budget = parse_budget(options.budget);
  worker::TrainingPass pass(*trainer, chunks, *collective, pass_settings);
  Progress shown(context.err,
                 coordinates ? progress_style(options.progress, options.quiet, context.err) : ProgressStyle::kNone,
                 {.verb = "training"});
  Stopwatch since_checkpoint;
  std::optional<Interrupted> interruption;
  progress = pass.train(progress, [&](const worker::PassProgress& now) {
    if (options.quantization_aware > 0 && now.fraction >= 1 - options.quantization_aware)
      trainer->be_quantization_aware();
    if (!coordinates) return true;
    try {
      throw_if_interrupted();
    } catch (const Interrupted& noted) {
      interruption = noted;  // all ranks end together, after one more step
    }
    shown.set_phase(pass_text(now));
    shown.update();
    if (interruption || since_checkpoint.seconds() > 60 * options.checkpoint_minutes) {
      job.write_checkpoint(now, *trainer);
      since_checkpoint = Stopwatch();
    }
    return !interruption;
  });
  shown.set_phase("");
  if (interruption) throw *interruption;
  if (progress.fraction < 1) return;  // rank 0 was told to end
  if (progress.tokens == 0) fail(ErrorCode::kInput, "model train: there is no text in what was given");
  if (coordinates) finish(options, job, start, *trainer, pool, chunks.held_out(), progress, context);
}

}  // namespace

void add_model_train(CLI::App& group, Context& context) {
  const auto options = std::make_shared<TrainOptions>();
  CLI::App* const command = group.add_subcommand("train", "Train a model on text, from scratch or from another one");
  command->footer(
      "TEXT as for 'model tokenizer'. Under mpirun or srun all ranks train one model together, each on its share of "
      "the\n"
      "documents. OUT/ becomes a Hugging Face directory with a model.fzm beside it; while it works, OUT.training/ "
      "holds\n"
      "checkpoints, and the same command given again goes on. As a job file: 'command: model train'.");
  add_data_options(*command, *options);
  const auto add = [&](const char* name, auto& variable, const char* what, const char* type) {
    return command->add_option(name, variable, what)->type_name(type);
  };
  add("-o,--output", options->output, "The directory to make", "OUT")->required();
  add("--tokenizer", options->tokenizer,
      "What 'model tokenizer' has written: of a new model, or with --begin in place of the model's own, of which it "
      "keeps what both know",
      "tokenizer.json");
  add("--begin", options->begin,
      "A model to go on from: a Hugging Face directory, a model file, or 'default' for the one inside the program",
      "MODEL");
  add("--budget", options->budget, "How long to train: a time (30s, 10min, 1h) or tokens over all ranks (5Mtok)",
      "BUDGET")
      ->required()
      ->check(check_budget);
  model::Architecture& shape = options->architecture;
  const CLI::Range width(4, 16384), count(1, 256);
  add("--width", shape.width, "Of a new model: elements of the residual stream; default: 256", "N")->check(width);
  add("--layers", shape.layers, "Layers; default: 6", "N")->check(count);
  add("--heads", shape.heads, "Attention heads; default: 4", "N")->check(count);
  add("--kv-heads", shape.kv_heads, "Heads of keys and values; default: 4", "N")->check(count);
  add("--head-width", shape.head_width, "Elements of a head; default: 64", "N")->check(CLI::Range(4, 256));
  add("--feed-forward-width", shape.feed_forward_width, "Elements within the feed-forward part; default: 704", "N")
      ->check(width);
  add("--context", shape.context, "Tokens of a chunk; default: 512, or what the model that is gone on from has at most",
      "N")
      ->check(width);
  add("--rope-theta", shape.rope_theta, "Base of the rotary embedding; default: 10000", "X")
      ->check(CLI::Range(1.0, 1e9));
  add("--optimizer", options->optimizer,
      "muon (orthogonal steps for the layers' matrices, AdamW for all else) or adamw; default: muon", "NAME")
      ->check(CLI::IsMember({"muon", "adamw"}));
  add("--rate", options->pass.learning_rate, "Learning rate; default: 0.003", "X")->check(CLI::Range(1e-8, 1.0));
  add("--warm-up", options->pass.warm_up, "Part of the budget until the rate is full; default: 0.02", "X")
      ->check(CLI::Range(0.0, 0.9));
  add("--last-rate", options->pass.last_rate, "What the rate ends at, as a part of the full one; default: 0.05", "X")
      ->check(CLI::Range(0.0, 1.0));
  add("--batch", options->pass.batch_chunks, "Chunks of each rank in a step; default: 16", "N")
      ->check(CLI::Range(1, 65536));
  add("--weight-decay", options->weight_decay, "Of matrices, decoupled; default: 0.1", "X")
      ->check(CLI::Range(0.0, 10.0));
  add("--quantization-aware", options->quantization_aware,
      "Last part of the budget in which weights are rounded to int8 as they will be; default: 0.1", "X")
      ->check(CLI::Range(0.0, 1.0));
  add("--checkpoint-every", options->checkpoint_minutes, "Minutes between checkpoints; default: 5", "X")
      ->check(CLI::Range(0.01, 1e5));
  add("--rank-timeout", options->rank_timeout_seconds, "Seconds to wait for another rank; default: 600", "SECONDS")
      ->check(CLI::Range(1.0, 86400.0));
  add("--seed", options->seed, "Of initial weights and of the order of the text; default: 1", "N");
  add_device_option(*command, "--device", options->device);
  add("--threads", options->threads, "Threads of each process; default: its share of the cores", "N")
      ->check(CLI::Range(1, 4096));
  add_report_options(*command, *options);
  command->callback([options, &context] {
    context.chosen = with_reports(context, *options, [options, &context] { train(*options, context); });
    context.resumes = true;
    context.works_in_step = true;
  });
}

}  // namespace fz::cli
