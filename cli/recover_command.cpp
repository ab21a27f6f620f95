// fz-dist recover
#include <iostream>
#include <optional>

#include "base/display.h"
#include "base/interruption.h"
#include "cli/events.h"
#include "cli/progress.h"
#include "cli/recovery_report.h"
#include "cli/session.h"
#include "coordinator/recover_job.h"
#include "shard/block_codec.h"

namespace fz::cli {
namespace {

struct RecoverOptions : ReportOptions {
  std::string archive;
  std::string output;
  std::string model_path;
  std::uint32_t context = 0;
  bool dry_run = false;
  bool force = false;
  bool json = false;
};

/// The header named the model and is lost: of those at hand the one that decodes this block is the right one.
std::optional<shard::ModelIdentity> try_model(const RecoverOptions& options, const Context& context,
                                              const shard::StoredBlock& block, ByteSpan adapter) {
  if (options.model_path == kNoModel) return std::nullopt;
  const auto pool = std::make_shared<ThreadPool>(context.world.default_threads());
  std::vector<shard::ModelIdentity> candidates = {{}};
  if (options.model_path.empty()) candidates = context.parts.models_inside();
  for (shard::ModelIdentity& candidate : candidates) {
    if (options.context > 0) candidate.context = options.context;
    const auto codec = context.parts.make_text_codec(options.model_path, candidate, pool);
    try {
      codec->use_adapter(adapter, display_text(options.archive));
      shard::decode_block(block, codec.get(), options.archive);
      return codec->identity();
    } catch (const Error& error) {
      // An adapter of another model says so by kModel.
      if (error.code() != ErrorCode::kCorrupt && error.code() != ErrorCode::kModel) throw;
    }
  }
  fail(ErrorCode::kModel,
       "{}: the header, which named the model, is lost, and no model at hand{} decodes block {}; give the right one "
       "with --model (and --context, if it was made so), or 'none' to leave out the blocks that need one",
       display_text(options.archive), adapter.empty() ? "" : " with the archive's adapter", number(block.header.id));
}

void recover(const RecoverOptions& options, const Context& context) {
  if (options.output.empty() == !options.dry_run) {
    fail(ErrorCode::kUsage, "recover: name the new archive with -o, or only look with --dry-run");
  }
  if (!context.world.coordinates()) return;
  const InterruptionGuard guard;
  const std::string archive = display_text(options.archive);
  std::optional<Progress> progress;
  const char* verb = "reading";
  const char* shown_verb = nullptr;
  coordinator::RecoverRequest request;
  request.archive = options.archive;
  request.output = options.output;
  request.force = options.force;
  request.find_model = [&](const shard::StoredBlock& block, ByteSpan adapter) {
    return try_model(options, context, block, adapter);
  };
  request.progress = [&](std::uint64_t done, std::uint64_t total) {
    if (shown_verb != verb) {
      const ProgressStyle style = progress_style(options.progress, options.quiet, context.err);
      progress.emplace(context.err, style, ProgressJob{.verb = verb, .total_bytes = total});
      shown_verb = verb;
    }
    progress->set_done(done);
    progress->update();
  };
  coordinator::RecoverJob job(request);
  const shard::RecoveryPlan& plan = job.plan();
  if (!job.found_anything()) {
    fail(ErrorCode::kCorrupt, "{}: no intact block and no file table in {} bytes; nothing to recover", archive,
         job.archive_bytes());
  }
  verb = "writing";
  const std::uint64_t new_bytes = options.dry_run ? 0 : job.write();
  progress.reset();
  if (options.json) {
    context.out << recovery_json(plan, options.archive, options.output);
  } else if (!options.quiet) {
    context.out << recovery_lines(plan, archive);
    if (!options.dry_run) {
      context.out << fmt::format("{}: written, {} bytes{}; check it with 'fz-dist verify'\n",
                                 display_text(options.output), new_bytes,
                                 plan.recovered_directory.empty()
                                     ? ""
                                     : fmt::format("; what is no whole file is in {}/", plan.recovered_directory));
    }
  }
  if (plan.is_complete()) {
    if (context.has_events) write_event(context.err, "end", {{"archive_bytes", new_bytes}});
    return;
  }
  fail(ErrorCode::kCorrupt, "{}: {}; {}", archive, recovery_summary(plan),
       options.dry_run ? std::string("nothing was written") : "what is left is in " + display_text(options.output));
}

}  // namespace

void add_recover(CLI::App& app, Context& context) {
  const auto options = std::make_shared<RecoverOptions>();
  CLI::App* const command = app.add_subcommand("recover", "Save what is left of a damaged archive into a new one");
  command->footer(
      "The damaged archive is never changed. Files whose blocks are all intact keep their names; what is left of\n"
      "others comes under recovered/by-name/FILE/BEGIN-END, and under recovered/by-offset/ where the names are lost.\n"
      "Exit code 0: nothing was lost; 5: something was, and what is left has been written.");
  command->add_option("ARCHIVE", options->archive, "The damaged archive")->required();
  command->add_option("-o,--output", options->output, "The new archive")->type_name("OUT.fz");
  command->add_flag("-n,--dry-run", options->dry_run, "Only say what is lost; write nothing");
  command->add_flag("--force", options->force, "Replace an existing OUT.fz");
  command->add_flag("--json", options->json, "Say what is lost as JSON, for programs");
  command
      ->add_option("--model", options->model_path,
                   "Model file (.fzm), needed only where the archive's header, which names it, is lost; default: the "
                   "model inside the program; none: leave out the blocks that need one")
      ->type_name("FILE");
  command
      ->add_option(
          "--context", options->context,
          "What compress was given, where the header is lost; default: as many tokens as the model was trained for")
      ->type_name("N");
  add_report_options(*command, *options);
  command->callback([options, &context] {
    context.chosen = with_reports(context, *options, [options, &context] { recover(*options, context); });
  });
}

}  // namespace fz::cli
