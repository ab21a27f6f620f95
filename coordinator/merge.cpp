#include "coordinator/merge.h"

#include <algorithm>

#include "base/display.h"
#include "base/interruption.h"
#include "coordinator/output_file.h"
#include "shard/archive_reader.h"
#include "shard/archive_writer.h"
#include "shard/job_adapter.h"

namespace fz::coordinator {
namespace {

shard::Check8 footer_check_of(const File& archive) {
  const std::uint64_t size_bytes = archive.size_bytes();
  shard::Check8 check{};
  if (size_bytes >= shard::kFooterBytes) archive.read_at(size_bytes - 16, check.data(), check.size());
  return check;
}

/// The header comes first but depends on what codecs the blocks have: looks at the block headers before.
shard::Header header_of(const JobDirectory& directory, const shard::Plan& plan, const FinishedBlocks& finished,
                        std::size_t adapter_bytes) {
  shard::Header header;
  header.format_version = shard::kOldestFormatVersion;
  header.block_bytes = plan.block_bytes;
  for (std::uint32_t i = 0; i < plan.blocks.size(); ++i) {
    const shard::BlockPlace& place = finished.at(BlockId{i});
    const std::filesystem::path path = directory.path() / shard::shard_name(place.part, place.run, place.rank);
    const Bytes head = File::open_for_reading(path).read_at(place.offset_bytes, shard::kBlockHeaderBytes);
    const shard::Codec codec = shard::parse_block_header(head, path.string(), place.offset_bytes).codec;
    header.format_version = std::max(header.format_version, shard::traits(codec).format_version);
    if (!shard::needs_model(codec)) continue;
    header.token_coder = plan.coder;
    header.model = plan.model;
    header.adapter_bytes = adapter_bytes;
  }
  if (header.adapter_bytes > 0) header.format_version = std::max(header.format_version, shard::kAdapterFormatVersion);
  return header;
}

}  // namespace

ArchiveSize merge_blocks(JobDirectory& directory, Journal& journal, const shard::Plan& plan,
                         const FinishedBlocks& finished, const std::filesystem::path& output, bool force) {
  const std::filesystem::path merged_path = directory.path() / shard::kMergedName;
  std::error_code error;
  std::filesystem::remove(merged_path, error);
  Bytes adapter = shard::adapter_of_job(directory.path(), plan);
  const shard::Header header = header_of(directory, plan, finished, adapter.size());
  if (header.adapter_bytes == 0) adapter.clear();  // the model has won no block
  File merged = File::create(merged_path);
  shard::ArchiveWriter writer(merged, header, adapter);
  Bytes stored;
  for (std::uint32_t i = 0; i < plan.blocks.size(); ++i) {
    throw_if_interrupted();
    const auto block = shard::read_finished_block(directory.path(), finished.at(BlockId{i}), plan, BlockId{i}, stored);
    writer.append_block(block, stored);
  }
  const ArchiveSize size{plan.corpus_bytes(), writer.finish(plan.file_entries())};
  merged.sync();
  sync_directory(directory.path());
  journal.add_commit({size.archive_bytes, footer_check_of(merged)});
  merged.close();
  publish_output(merged_path, output, force);
  directory.remove();
  return size;
}

bool is_merged(const std::filesystem::path& job_directory, const std::filesystem::path& output) {
  const std::filesystem::path journal_path = job_directory / shard::kJournalName;
  if (!is_present(journal_path) || is_present(job_directory / shard::kMergedName)) return false;
  const auto [plan_check, runs, blocks, commit] = read_journal(journal_path);
  // Shards that were made since, for another archive under this name, have a plan of their own.
  if (is_present(job_directory / shard::kPlanName) &&
      shard::plan_check(shard::read_plan(job_directory)) != plan_check) {
    return false;
  }
  const File archive = File::open_for_reading(output);
  return commit && commit->archive_bytes == archive.size_bytes() && commit->footer_check == footer_check_of(archive);
}

ArchiveSize merge_job(const MergeRequest& request) {
  const std::string name = display_text(request.output.native());
  const std::filesystem::path job_path = shard::job_directory_of(request.output);
  const bool exists = is_present(request.output);
  if (exists && !std::filesystem::is_regular_file(request.output)) {
    fail(ErrorCode::kOutput, "{}: is not a plain file; name the archive that is being made", name);
  }
  if (!is_present(job_path / shard::kPlanName) && !is_present(job_path / shard::kJournalName)) {
    if (exists) fail(ErrorCode::kOutput, "{}: exists already, and there is no unfinished run of it", name);
    fail(ErrorCode::kInput, "{}: no run has begun; begin with 'fz-dist compress INPUT... -o {} --shard 1/N'",
         display_text(job_path.native()), name);
  }
  JobDirectory directory(job_path);
  if (exists && is_merged(job_path, request.output)) {
    const shard::ArchiveReader reader(request.output);
    directory.remove();
    return {reader.footer().corpus_bytes, reader.archive_bytes()};
  }
  require_free_output(request.output, request.force);
  const shard::Plan plan = shard::read_plan(job_path);
  const FinishedBlocks finished = find_finished_blocks(directory, plan, {}, request.warn);
  if (const std::size_t all = plan.blocks.size(); finished.size() < all) {
    fail(ErrorCode::kInput, "{}: {} of {} blocks are missing: {}", name, all - finished.size(), all,
         missing_blocks_remedy(directory, plan, finished));
  }
  Journal journal(job_path / shard::kJournalName, shard::plan_check(plan));
  return merge_blocks(directory, journal, plan, finished, request.output, request.force);
}

}  // namespace fz::coordinator
