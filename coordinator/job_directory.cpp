#include "coordinator/job_directory.h"

#include <sys/stat.h>

#include "base/display.h"
#include "shard/shard_file.h"

namespace fz::coordinator {
namespace {

/// A file that a run of ours left, whole or half-written ("plan.tmp-123").
bool is_job_file(const std::string& name) {
  for (const char* ours : {shard::kLockName, shard::kPlanName, shard::kJournalName, shard::kMergedName}) {
    if (name == ours || name.starts_with(std::string(ours) + ".tmp-")) return true;
  }
  return name.starts_with("shard-");
}

/// Somebody's directory may have our name by chance: it is never emptied.
void refuse_foreign_files(const std::filesystem::path& directory) {
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(directory, error)) {
    if (is_job_file(item.path().filename().string()) && !item.is_directory(error)) continue;
    fail(ErrorCode::kOutput, "{}: is not the directory of an unfinished run; rename it, or name another output with -o",
         display_text(directory.native()));
  }
}

/// Removes our files but those called `keep`.
void remove_files(const std::filesystem::path& directory, std::initializer_list<const char*> keep) {
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(directory, error)) {
    const std::string name = item.path().filename().string();
    bool kept = !is_job_file(name);
    for (const char* other : keep) kept = kept || name == other;
    if (!kept) std::filesystem::remove(item.path(), error);
  }
}

}  // namespace

JobDirectory::JobDirectory(std::filesystem::path path) : path_(std::move(path)) {
  for (;;) {
    std::error_code error;
    std::filesystem::create_directory(path_, error);
    if (error) fail(ErrorCode::kOutput, "{}: cannot create directory: {}", path_.string(), error.message());
    refuse_foreign_files(path_);
    lock_ = File::open_for_appending(path_ / shard::kLockName);
    if (!lock_.try_lock()) {
      fail(ErrorCode::kLaunch, "{}: another run is making this archive; wait for it or stop it", path_.string());
    }
    // The run before may have removed the directory between our open and our lock; then the lock is of a file that
    // nobody sees.
    struct stat named;
    struct stat locked;
    if (::stat((path_ / shard::kLockName).c_str(), &named) == 0 && ::fstat(lock_.descriptor(), &locked) == 0 &&
        named.st_ino == locked.st_ino && named.st_dev == locked.st_dev) {
      break;
    }
  }
  sync_directory(path_.has_parent_path() ? path_.parent_path() : std::filesystem::path("."));
}

void JobDirectory::clear() {
  remove_files(path_, {shard::kLockName});
}

void JobDirectory::remove() {
  remove_files(path_, {shard::kLockName, shard::kPlanName, shard::kJournalName});
  remove_files(path_, {shard::kJournalName});
  remove_files(path_, {});
  std::error_code error;
  std::filesystem::remove(path_, error);
}

}  // namespace fz::coordinator
