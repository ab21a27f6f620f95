#include "coordinator/compress_job.h"

#include <unistd.h>

#include "base/display.h"
#include "base/log.h"
#include "coordinator/output_file.h"
#include "shard/archive_reader.h"
#include "shard/job_adapter.h"

namespace fz::coordinator {

namespace {

/// The model of the run that is to be gone on with; none if there is no such run, or a new one is to take its place.
shard::ModelIdentity model_begun_with(const CompressRequest& request) {
  const std::filesystem::path job_path = shard::job_directory_of(request.output);
  if (request.force || !is_present(job_path / shard::kPlanName)) return {};
  try {
    return shard::read_plan(job_path).model;
  } catch (const Error&) {
    return {};  // whoever resumes the run will say what is wrong
  }
}

}  // namespace

shard::Plan plan_corpus(const CompressRequest& request) {
  // The output and what comes with it are never archived.
  std::vector<std::string> excluded = request.excluded;
  excluded.push_back(absolute_path(request.output));
  for (const std::string& input : request.inputs) {
    if (absolute_path(input) != excluded.back()) continue;
    fail(ErrorCode::kUsage, "{}: is the output itself; leave it out, or give the output another name with -o",
         display_text(input));
  }
  excluded.push_back(absolute_path(shard::job_directory_of(request.output)));
  shard::Plan plan = make_plan(scan(request.inputs, excluded, request.warn), request.options);
  if (needs_model(plan)) {
    const ModelChoice choice = request.choose_model(model_begun_with(request));
    plan.model = choice.identity;
    plan.lane_limit = choice.lane_limit;
    if (!plan.model.is_none() && !request.adapter.empty()) plan.adapter_hash = shard::hash16(request.adapter);
    if (!plan.model.is_none() && request.choose_memorization) plan.memorize = request.choose_memorization(plan);
  }
  return plan;
}

CompressJob::CompressJob(const CompressRequest& request)
    : output_(request.output), part_(request.part), force_(request.force) {
  if (is_present(output_)) {
    if (!part_ && finish_interrupted_removal(request)) return;
    ::rmdir(shard::job_directory_of(output_).c_str());  // a run that was ended at its very last step left it empty
    require_free_output(output_, force_);
  }
  plan_ = plan_corpus(request);
  directory_ = std::make_unique<JobDirectory>(shard::job_directory_of(output_), part_);
  if (part_) {
    share_plan();
  } else {
    freeze_plan();
  }
  if (plan_.adapter_hash != shard::Hash16{}) {
    shard::write_job_adapter(directory_->path(), plan_, request.adapter, part_);
  }
  open_journal(request.warn);
}

/// The output is there, and the journal says that this very file was about to get its name: only the clean-up was
/// missing.
bool CompressJob::finish_interrupted_removal(const CompressRequest& request) {
  const std::filesystem::path job_path = shard::job_directory_of(output_);
  if (!is_present(job_path / shard::kJournalName)) return false;
  JobDirectory directory(job_path);
  if (!is_merged(job_path, output_)) return false;
  const shard::ArchiveReader reader(output_);
  // The same corpus as then? Otherwise the user wants a new archive and must say so.
  const shard::Plan plan = plan_corpus(request);
  const bool is_same = is_present(job_path / shard::kPlanName)
                           ? plan_difference(shard::read_plan(job_path), plan).empty()
                           : plan.file_entries() == reader.entries();
  if (!is_same) return false;
  finished_size_ = {reader.footer().corpus_bytes, reader.archive_bytes()};
  directory.remove();
  return was_complete_ = true;
}

/// Takes over the plan in the directory, unless it differs: then says how.
std::string CompressJob::adopt_plan() {
  try {
    shard::Plan old = shard::read_plan(directory_->path());
    // Shards, say, have begun without: nobody has asked for an adapter, so the job goes on without.
    if (old.memorize.empty() && plan_.memorize.starts_with("auto")) plan_.memorize.clear();
    std::string difference = plan_difference(old, plan_);
    if (difference.empty()) plan_ = std::move(old);
    return difference;
  } catch (const Error& error) {
    return "its plan cannot be read";
  }
}

void CompressJob::freeze_plan() {
  const std::filesystem::path plan_path = directory_->path() / shard::kPlanName;
  if (is_present(plan_path)) {
    const std::string difference = adopt_plan();
    if (difference.empty()) return;
    if (!force_) {
      fail(ErrorCode::kInput,
           "{}: an unfinished run cannot be resumed: {}; remove this directory or pass --force to start afresh",
           directory_->path().string(), difference);
    }
  }
  directory_->clear();
  replace_file(plan_path, shard::serialize_plan(plan_));
}

/// Whichever shard comes first decides; even with --force none discards what others are working on.
void CompressJob::share_plan() {
  const std::filesystem::path plan_path = directory_->path() / shard::kPlanName;
  if (!is_present(plan_path)) {
    create_file_once(plan_path, shard::serialize_plan(plan_),
                     plan_path.native() + ".tmp-" + shard::name_of_part("shard", part_));
  }
  const std::string difference = adopt_plan();
  if (difference.empty()) return;
  fail(ErrorCode::kInput,
       "{}: shard {} does not fit what is there: {}; give all shards the same inputs and options, or remove this "
       "directory to start afresh",
       directory_->path().string(), part_text(*part_), difference);
}

void CompressJob::open_journal(const Warn& warn) {
  journal_ = std::make_unique<Journal>(directory_->path() / shard::name_of_part(shard::kJournalName, part_),
                                       shard::plan_check(plan_), part_);
  finished_ = find_finished_blocks(*directory_, plan_, part_, warn);
  reused_blocks_ = finished_.size();
  require_trained_adapter();
  attempts_ = std::make_unique<Attempts>(directory_->path() / shard::name_of_part(Attempts::kFileName, part_),
                                         shard::plan_check(plan_), finished_);
  for (const auto& [block, deaths] : attempts_->all_deaths()) {
    if (deaths < 2 || number(block) >= plan_.blocks.size()) continue;
    warn(fmt::format("block {}: {} runs died with it in work; it comes last, and alone", number(block), deaths));
  }
  run_ = journal_->begin_run(directory_->last_run(part_));
}

/// A new one would be another: what is coded already could not be decoded with it.
void CompressJob::require_trained_adapter() const {
  if (plan_.memorize.empty() || shard::read_job_adapter(directory_->path(), plan_)) return;
  const bool has_coded = std::any_of(finished_.begin(), finished_.end(), [&](const auto& block) {
    return plan_.uses_model(plan_.blocks[number(block.first)]);
  });
  if (!has_coded) return;
  fail(ErrorCode::kInput,
       "{}: the adapter that the finished blocks were coded with is lost or damaged; remove this directory to start "
       "afresh",
       (directory_->path() / shard::kAdapterName).string());
}

std::uint64_t CompressJob::reused_raw_bytes() const {
  std::uint64_t raw_bytes = 0;
  for (const auto& [id, place] : finished_) raw_bytes += plan_.blocks[number(id)].raw_bytes;
  return raw_bytes;
}

std::uint64_t CompressJob::reused_stored_bytes() const {
  std::uint64_t stored_bytes = 0;
  for (const auto& [id, place] : finished_) stored_bytes += place.stored_bytes;
  return stored_bytes;
}

std::uint64_t CompressJob::raw_bytes() const {
  std::uint64_t raw_bytes = 0;
  for (std::uint32_t i = 0; i < plan_.blocks.size(); ++i) {
    if (belongs_to(BlockId{i}, part_)) raw_bytes += plan_.blocks[i].raw_bytes;
  }
  return raw_bytes;
}

std::vector<WorkItem> CompressJob::items() const {
  std::vector<WorkItem> items;
  for (std::uint32_t i = 0; i < plan_.blocks.size(); ++i) {
    if (belongs_to(BlockId{i}, part_) && !finished_.contains(BlockId{i}))
      items.push_back({BlockId{i}, !plan_.uses_model(plan_.blocks[i]), attempts_->deaths(BlockId{i})});
  }
  return items;
}

void CompressJob::commit(DoneBlocks done) {
  std::vector<std::pair<BlockId, shard::BlockPlace>> places;
  for (const auto& [rank, block] : done) {
    places.push_back({block.block, {run_, rank, block.offset_bytes, block.stored_bytes, part_}});
  }
  journal_->add_blocks(places);
  log_line(LogLevel::kDebug, "journal: {} blocks committed", places.size());
  for (const auto& [id, place] : places) finished_[id] = place;
}

ArchiveSize CompressJob::merge() {
  FZ_CHECK(!part_);
  return finished_size_ = merge_blocks(*directory_, *journal_, plan_, finished_, output_, force_);
}

}  // namespace fz::coordinator
