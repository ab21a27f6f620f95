#include "coordinator/job_directory.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/display.h"
#include "coordinator/attempts.h"
#include "shard/job_adapter.h"
#include "shard/prediction_log.h"

namespace fz::coordinator {
namespace {

/// A file that a run of ours left, whole or half-written ("plan.tmp-123").
bool is_job_file(const std::string& name) {
  for (const char* ours :
       {shard::kLockName, shard::kPlanName, shard::kJournalName, Attempts::kFileName, shard::kMergedName,
        shard::kAdapterName}) {
    if (name == ours || name.starts_with(std::string(ours) + ".tmp-")) return true;
  }
  return shard::part_of_name(name, shard::kLockName) || shard::part_of_name(name, shard::kJournalName) ||
         name.starts_with(std::string(Attempts::kFileName) + "-") || name.starts_with("shard-") ||
         shard::is_prediction_log(name);
}

/// Somebody's directory may have our name by chance: it is never emptied. Links and pipes are nothing that we made.
void refuse_foreign_files(const std::filesystem::path& directory) {
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(directory, error)) {
    if (!is_job_file(item.path().filename().string())) {
      fail(ErrorCode::kOutput,
           "{}: is not the directory of an unfinished run; rename it, or name another output with -o",
           display_text(directory.native()));
    }
    // Runs on other parts come and go: what is gone by now was theirs.
    const auto type = item.symlink_status(error).type();
    if (type == std::filesystem::file_type::regular || type == std::filesystem::file_type::not_found) continue;
    fail(ErrorCode::kOutput, "{}: is not a plain file, as all files of a run are; remove it",
         display_text(item.path().native()));
  }
}

/// False: somebody removed the file between our open and our lock; then the lock is of a file that nobody sees.
bool is_still_named(const File& file) {
  struct stat named;
  struct stat locked;
  return ::stat(file.path().c_str(), &named) == 0 && ::fstat(file.descriptor(), &locked) == 0 &&
         named.st_ino == locked.st_ino && named.st_dev == locked.st_dev;
}

[[noreturn]] void refuse_second_run(const std::filesystem::path& directory, const File& lock) {
  const bool shards_work = lock.try_lock(LockKind::kShared);
  fail(ErrorCode::kLaunch, "{}: {}", directory.string(),
       shards_work ? "shards of this archive are being made; wait for them or stop them"
                   : "another run is making this archive; wait for it or stop it");
}

}  // namespace

JobDirectory::JobDirectory(std::filesystem::path path, const shard::JobPart& part) : path_(std::move(path)) {
  do {
    std::error_code error;
    std::filesystem::create_directory(path_, error);
    if (error) fail(ErrorCode::kOutput, "{}: cannot create directory: {}", path_.string(), error.message());
    refuse_foreign_files(path_);
    lock_ = File::open_for_appending(path_ / shard::kLockName);
    if (!lock_.try_lock(part ? LockKind::kShared : LockKind::kExclusive)) refuse_second_run(path_, lock_);
  } while (!is_still_named(lock_));
  if (part) {
    part_lock_ = File::open_for_appending(path_ / shard::name_of_part(shard::kLockName, part));
    if (!part_lock_.try_lock()) {
      fail(ErrorCode::kLaunch, "{}: shard {} is being made by another run; wait for it or stop it", path_.string(),
           part_text(*part));
    }
  }
  sync_directory(path_.has_parent_path() ? path_.parent_path() : std::filesystem::path("."));
}

std::vector<std::string> JobDirectory::names() const {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(path_, error)) {
    names.push_back(item.path().filename().string());
  }
  return names;
}

std::uint64_t JobDirectory::last_run(const shard::JobPart& part) const {
  std::uint64_t last = 0;
  for (const std::string& name : names()) last = std::max(last, shard::run_of_shard_name(name, part).value_or(0));
  return last;
}

void JobDirectory::clear() {
  remove_files({shard::kLockName});
}

void JobDirectory::remove() {
  remove_files({shard::kLockName, shard::kPlanName, shard::kJournalName});
  remove_files({shard::kJournalName});
  remove_files({});
  std::error_code error;
  std::filesystem::remove(path_, error);
}

void JobDirectory::remove_files(std::initializer_list<std::string_view> keep) {
  for (const std::string& name : names()) {
    std::error_code error;
    if (is_job_file(name) && std::find(keep.begin(), keep.end(), name) == keep.end()) {
      std::filesystem::remove(path_ / name, error);
    }
  }
}

}  // namespace fz::coordinator
