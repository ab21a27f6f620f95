#include "coordinator/job_status.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "coordinator/journal.h"
#include "shard/plan.h"
#include "shard/shard_file.h"

namespace fz::coordinator {
namespace {

/// Takes the lock for a moment: the file system has no gentler question.
Liveness probe(const std::filesystem::path& lock) {
  try {
    return File::open_for_update(lock).try_lock() ? Liveness::kNotRunning : Liveness::kRunning;
  } catch (const Error&) {
    return Liveness::kUnknown;
  }
}

Liveness probe_all(const std::filesystem::path& directory) {
  Liveness liveness = Liveness::kNotRunning;
  for (const shard::JobPart& part : shard::parts_with_file(directory, shard::kLockName)) {
    const Liveness one = probe(directory / shard::name_of_part(shard::kLockName, part));
    if (one == Liveness::kRunning) return one;
    if (one == Liveness::kUnknown) liveness = one;
  }
  return liveness;
}

double seconds_of(const struct statx_timestamp& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// From the creation of the first of these shard files to the last write into any.
std::optional<double> duration_seconds(const std::filesystem::path& directory, const std::set<std::string>& files) {
  std::optional<double> begin;
  std::optional<double> end;
  for (const std::string& file : files) {
    struct statx status;
    const std::filesystem::path path = directory / file;
    if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BTIME | STATX_MTIME, &status) != 0) continue;
    if ((status.stx_mask & STATX_BTIME) == 0) return std::nullopt;
    begin = std::min(begin.value_or(seconds_of(status.stx_btime)), seconds_of(status.stx_btime));
    end = std::max(end.value_or(seconds_of(status.stx_mtime)), seconds_of(status.stx_mtime));
  }
  if (!begin || *end <= *begin) return std::nullopt;
  return *end - *begin;
}

/// Of the last run on each part, together.
std::optional<double> speed_of_last_runs(const std::filesystem::path& directory, const JournalContent& journal,
                                         const shard::Plan& plan) {
  std::map<shard::JobPart, std::uint64_t> last_runs;
  for (const auto& [id, place] : journal.blocks) last_runs[place.part] = std::max(last_runs[place.part], place.run);
  std::uint64_t raw_bytes = 0;
  std::set<std::string> files;
  for (const auto& [id, place] : journal.blocks) {
    if (place.run != last_runs[place.part] || number(id) >= plan.blocks.size()) continue;
    raw_bytes += plan.blocks[number(id)].raw_bytes;
    files.insert(shard::shard_name(place.part, place.run, place.rank));
  }
  const auto seconds = duration_seconds(directory, files);
  if (!seconds || raw_bytes == 0) return std::nullopt;
  return static_cast<double>(raw_bytes) / *seconds;
}

}  // namespace

JobStatus read_job_status(const std::filesystem::path& job_directory) {
  JobStatus status;
  status.liveness = probe_all(job_directory);
  if (!is_plain_file(job_directory / shard::kPlanName)) return status;
  const shard::Plan plan = shard::read_plan(job_directory);
  status.has_plan = true;
  status.total_bytes = plan.corpus_bytes();
  status.total_blocks = plan.blocks.size();
  status.model = plan.model;
  JournalContent all;
  const shard::Check8 plan_check = shard::plan_check(plan);
  for (const shard::JobPart& part : shard::parts_with_file(job_directory, shard::kJournalName)) {
    JournalContent journal = read_journal(job_directory / shard::name_of_part(shard::kJournalName, part), part);
    if (journal.plan_check != plan_check) continue;
    all.runs += journal.runs;
    all.blocks.merge(journal.blocks);
  }
  status.runs = all.runs;
  for (const auto& [id, place] : all.blocks) {
    if (number(id) >= plan.blocks.size()) continue;
    ++status.done_blocks;
    status.done_bytes += plan.blocks[number(id)].raw_bytes;
    status.stored_bytes += place.stored_bytes;
  }
  status.bytes_per_second = speed_of_last_runs(job_directory, all, plan);
  return status;
}

}  // namespace fz::coordinator
