#include "coordinator/restore_target.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/display.h"
#include "base/interruption.h"

namespace fz::coordinator {
namespace {

using shard::FileEntry;
using shard::FileType;

/// A directory below a target, opened component by component so that no link is followed. Empty descriptor (-1) when it
/// is missing.
class DirectoryWalk {
 public:
  DirectoryWalk(const std::filesystem::path& root, std::string_view relative)
      : descriptor_(open_at(AT_FDCWD, root.c_str(), 0)) {
    while (!relative.empty() && descriptor_ >= 0) {
      const std::size_t end = std::min(relative.find('/'), relative.size());
      const int next = open_at(descriptor_, std::string(relative.substr(0, end)).c_str(), O_NOFOLLOW);
      const int error = errno;
      ::close(descriptor_);
      errno = error;
      descriptor_ = next;
      relative.remove_prefix(std::min(end + 1, relative.size()));
    }
  }
  ~DirectoryWalk() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  DirectoryWalk(const DirectoryWalk&) = delete;
  DirectoryWalk& operator=(const DirectoryWalk&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  static int open_at(int directory, const char* name, int flags) {
    return ::openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
  }
  int descriptor_;
};

std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string name_of(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

bool is_below(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/';
}

timespec change_time(const FileEntry& entry) {
  return {static_cast<time_t>(entry.mtime_seconds), static_cast<long>(entry.mtime_nanoseconds)};
}

void set_times_at(int directory, const char* name, const FileEntry& entry, const std::filesystem::path& shown) {
  const timespec times[2] = {{0, UTIME_OMIT}, change_time(entry)};
  if (::utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW) != 0) cannot(ErrorCode::kOutput, "set the time", shown);
}

bool is_working_directory(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::equivalent(path, ".", error) && !error;
}

}  // namespace

RestoreTarget::RestoreTarget(const std::filesystem::path& target, std::vector<const FileEntry*> entries,
                             const RestoreTargetOptions& options)
    : target_(target), entries_(std::move(entries)), options_(options) {
  std::error_code error;
  const auto status = std::filesystem::status(target_, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    std::filesystem::create_directories(target_, error);
    if (error)
      fail(ErrorCode::kOutput, "{}: cannot create directory: {}", display_text(target_.native()), error.message());
    made_target_ = true;
  } else if (status.type() != std::filesystem::file_type::directory) {
    fail(ErrorCode::kOutput, "{}: not a directory; name one with -o", display_text(target_.native()));
  }
  try {
    if (options_.resume) staging_ = StagingDirectory::adopt(target_, options_.identity);
    is_prepared_ = staging_.has_value();  // what is adopted was, and is never thrown away here
    // What is complete has begun to get its names: they are there.
    if (!made_target_ && !(staging_ && is_complete())) check_target();
    if (!options_.resume) StagingDirectory::remove_abandoned(target_, options_.identity);
    if (!staging_) staging_ = StagingDirectory::create(target_, options_.identity);
    if (options_.resume && !staging_->is_private()) {
      fail(ErrorCode::kOutput,
           "{}: others could write into what is made here, so that nothing could be continued; restore without "
           "--continue, or into another file system",
           display_text(target_.native()));
    }
  } catch (...) {
    abandon();
    throw;
  }
}

RestoreTarget::~RestoreTarget() {
  abandon();
}

void RestoreTarget::abandon() noexcept {
  if (keeps_staging()) return;
  if (staging_) staging_->remove();
  staging_.reset();
  if (made_target_) ::rmdir(target_.c_str());
}

void RestoreTarget::check_target() {
  if (options_.force) {
    move_into_place(false);
    return;
  }
  if (!is_working_directory(target_)) {
    check_is_empty();
    return;
  }
  for (const FileEntry* entry : entries_) {
    if (entry->path.find('/') != std::string::npos || !is_present(target_ / entry->path)) continue;
    fail(ErrorCode::kOutput, "{}: exists already; pass --force to replace files, or another directory with -o",
         display_text((target_ / entry->path).native()));
  }
}

/// But for what an earlier run has left, which is removed later.
void RestoreTarget::check_is_empty() const {
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(target_, error)) {
    if (staging_ && item.path().filename() == staging_->name()) continue;
    if (item.path().filename().native().starts_with(kStagingPrefix)) {
      if (StagingDirectory::is_abandoned(item.path(), options_.identity)) continue;
      fail(ErrorCode::kOutput,
           "{}: the directory is not empty: {} is another restore's, unfinished or at work; finish it, remove it, or "
           "restore into another directory",
           display_text(target_.native()), display_text(item.path().filename().native()));
    }
    fail(ErrorCode::kOutput,
         "{}: the directory is not empty; pass --force to replace files in it, or name another with -o",
         display_text(target_.native()));
  }
  if (error) fail(ErrorCode::kOutput, "{}: cannot read: {}", display_text(target_.native()), error.message());
}

void RestoreTarget::prepare() {
  if (!is_complete()) staging_->make_tree(entries_);
  is_prepared_ = true;
}

void RestoreTarget::publish() {
  if (!is_complete()) {
    finish_entries();
    staging_->lock().sync_filesystem();
    throw_if_interrupted();
    staging_->mark_publishing();
  }
  move_into_place(true);
  finish_directories();
  staging_->remove();
  staging_.reset();
  made_target_ = false;
  File::open_for_reading(target_).sync_filesystem();
}

void RestoreTarget::finish_entries() const {
  for (const FileEntry* entry : entries_) {
    const std::filesystem::path path = staging_->tree() / entry->path;
    if (entry->type == FileType::kDirectory) continue;
    if (entry->type == FileType::kSymlink) {
      if (::symlink(entry->target.c_str(), path.c_str()) != 0) cannot(ErrorCode::kOutput, "create link", path);
    } else if (::chmod(path.c_str(), entry->mode) != 0) {
      cannot(ErrorCode::kOutput, "set the mode", path);
    }
    set_times_at(AT_FDCWD, path.c_str(), *entry, path);
  }
}

void RestoreTarget::move_into_place(bool moving) {
  std::string_view moved;  // the directory moved last, with all below it
  for (const FileEntry* entry : entries_) {
    const std::string_view path = entry->path;
    if (!moved.empty() && is_below(path, moved)) continue;
    const std::filesystem::path staged = staging_ ? staging_->tree() / entry->path : std::filesystem::path();
    if (moving && is_complete() && !is_present(staged)) {
      require_moved(*entry);  // by the earlier run
      continue;
    }
    const std::filesystem::path shown = target_ / entry->path;
    const DirectoryWalk parent(target_, parent_of(path));
    if (parent.descriptor() < 0) cannot(ErrorCode::kOutput, "open its directory", shown);
    const std::string name = name_of(path);
    const bool is_directory = entry->type == FileType::kDirectory;
    struct stat status;
    const bool present = ::fstatat(parent.descriptor(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (!present && errno != ENOENT) cannot(ErrorCode::kOutput, "examine", shown);
    if (present && is_directory && S_ISDIR(status.st_mode)) {
      present_.insert(entry);
      if (options_.force) continue;  // what is in it comes one by one
      fail(ErrorCode::kOutput, "{}: exists already", display_text(shown.native()));
    }
    if (present && (is_directory || S_ISDIR(status.st_mode))) {
      fail(ErrorCode::kOutput, "{}: exists and {} a directory, in the archive it {}; remove or rename it first",
           display_text(shown.native()), S_ISDIR(status.st_mode) ? "is" : "is not", is_directory ? "is" : "is not");
    }
    // Also where a rename cannot be told to spare what is there.
    if (present && !options_.force) fail(ErrorCode::kOutput, "{}: exists already", display_text(shown.native()));
    if (is_directory) moved = path;
    if (!moving) continue;
    const unsigned flags = options_.force ? 0 : RENAME_NOREPLACE;
    int result = ::renameat2(AT_FDCWD, staged.c_str(), parent.descriptor(), name.c_str(), flags);
    if (result != 0 && flags != 0 && (errno == EINVAL || errno == ENOSYS)) {  // a file system without the flag
      result = ::renameat(AT_FDCWD, staged.c_str(), parent.descriptor(), name.c_str());
    }
    if (result != 0) cannot(ErrorCode::kOutput, "rename into place", shown);
  }
}

void RestoreTarget::require_moved(const FileEntry& entry) const {
  const DirectoryWalk parent(target_, parent_of(entry.path));
  // The earlier run may even have come to setting the modes of directories.
  if (parent.descriptor() < 0 && errno == EACCES) return;
  struct stat status;
  const bool present = parent.descriptor() >= 0 &&
                       ::fstatat(parent.descriptor(), name_of(entry.path).c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  const bool fits =
      present && (entry.type == FileType::kDirectory ? S_ISDIR(status.st_mode)
                  : entry.type == FileType::kSymlink
                      ? S_ISLNK(status.st_mode)
                      : S_ISREG(status.st_mode) && static_cast<std::uint64_t>(status.st_size) == entry.raw_bytes);
  if (fits) return;
  fail(ErrorCode::kOutput,
       "{}: was restored by the interrupted run and is gone or changed; remove what is in {} and restore again",
       display_text((target_ / entry.path).native()), display_text(target_.native()));
}

/// Last and from the inside out: moving things into a directory changes its time, and its mode may forbid it.
void RestoreTarget::finish_directories() const {
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if ((*entry)->type != FileType::kDirectory) continue;
    if (present_.contains(*entry) && options_.mere_parents.contains(*entry)) continue;
    const std::filesystem::path shown = target_ / (*entry)->path;
    const DirectoryWalk directory(target_, (*entry)->path);
    // The earlier run had finished one around it.
    if (directory.descriptor() < 0 && errno == EACCES && is_complete()) continue;
    if (directory.descriptor() < 0) cannot(ErrorCode::kOutput, "open", shown);
    const timespec times[2] = {{0, UTIME_OMIT}, change_time(**entry)};
    if (::futimens(directory.descriptor(), times) != 0) cannot(ErrorCode::kOutput, "set the time", shown);
    if (::fchmod(directory.descriptor(), (*entry)->mode) != 0) cannot(ErrorCode::kOutput, "set the mode", shown);
  }
}

}  // namespace fz::coordinator
