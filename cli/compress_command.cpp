// fz-dist compress
#include <algorithm>
#include <charconv>
#include <iostream>

#include "base/display.h"
#include "base/file.h"
#include "base/interruption.h"
#include "base/log.h"
#include "cli/compress_estimate.h"
#include "cli/memorization.h"
#include "cli/part_check.h"
#include "cli/session.h"
#include "coordinator/compress_job.h"
#include "model/model.h"
#include "shard/adapter_format.h"

namespace fz::cli {
namespace {

struct CompressOptions {
  std::vector<std::string> inputs;
  std::string output;
  std::string shard;  ///< "I/N", which the parser has checked; empty: the whole job.
  bool force = false;
  std::string coder = "mixed";
  bool thorough = false;
  std::uint32_t context = 0;      ///< Of the model; 0: all that it has.
  std::uint64_t block_bytes = 0;  ///< 0: chosen.
  std::string order = "similar";
  std::string adapter_path;
  MemorizeOptions memorize;
  bool check_decode = false;
  double checkpoint_after_seconds = worker::kCheckpointAfterSeconds;
  bool dry_run = false;
  WorkOptions work;
};

/// `name` has been checked by the parser.
shard::TokenCoder coder_of(const std::string& name) {
  return *std::find_if(shard::kTokenCoders.begin(), shard::kTokenCoders.end(),
                       [&](shard::TokenCoder coder) { return name == shard::coder_name(coder); });
}

std::string output_of(const CompressOptions& options) {
  if (!options.output.empty()) return options.output;
  if (options.inputs.size() > 1) fail(ErrorCode::kUsage, "compress: several inputs: name the archive with -o");
  return coordinator::input_name(options.inputs.front()) + ".fz";
}

/// Of what the transform before it has left: bytes. Empty: nothing is wrong.
std::string check_block_bytes(const std::string& text) {
  std::uint64_t bytes = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, bytes);
  const bool fits =
      parsed.ec == std::errc() && parsed.ptr == end && bytes >= shard::kMinBlockBytes && bytes <= shard::kMaxBlockBytes;
  return fits ? "" : fmt::format("{} is not between 64KiB and 64MiB", text);
}

/// One process makes a shard by itself; several would all do the same work.
shard::JobPart part_of(const CompressOptions& options, const Context& context) {
  if (options.shard.empty()) return std::nullopt;
  if (const int ranks = context.world.size(); ranks > 1) {
    fail(ErrorCode::kLaunch,
         "compress: --shard is for processes that know nothing of each other, as in job arrays, but {} ranks run "
         "together; start one process a shard, or leave out --shard",
         ranks);
  }
  return parse_part(options.shard);
}

std::string shard_report(const std::string& output, const coordinator::CompressJob& job, const Part& part,
                         double seconds) {
  return fmt::format("{}: shard {} is finished: {} of {} blocks, {:.2f} s; after all shards: fz-dist merge {}", output,
                     part_text(part), coordinator::blocks_of_part(job.plan(), part), job.plan().blocks.size(), seconds,
                     output);
}

/// Before all ranks train one they have to know of each other, and a given one is not trained.
void check_memorization(const CompressOptions& options) {
  if (options.memorize.mode != "on") return;
  if (!options.shard.empty()) {
    fail(ErrorCode::kUsage,
         "compress: --memorize on: shards know nothing of each other; give all of them the same --adapter instead");
  }
  if (!options.adapter_path.empty())
    fail(ErrorCode::kUsage,
         "compress: --memorize on would train an adapter, and --adapter gives one; leave out one of them");
  if (options.work.model_path == kNoModel)
    fail(ErrorCode::kUsage, "compress: --memorize on is for a model, and --model is none; leave out one of them");
}

/// What --adapter names; empty without it.
Bytes read_adapter(const CompressOptions& options) {
  if (options.adapter_path.empty()) return {};
  if (options.work.model_path == kNoModel) {
    fail(ErrorCode::kUsage, "compress: --adapter is for a model, and --model is none; leave out one of them");
  }
  Bytes adapter = read_file(options.adapter_path, shard::kMaxAdapterBytes);
  shard::read_adapter_summary(adapter, display_text(options.adapter_path));
  return adapter;
}

coordinator::CompressRequest request_of(const CompressOptions& options, const std::filesystem::path& output,
                                        Workplace& workplace, const Context& context) {
  coordinator::CompressRequest request;
  request.inputs = options.inputs;
  request.output = output;
  request.part = part_of(options, context);
  request.force = options.force;
  request.excluded = log_files(options.work, context.world.size());
  request.options.coder = coder_of(options.coder);
  const bool is_quick = options.work.model_path == kNoModel && !options.thorough;
  request.options.memory_coder = is_quick ? shard::MemoryCoder::kQuick : shard::MemoryCoder::kThorough;
  request.options.order = options.order == "path" ? coordinator::FileOrder::kPath : coordinator::FileOrder::kSimilar;
  if (options.block_bytes > 0) {
    request.options.block_bytes = static_cast<std::uint32_t>(options.block_bytes);
    request.options.similar_block_bytes = request.options.block_bytes;
  }
  request.adapter = read_adapter(options);
  if (options.context > 0 && options.work.model_path == kNoModel)
    fail(ErrorCode::kUsage, "compress: --context is for a model, and --model is none; leave out one of them");
  request.choose_model = [&options, &workplace, adapter = request.adapter](
                             const shard::ModelIdentity& begun_with) -> coordinator::ModelChoice {
    if (options.work.model_path == kNoModel) return {};
    shard::ModelIdentity wanted = begun_with;
    if (options.context > 0) wanted.context = options.context;
    shard::TextCodec& codec = workplace.load_model(wanted);
    if (const std::uint32_t context = codec.identity().context; options.context > 0 && context != options.context)
      fail(ErrorCode::kUsage, "compress: --context {}: the model can have {} to {}", options.context,
           model::kMinContext, context);
    codec.use_adapter(adapter, options.adapter_path);  // tells whether it is for this model
    // Not the limit that the number of threads gives: the archive must not depend on the machine.
    const std::uint64_t limit_bytes =
        options.work.memory_limit_bytes > 0 ? options.work.memory_limit_bytes : kDefaultMemoryLimitBytes;
    return {codec.identity(), codec.lane_limit(limit_bytes)};
  };
  if (options.shard.empty() && options.adapter_path.empty()) {
    request.choose_memorization = [&options, &workplace](const shard::Plan& plan) {
      return memorize_text(options.memorize, plan, workplace.load_model());
    };
  }
  request.warn = [&context](const std::string& text) { context.warn(text); };
  return request;
}

/// What stands in the way of the output or will be gone on with.
std::string output_state(const std::filesystem::path& output, bool force) {
  std::error_code error;
  if (std::filesystem::exists(output, error)) {
    return force ? "exists; --force replaces it" : "exists already: without --force it will be refused";
  }
  return std::filesystem::exists(shard::job_directory_of(output), error) ? "an unfinished run is there, see status"
                                                                         : "does not exist yet";
}

/// Scan, plan and samples; writes nothing.
void dry_run(const CompressOptions& options, const std::filesystem::path& output, Workplace& workplace,
             const Context& context) {
  const coordinator::CompressRequest request = request_of(options, output, workplace, context);
  const shard::Plan plan = coordinator::plan_corpus(request);
  CompressEstimate estimate = estimate_compress(plan, workplace, context.world.size());
  if (plan.adapter_hash != shard::Hash16{}) estimate.archive_bytes += static_cast<double>(request.adapter.size());
  const std::string text =
      plan_lines(plan) +
      fmt::format("{:<15}{}: {}\n", "output", display_text(output.native()), output_state(output, options.force)) +
      estimate_lines(plan, estimate, describe_ranks(context, workplace.threads())) + "nothing was written";
  report_result(context, options.work, text,
                {{"dry_run", true},
                 {"raw_bytes", plan.corpus_bytes()},
                 {"blocks", plan.blocks.size()},
                 {"sampled_bytes", estimate.sampled_bytes},
                 {"estimated_archive_bytes", static_cast<std::uint64_t>(estimate.archive_bytes)},
                 {"estimated_seconds", estimate.seconds},
                 {"estimated_memory_bytes", estimate.memory_bytes}});
}

void compress(const CompressOptions& options, const Context& context) {
  const Stopwatch watch;
  const shard::JobPart part = part_of(options, context);
  const std::filesystem::path output = output_of(options);
  Workplace workplace(context, options.work);
  log_line(LogLevel::kInfo, "compressing into {} with {}", output.string(),
           describe_ranks(context, workplace.threads()));
  check_memorization(options);
  Memorization memorization(context, options.work, options.memorize);
  const auto make_task = [&] {
    const std::filesystem::path job_directory = shard::job_directory_of(output);
    return worker::make_compress_task(
        {job_directory, options.check_decode, part,
         [&memorization, job_directory](const shard::Plan& plan, shard::TextCodec& codec) {
           return memorization.make_adapter(job_directory, plan, codec);
         },
         options.checkpoint_after_seconds},
        workplace.resources());
  };
  if (options.dry_run && !context.world.coordinates()) return;
  if (!context.world.coordinates()) return work_for_coordinator(context, options.work, make_task);

  const InterruptionGuard guard(show_life(context, options.work));
  if (options.dry_run) return dry_run(options, output, workplace, context);
  const coordinator::CompressRequest request = request_of(options, output, workplace, context);
  coordinator::CompressJob job(request);
  std::uint64_t reused_raw_bytes = 0;  // of an earlier run: not this run's speed
  if (job.was_complete()) {
    // The other ranks wait for a beginning and an end.
    coordinate(context, options.work,
               {.verb = "checking",
                .begin = {},
                .items = {},
                .task = worker::make_idle_task(),
                .commit = {},
                .raw_bytes_of = {}});
  } else {
    reused_raw_bytes = job.reused_raw_bytes();
    if (job.reused_blocks() > 0) {
      const std::uint64_t total_blocks = coordinator::blocks_of_part(job.plan(), part);
      report_note(
          context, options.work, "resume",
          fmt::format("{}: resuming: {} of {} blocks are there", output.string(), job.reused_blocks(), total_blocks),
          {{"reused_blocks", job.reused_blocks()}, {"total_blocks", total_blocks}});
    }
    BlockWork work;
    work.verb = "compressing";
    work.begin = job.begin();
    work.items = job.items();
    work.task = make_task();
    work.commit = [&](coordinator::DoneBlocks done) { job.commit(done); };
    work.before_assign = [&](std::span<const BlockId> blocks) { job.begin_blocks(blocks); };
    work.raw_bytes_of = [&](BlockId id) { return job.plan().blocks[number(id)].raw_bytes; };
    work.phase = [&] { return memorization.phase(); };
    work.after_phase = [&] { memorization.report_outcome(); };
    work.total_raw_bytes = job.raw_bytes();
    work.has_ratio = true;
    work.done_raw_bytes = reused_raw_bytes;
    work.done_blocks = job.reused_blocks();
    work.done_stored_bytes = job.reused_stored_bytes();
    try {
      coordinate(context, options.work, std::move(work));
    } catch (...) {
      job.end_run();
      throw;
    }
    if (!part) job.merge();
  }
  if (part) {
    report_result(context, options.work, shard_report(output.string(), job, *part, watch.seconds()),
                  {{"shard", options.shard}, {"raw_bytes", job.raw_bytes()}, {"seconds", watch.seconds()}});
    return report_profile(context, options.work, workplace);
  }
  const coordinator::ArchiveSize size = job.finished_size();
  const double seconds = watch.seconds();
  const double bytes_per_second = static_cast<double>(size.raw_bytes - reused_raw_bytes) / seconds;
  report_result(context, options.work,
                fmt::format("{}, {:.2f} s, {:.1f} KB/s ({})", describe_size(output, size), seconds,
                            bytes_per_second / 1000, describe_ranks(context, workplace.threads())),
                {{"raw_bytes", size.raw_bytes},
                 {"archive_bytes", size.archive_bytes},
                 {"ratio", static_cast<double>(size.raw_bytes) / static_cast<double>(size.archive_bytes)},
                 {"seconds", seconds},
                 {"bytes_per_second", bytes_per_second}});
  report_profile(context, options.work, workplace);
}

}  // namespace

void add_compress(CLI::App& app, Context& context) {
  const auto options = std::make_shared<CompressOptions>();
  CLI::App* const command = app.add_subcommand("compress", "Make an archive of files and directories");
  command->footer(
      "Paths are stored as tar does: 'compress a/corpus/' holds corpus/... Symbolic links are stored as links;\n"
      "devices, pipes and sockets are skipped. While it works, OUT.fz.job/ holds what is finished; the same\n"
      "command given again resumes. With --shard, N runs with I from 1 to N, at the same time or not, on one machine\n"
      "or many that share the directory, do the work together, and 'fz-dist merge OUT.fz' then makes the archive.");
  command->add_option("INPUT", options->inputs, "Files and directories")->required()->check(check_not_braces);
  command->add_option("-o,--output", options->output, "The archive; default: NAME.fz in the working directory")
      ->type_name("OUT.fz");
  command->add_flag("--force", options->force,
                    "Replace an existing archive; discard an unfinished run that does not fit");
  command
      ->add_option("--coder", options->coder,
                   "How predictions become bits: mixed (model and memory; default), range (model alone) or ranks "
                   "(FineZip's)")
      ->type_name("mixed|range|ranks")
      ->check(CLI::IsMember({"mixed", "range", "ranks"}));
  command->add_flag("--thorough", options->thorough,
                    "With --model none: look at more of the past; a few per cent smaller, at a fifth of the speed. "
                    "Beside a model, binary files are always coded so");
  command
      ->add_option(
          "--context", options->context,
          "Tokens that the model sees at once, at most and by default as many as it was trained for; with half "
          "of them the default model restores 1.5 times as fast from archives 0.6 % larger")
      ->type_name("N");
  command
      ->add_option("--block-size", options->block_bytes,
                   "Raw bytes per block, 64KiB to 64MiB; default: 4MiB, and up to 32MiB for large files that "
                   "resemble each other")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false))
      ->check(check_block_bytes);
  command
      ->add_option(
          "--order", options->order,
          "How files follow each other within the archive: similar, the default, which puts those that resemble "
          "each other side by side, or path, for which extracting one directory decodes least")
      ->type_name("similar|path")
      ->check(CLI::IsMember({"similar", "path"}));
  command
      ->add_option("--shard", options->shard,
                   "Make only the I-th of N parts of the blocks, and no archive: see 'fz-dist merge'")
      ->type_name("I/N")
      ->check(check_part);
  command
      ->add_option("--adapter", options->adapter_path,
                   "Have the model use this adapter, made for it before from text of the same kind; the archive holds "
                   "it then")
      ->type_name("FILE");
  add_memorize_options(*command, options->memorize);
  command->add_flag("--check-decode", options->check_decode, "Decode each block after coding it, and compare");
  add_checkpoint_option(*command, options->checkpoint_after_seconds, "in OUT.fz.job/");
  command->add_flag("-n,--dry-run", options->dry_run,
                    "Only scan and plan, and estimate size, time and memory from samples; write nothing");
  add_work_options(*command, options->work);
  command->callback([options, &context] {
    context.chosen = with_reports(context, options->work, [options, &context] { compress(*options, context); });
    context.resumes = true;
  });
}

}  // namespace fz::cli
