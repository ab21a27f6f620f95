// fz-dist model tokenizer
#include <iostream>

#include "base/display.h"
#include "base/file.h"
#include "base/interruption.h"
#include "base/stopwatch.h"
#include "base/thread_pool.h"
#include "cli/data_options.h"
#include "cli/progress.h"
#include "cli/report_options.h"
#include "cli/session.h"
#include "coordinator/output_file.h"
#include "model/export_tokenizer.h"
#include "model/train/bpe_trainer.h"
#include "model/train/text_sample.h"
#include "model/validate.h"

namespace fz::cli {
namespace {

/// Words with the character before them, digits in twos, punctuation with the line's end, white space.
constexpr const char* kDefaultPattern =
    R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

struct TokenizerOptions : ReportOptions, DataOptions {
  std::string output;
  std::uint32_t vocabulary_size = 8192;
  std::vector<std::string> patterns;
  std::uint64_t sample_bytes = 0;  ///< 0: everything.
  int threads = 0;
  bool force = false;
};

/// A pattern that does not compile is the user's, not a damaged file's.
void check_patterns(const std::vector<std::string>& patterns) {
  try {
    model::PreTokenizer(patterns, "--pattern");
  } catch (const Error& error) {
    fail(ErrorCode::kUsage, "{}", error.what());
  }
}

std::vector<model::CountedPiece> count_pieces(const TokenizerOptions& options, model::PieceCounts& counts,
                                              const Context& context) {
  model::TextSource source(text_source_settings(options));
  Progress progress(context.err, progress_style(options.progress, options.quiet, context.err),
                    {.verb = "reading", .total_bytes = source.total_bytes()});
  model::TextSample sample(options.sample_bytes);
  while (auto document = source.next()) {
    throw_if_interrupted();
    if (options.sample_bytes > 0) {
      sample.add(*document);
    } else {
      counts.add(std::move(document->bytes), document->copies);
    }
    progress.set_done(source.consumed_bytes());
    progress.update();
  }
  sample.take([&](Bytes bytes, std::uint32_t copies) {
    throw_if_interrupted();
    counts.add(std::move(bytes), copies);
  });
  warn_of_unseen_categories(source, context);
  return counts.take();
}

void train_tokenizer(const TokenizerOptions& options, const Context& context) {
  if (!context.world.coordinates()) return;
  const Stopwatch watch;
  const InterruptionGuard guard;
  coordinator::require_free_output(options.output, options.force);
  ThreadPool pool(options.threads > 0 ? options.threads : context.world.default_threads());
  const std::vector<std::string> patterns =
      options.patterns.empty() ? std::vector<std::string>{kDefaultPattern} : options.patterns;
  check_patterns(patterns);
  model::PieceCounts counts(patterns, "--pattern", pool);
  const std::vector<model::CountedPiece> pieces = count_pieces(options, counts, context);
  if (pieces.empty()) fail(ErrorCode::kInput, "model tokenizer: there is no text in what was given");
  model::BpeTraining training =
      model::train_bpe(pieces, options.vocabulary_size, [](std::uint32_t) { throw_if_interrupted(); });
  training.tokenizer.patterns = patterns;
  model::validate_tokenizer(training.tokenizer, options.output);
  const std::size_t tokens = training.tokenizer.tokens.size();
  if (tokens < options.vocabulary_size) {
    context.warn(fmt::format("only {} tokens, not {}: nothing else occurs twice", tokens, options.vocabulary_size));
  }
  coordinator::write_output(options.output, as_byte_span(model::export_tokenizer(training.tokenizer, 0)),
                            options.force);
  const double bytes_per_token = static_cast<double>(training.text_bytes) / static_cast<double>(training.text_tokens);
  report_result(
      context, options,
      fmt::format("{}: {} tokens from {} bytes of text, {:.3f} bytes a token, {:.2f} s", display_text(options.output),
                  tokens, training.text_bytes, bytes_per_token, watch.seconds()),
      {{"tokens", tokens},
       {"text_bytes", training.text_bytes},
       {"bytes_per_token", bytes_per_token},
       {"seconds", watch.seconds()}});
}

}  // namespace

void add_model_tokenizer(CLI::App& group, Context& context) {
  const auto options = std::make_shared<TokenizerOptions>();
  CLI::App* const command = group.add_subcommand("tokenizer", "Train a byte-level BPE tokenizer on text");
  command->footer(
      "TEXT are files, directories and tar archives (.tar, .tar.xz), in directories too; symbolic links in "
      "directories\n"
      "are not followed. Writes a tokenizer.json as Hugging Face's libraries and 'fz-dist model import' read it. The\n"
      "same data give the same tokenizer, whatever their order or packing and the number of threads.");
  add_data_options(*command, *options);
  command->add_option("-o,--output", options->output, "The file to write")->type_name("tokenizer.json")->required();
  command->add_flag("--force", options->force, "Replace an existing file");
  command
      ->add_option("--vocabulary", options->vocabulary_size,
                   "Number of tokens, the 256 bytes and the begin token included; default: 8192")
      ->type_name("N")
      ->check(CLI::Range(model::kSmallestTrainedVocabulary, model::kMaxVocabulary));
  command
      ->add_option("--pattern", options->patterns,
                   "Regular expression that cuts text into the pieces that tokens do not cross; several are applied "
                   "one after another; default: one for words, digits in twos, punctuation and white space")
      ->type_name("REGEX")
      ->allow_extra_args(false)
      ->check(check_not_braces);
  command
      ->add_option("--sample", options->sample_bytes,
                   "Train on stretches of so many bytes together, spread evenly over the data; default: on everything")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false));
  command->add_option("--threads", options->threads, "Threads; default: as many as there are cores for this process")
      ->type_name("N")
      ->check(CLI::Range(1, 4096));
  add_report_options(*command, *options);
  command->callback([options, &context] {
    context.chosen = with_reports(context, *options, [options, &context] { train_tokenizer(*options, context); });
  });
}

}  // namespace fz::cli
