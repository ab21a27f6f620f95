#include "coordinator/compress_job.h"

#include <algorithm>
#include <cstdio>

#include "base/display.h"
#include "base/interruption.h"
#include "base/log.h"
#include "shard/archive_reader.h"
#include "shard/archive_writer.h"

namespace fz::coordinator {
namespace {

constexpr std::uint64_t kMaxPlanBytes = std::uint64_t{1} << 34;

bool is_present(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::symlink_status(path, error).type() != std::filesystem::file_type::not_found;
}

/// The highest run number among the shard files, for the case that the journal lost it.
std::uint64_t last_run_in(const std::filesystem::path& directory) {
  std::uint64_t last = 0;
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(directory, error)) {
    unsigned long long run = 0;
    if (std::sscanf(item.path().filename().c_str(), "shard-%llu-", &run) == 1)
      last = std::max<std::uint64_t>(last, run);
  }
  return last;
}

shard::Check8 footer_check_of(const File& archive) {
  const std::uint64_t size_bytes = archive.size_bytes();
  shard::Check8 check{};
  if (size_bytes >= shard::kFooterBytes) archive.read_at(size_bytes - 16, check.data(), check.size());
  return check;
}

}  // namespace

shard::Plan plan_corpus(const CompressRequest& request) {
  // The output and what comes with it are never archived.
  std::vector<std::string> excluded = request.excluded;
  excluded.push_back(absolute_path(request.output));
  excluded.push_back(absolute_path(shard::job_directory_of(request.output)));
  shard::Plan plan = make_plan(scan(request.inputs, excluded, request.warn), request.options);
  if (needs_model(plan)) {
    const ModelChoice choice = request.choose_model();
    plan.model = choice.identity;
    plan.lane_limit = choice.lane_limit;
  }
  return plan;
}

CompressJob::CompressJob(const CompressRequest& request) : output_(request.output), force_(request.force) {
  if (is_present(output_)) {
    std::error_code error;
    if (std::filesystem::is_directory(output_, error)) {
      fail(ErrorCode::kOutput, "{}: is a directory; name the archive file with -o", output_.string());
    }
    if (finish_interrupted_removal(request)) return;
    if (!force_) fail(ErrorCode::kOutput, "{}: exists already; pass --force to replace it", output_.string());
  }
  plan_ = plan_corpus(request);
  directory_ = std::make_unique<JobDirectory>(shard::job_directory_of(output_));
  open_job(request);
}

/// The output is there, and the journal says that this very file was about to get its name: only the clean-up was
/// missing.
bool CompressJob::finish_interrupted_removal(const CompressRequest& request) {
  const std::filesystem::path job_path = shard::job_directory_of(output_);
  if (!is_present(job_path / shard::kJournalName) || is_present(job_path / shard::kMergedName)) return false;
  JobDirectory directory(job_path);
  const auto commit = Journal(job_path / shard::kJournalName).content().commit;
  const File archive = File::open_for_reading(output_);
  if (!commit || commit->archive_bytes != archive.size_bytes() || commit->footer_check != footer_check_of(archive))
    return false;
  if (is_present(job_path / shard::kPlanName)) {
    // The same corpus as then? Otherwise the user wants a new archive and must say so.
    const shard::Plan wanted = plan_corpus(request);
    const shard::Plan old = shard::parse_plan(read_file(job_path / shard::kPlanName, kMaxPlanBytes), job_path.string());
    if (!plan_difference(old, wanted).empty()) return false;
  }
  const shard::ArchiveReader reader(output_);
  finished_size_ = {reader.footer().corpus_bytes, reader.archive_bytes()};
  directory.remove();
  return was_complete_ = true;
}

void CompressJob::open_job(const CompressRequest& request) {
  const std::filesystem::path plan_path = directory_->path() / shard::kPlanName;
  if (is_present(plan_path)) {
    std::string difference;
    try {
      shard::Plan old = shard::parse_plan(read_file(plan_path, kMaxPlanBytes), plan_path.string());
      difference = plan_difference(old, plan_);
      if (difference.empty()) plan_ = std::move(old);
    } catch (const Error& error) {
      difference = "its plan cannot be read";
    }
    if (!difference.empty() && !force_) {
      fail(ErrorCode::kInput,
           "{}: an unfinished run cannot be resumed: {}; remove this directory or pass --force to start afresh",
           directory_->path().string(), difference);
    }
    if (!difference.empty()) directory_->clear();
  } else {
    directory_->clear();
  }
  if (!is_present(plan_path)) replace_file(plan_path, shard::serialize_plan(plan_));
  journal_ = std::make_unique<Journal>(directory_->path() / shard::kJournalName);
  check_old_blocks(request.warn);
  run_ = journal_->begin_run(last_run_in(directory_->path()));
}

void CompressJob::check_old_blocks(const Warn& warn) {
  Bytes stored;
  for (const auto& [id, place] : journal_->content().blocks) {
    if (number(id) >= plan_.blocks.size()) continue;
    throw_if_interrupted();
    try {
      shard::read_finished_block(directory_->path(), place, plan_, id, stored);
      finished_[id] = place;
    } catch (const Error& error) {
      warn(fmt::format("{}; the block is made again", error.what()));
    }
  }
  reused_blocks_ = finished_.size();
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

std::vector<WorkItem> CompressJob::items() const {
  std::vector<WorkItem> items;
  for (std::uint32_t i = 0; i < plan_.blocks.size(); ++i) {
    if (!finished_.contains(BlockId{i})) items.push_back({BlockId{i}, !plan_.uses_model(plan_.blocks[i])});
  }
  return items;
}

void CompressJob::commit(DoneBlocks done) {
  std::vector<std::pair<BlockId, shard::BlockPlace>> places;
  for (const auto& [rank, block] : done) {
    if (number(block.block) >= plan_.blocks.size())
      fail(ErrorCode::kLaunch, "rank {}: reports an unknown block", number(rank));
    places.push_back({block.block, {run_, rank, block.offset_bytes, block.stored_bytes}});
  }
  journal_->add_blocks(places);
  log_line(LogLevel::kDebug, "journal: {} blocks committed", places.size());
  for (const auto& [id, place] : places) finished_[id] = place;
}

ArchiveSize CompressJob::merge() {
  const std::filesystem::path merged_path = directory_->path() / shard::kMergedName;
  std::error_code error;
  std::filesystem::remove(merged_path, error);
  // The header comes first but depends on what codecs the blocks have: look at the block headers before.
  Bytes stored;
  shard::Header header;
  header.format_version = shard::kOldestFormatVersion;
  header.block_bytes = plan_.block_bytes;
  for (std::uint32_t i = 0; i < plan_.blocks.size(); ++i) {
    const shard::BlockPlace& place = finished_.at(BlockId{i});
    const std::filesystem::path path = directory_->path() / shard::shard_name(place.run, place.rank);
    const Bytes head = File::open_for_reading(path).read_at(place.offset_bytes, shard::kBlockHeaderBytes);
    const shard::Codec codec = shard::parse_block_header(head, path.string(), place.offset_bytes).codec;
    header.format_version = std::max(header.format_version, shard::format_version_of(codec));
    if (!shard::needs_model(codec)) continue;
    header.token_coder = plan_.coder;
    header.model = plan_.model;
  }
  File merged = File::create(merged_path);
  shard::ArchiveWriter writer(merged, header);
  for (std::uint32_t i = 0; i < plan_.blocks.size(); ++i) {
    throw_if_interrupted();
    const auto block =
        shard::read_finished_block(directory_->path(), finished_.at(BlockId{i}), plan_, BlockId{i}, stored);
    writer.append_block(block, stored);
  }
  const ArchiveSize size{plan_.corpus_bytes(), writer.finish(plan_.file_entries())};
  merged.sync();
  sync_directory(directory_->path());
  journal_->add_commit({size.archive_bytes, footer_check_of(merged)});
  merged.close();
  if (force_) {
    rename_durably(merged_path, output_);
  } else {
    rename_durably_without_replacing(merged_path, output_);
  }
  directory_->remove();
  return finished_size_ = size;
}

}  // namespace fz::coordinator
