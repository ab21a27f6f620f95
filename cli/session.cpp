#include "cli/session.h"

#include <algorithm>
#include <iostream>

#include "base/display.h"
#include "base/interruption.h"
#include "base/log.h"
#include "base/profile.h"
#include "base/work_meter.h"
#include "cli/progress.h"
#include "worker/courier.h"
#include "worker/local_worker.h"

namespace fz::cli {
namespace {

/// Of what the transform before it has left. CLI11 takes -1 for a very large number.
std::string check_digits(const std::string& text) {
  const bool is_number = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  return is_number ? "" : fmt::format("{} is not a number of bytes", text);
}

comm::Patience patience_of(const WorkOptions& options) {
  return {.silence_seconds = options.rank_timeout_seconds};
}

/// Of a worker whose task has ended or was left behind: then the process does not wait for its thread.
void end_worker(const Context& context, worker::LocalWorker& local) {
  if (local.is_busy()) local.leave_behind();  // rank 0 has given the job up
  if (local.is_left_behind()) {
    context.world.departure.ends_at_once = true;
  } else {
    local.join();
  }
}

}  // namespace

struct Workplace::State {
  shard::TextCodecFactory make;
  std::unique_ptr<shard::TextCodec> early;
};

void add_machine_options(CLI::App& command, WorkOptions& options) {
  command
      .add_option("--model", options.model_path,
                  "Model file (.fzm); default: the model inside the program; none: compress without one, much faster")
      ->type_name("FILE");
  command.add_option("--threads", options.threads, "Threads of each process; default: its share of the cores")
      ->type_name("N")
      ->check(CLI::Range(1, 4096));
}

void add_work_options(CLI::App& command, WorkOptions& options) {
  add_machine_options(command, options);
  command
      .add_option(
          "--memory-limit", options.memory_limit_bytes,
          "About how much memory each process may take: how many blocks it works on at once, and how many lanes "
          "a block has; default: 1GB, or 250MB a thread")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(true))
      ->check(check_digits);
  command
      .add_option(
          "--rank-timeout", options.rank_timeout_seconds,
          "Under mpirun or srun: a rank that is not heard of for so many seconds is given up, and others do its "
          "work; default: 60")
      ->type_name("SECONDS")
      ->check(CLI::Range(1.0, 86400.0));
  command.add_flag("--profile", options.profile, "Print where the time went, and the memory used");
  command.add_flag("-v,--verbose", options.verbose, "Print a line for each block");
  add_report_options(command, options);
}

void add_checkpoint_option(CLI::App& command, double& after_seconds, const std::string& place) {
  command
      .add_option("--checkpoint-after", after_seconds,
                  fmt::format("A block that takes the model longer than this keeps what the model says of it {}, about "
                              "8 bytes for each of its own, so that a run that is interrupted can be gone on with "
                              "within the block; default: {}",
                              place, worker::kCheckpointAfterSeconds))
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 1e9));
}

std::string check_not_braces(const std::string& text) {
  return text == "{}" ? "write './{}' for what is called '{}'" : "";
}

Workplace::Workplace(const Context& context, const WorkOptions& options)
    : pool_(std::make_shared<ThreadPool>(options.threads > 0 ? options.threads : context.world.default_threads())),
      state_(std::make_shared<State>()),
      memory_limit_bytes_(options.memory_limit_bytes > 0
                              ? options.memory_limit_bytes
                              : std::max(kDefaultMemoryLimitBytes,
                                         kMemoryLimitBytesOfThread * static_cast<std::uint64_t>(pool_->threads()))) {
  if (options.profile) Profile::enable();
  if (context.world.coordinates() && options.threads == 0 && !options.quiet) {
    if (const std::string advice = context.world.binding_advice(); !advice.empty()) context.warn(advice);
  }
  state_->make = [make = context.parts.make_text_codec, path = options.model_path,
                  pool = pool_](const shard::ModelIdentity& wanted) { return make(path, wanted, pool); };
}

shard::TextCodec& Workplace::load_model(const shard::ModelIdentity& wanted) {
  if (!state_->early) state_->early = state_->make(wanted);
  return *state_->early;
}

worker::Resources Workplace::resources() {
  return {pool_,
          [state = state_](const shard::ModelIdentity& wanted) {
            return state->early ? std::move(state->early) : state->make(wanted);
          },
          memory_limit_bytes_};
}

void coordinate(const Context& context, const WorkOptions& options, BlockWork work) {
  worker::LocalWorker local(context.world.rank(), work.task);
  comm::CoordinatorLink& link = context.world.coordinator_link(local);
  work.begin.needs_model = coordinator::needs_model(work.items);
  coordinator::Scheduler scheduler(work.items, context.world.size(),
                                   {.silence_seconds = patience_of(options).silence_seconds});
  Progress progress(context.err, progress_style(options.progress, options.quiet, context.err),
                    {.verb = work.verb,
                     .total_bytes = work.total_raw_bytes,
                     .total_blocks = work.done_blocks + work.items.size(),
                     .ranks = context.world.size(),
                     .has_ratio = work.has_ratio,
                     .reused_bytes = work.done_raw_bytes,
                     .reused_blocks = work.done_blocks,
                     .reused_stored_bytes = work.done_stored_bytes},
                    options.verbose);
  coordinator::DispatchHooks hooks;
  hooks.commit = [&](coordinator::DoneBlocks done) {
    if (work.commit) work.commit(done);
    for (const auto& [rank, block] : done) {
      progress.add_block(block.block, rank, work.raw_bytes_of(block.block), block.stored_bytes);
      log_line(LogLevel::kDebug, "block {} done by rank {}", number(block.block), number(rank));
    }
  };
  hooks.before_assign = work.before_assign;
  hooks.at_work = [&](Rank rank, std::uint64_t bytes) { progress.set_in_work(rank, bytes); };
  hooks.idle = [&] {
    throw_if_interrupted();
    if (work.phase) {
      const std::string phase = work.phase();
      progress.set_phase(phase);
      if (phase.empty()) work.after_phase();
    }
    progress.set_ranks(std::max(scheduler.able_ranks(), 1));
    progress.set_in_work(context.world.rank(), WorkMeter::bytes());
    progress.forget_work_of([&](Rank rank) { return scheduler.is_lost(rank); });
    progress.update();
  };
  hooks.warn = [&](const std::string& text) { context.warn(text); };
  try {
    context.world.departure.waits_for_others = coordinator::dispatch(scheduler, link, work.begin, hooks);
  } catch (const Interrupted&) {
    local.leave_behind();
    throw;
  } catch (...) {
    // With several ranks the whole job is about to be aborted; alone, the thread must be gone before the command
    // returns.
    if (context.world.size() > 1) {
      local.leave_behind();
    } else {
      local.join();
    }
    throw;
  }
  end_worker(context, local);
}

std::function<void()> show_life(const Context& context, const WorkOptions& options) {
  return [&world = context.world, patience = patience_of(options)] { world.show_life(patience); };
}

void work_for_coordinator(const Context& context, const WorkOptions& options,
                          const std::function<std::unique_ptr<worker::Task>()>& make_task) {
  leave_signals_to_rank_0();
  worker::LocalWorker local(context.world.rank(), make_task());
  const comm::Leave leave = worker::carry_messages(context.world.worker_link(), &local, patience_of(options));
  context.world.departure.waits_for_others = !leave.ranks_lost;
  end_worker(context, local);
}

void report_profile(const Context& context, const WorkOptions& options, const Workplace& workplace) {
  if (!options.profile || options.quiet || !context.world.coordinates()) return;
  const ProfileTotals totals = Profile::totals();
  const double all = std::max(totals.sum(), 1e-9);
  std::string report = fmt::format("profile of {}: {:.2f} s of its threads' time\n",
                                   context.world.size() == 1 ? "this process" : "rank 0", totals.sum());
  for (std::size_t stage = 0; stage < kStageCount; ++stage) {
    const double seconds = totals.seconds[stage];
    if (seconds == 0) continue;
    report += fmt::format("  {:<32}{:>9.2f} s {:>5.1f} %\n", stage_name(static_cast<Stage>(stage)), seconds,
                          100 * seconds / all);
  }
  const double product_seconds = totals.seconds[static_cast<std::size_t>(Stage::kProduct)];
  if (product_seconds > 0) {
    report += fmt::format("  products: {:.3g} int8 operations, {:.0f} GOP/s a thread\n", totals.product_operations,
                          totals.product_operations * 1e-9 / product_seconds);
  }
  report += fmt::format("  peak memory: {:.0f} MB (limit {:.0f} MB)\n", static_cast<double>(peak_memory_bytes()) * 1e-6,
                        static_cast<double>(workplace.memory_limit_bytes()) * 1e-6);
  context.out << report;
}

std::string describe_ranks(const Context& context, int threads) {
  const int ranks = context.world.size();
  return fmt::format("{} rank{} x {} thread{}", ranks, ranks == 1 ? "" : "s", threads, threads == 1 ? "" : "s");
}

std::string describe_size(const std::filesystem::path& output, const coordinator::ArchiveSize& size) {
  const double ratio = static_cast<double>(size.raw_bytes) / static_cast<double>(size.archive_bytes);
  return fmt::format("{}: {} -> {} bytes, ratio {:.3f}, {:.3f} bits/byte", display_text(output.native()),
                     size.raw_bytes, size.archive_bytes, ratio, size.raw_bytes > 0 ? 8 / ratio : 0.0);
}

}  // namespace fz::cli
