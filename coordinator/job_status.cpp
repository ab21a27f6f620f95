#include "coordinator/job_status.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "base/display.h"
#include "coordinator/journal.h"
#include "shard/plan.h"
#include "shard/shard_file.h"

namespace fz::coordinator {
namespace {

constexpr std::uint64_t kMaxPlanBytes = std::uint64_t{1} << 34;

/// To open anything else might wait for ever.
bool is_regular(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::symlink_status(path, error).type() == std::filesystem::file_type::regular;
}

/// The files of the directory that are called `name`, or `name` and a suffix: each part of a job has its own.
std::vector<std::filesystem::path> files_called(const std::filesystem::path& directory, const std::string& name) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(directory, error)) {
    const std::string found = item.path().filename().string();
    if ((found == name || found.starts_with(name + "-")) && is_regular(item.path())) paths.push_back(item.path());
  }
  if (error) fail(ErrorCode::kInput, "{}: cannot read: {}", display_text(directory.native()), error.message());
  std::sort(paths.begin(), paths.end());
  return paths;
}

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
  for (const std::filesystem::path& lock : files_called(directory, shard::kLockName)) {
    const Liveness one = probe(lock);
    if (one == Liveness::kRunning) return one;
    if (one == Liveness::kUnknown) liveness = one;
  }
  return liveness;
}

double seconds_of(const struct statx_timestamp& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// From the creation of the run's first shard file to the last write into any.
std::optional<double> duration_seconds(const std::filesystem::path& directory, std::uint64_t run,
                                       const std::set<Rank>& ranks) {
  std::optional<double> begin;
  std::optional<double> end;
  for (const Rank rank : ranks) {
    struct statx status;
    const std::filesystem::path path = directory / shard::shard_name(run, rank);
    if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BTIME | STATX_MTIME, &status) != 0) continue;
    if ((status.stx_mask & STATX_BTIME) == 0) return std::nullopt;
    begin = std::min(begin.value_or(seconds_of(status.stx_btime)), seconds_of(status.stx_btime));
    end = std::max(end.value_or(seconds_of(status.stx_mtime)), seconds_of(status.stx_mtime));
  }
  if (!begin || *end <= *begin) return std::nullopt;
  return *end - *begin;
}

std::optional<double> speed_of_last_run(const std::filesystem::path& directory, const JournalContent& journal,
                                        const shard::Plan& plan) {
  std::uint64_t run = 0;
  for (const auto& [id, place] : journal.blocks) run = std::max(run, place.run);
  std::uint64_t raw_bytes = 0;
  std::set<Rank> ranks;
  for (const auto& [id, place] : journal.blocks) {
    if (place.run != run || number(id) >= plan.blocks.size()) continue;
    raw_bytes += plan.blocks[number(id)].raw_bytes;
    ranks.insert(place.rank);
  }
  const auto seconds = duration_seconds(directory, run, ranks);
  if (!seconds || raw_bytes == 0) return std::nullopt;
  return static_cast<double>(raw_bytes) / *seconds;
}

}  // namespace

JobStatus read_job_status(const std::filesystem::path& job_directory) {
  JobStatus status;
  status.liveness = probe_all(job_directory);
  const std::filesystem::path plan_path = job_directory / shard::kPlanName;
  if (!is_regular(plan_path)) return status;
  const shard::Plan plan = shard::parse_plan(read_file(plan_path, kMaxPlanBytes), plan_path.string());
  status.has_plan = true;
  status.total_bytes = plan.corpus_bytes();
  status.total_blocks = plan.blocks.size();
  status.model = plan.model;
  JournalContent all;
  for (const std::filesystem::path& path : files_called(job_directory, shard::kJournalName)) {
    JournalContent journal = read_journal(path);
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
  status.bytes_per_second = speed_of_last_run(job_directory, all, plan);
  return status;
}

}  // namespace fz::coordinator
