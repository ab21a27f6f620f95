// Faults of a machine, preloaded into the program under test: it dies at a write, a write tears, the disk fills, the
// power goes and takes what was not synced. Counts the calls that change files under one directory; the fault comes at
// the N-th. The program itself knows nothing of it.
//
//   FZ_FAULT_UNDER  the directory, absolute       FZ_FAULT_AT    which call, from 1; 0: only count
//   FZ_FAULT_KIND   kill, torn, full, power       FZ_FAULT_SEED  what survives a power loss
//   FZ_FAULT_COUNT  file that gets the number of calls at the end
//   FZ_FAULT_IGNORE_SYNC  syncing does nothing: a campaign that does not notice that is worth nothing
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace {

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}
#define FZ_REAL(name) static auto* const real_##name = real<decltype(::name)>(#name)

enum class Kind { kNone, kKill, kTorn, kFull, kPower };

/// A change of a directory that was not synced, and what undoes it.
struct DirectoryChange {
  enum class What { kCreate, kMakeDirectory, kRemove, kRemoveDirectory, kRename } what;
  std::string path;
  std::string from;    ///< Of a rename.
  std::string backup;  ///< A link to what the change removed or replaced; empty if nothing.
};

std::string text_of(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_there(const std::string& path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0;
}

std::string parent_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

class Faults {
 public:
  Faults() : under_(text_of("FZ_FAULT_UNDER")), at_(std::atol(text_of("FZ_FAULT_AT").c_str())) {
    const std::string kind = text_of("FZ_FAULT_KIND");
    if (kind == "kill") kind_ = Kind::kKill;
    if (kind == "torn") kind_ = Kind::kTorn;
    if (kind == "full") kind_ = Kind::kFull;
    if (kind == "power") kind_ = Kind::kPower;
    ignores_sync_ = !text_of("FZ_FAULT_IGNORE_SYNC").empty();
    random_.seed(static_cast<unsigned>(std::atol(text_of("FZ_FAULT_SEED").c_str())));
  }
  ~Faults() {
    const std::string path = text_of("FZ_FAULT_COUNT");
    if (path.empty()) return;
    if (std::FILE* const file = std::fopen(path.c_str(), "w")) {
      std::fprintf(file, "%ld\n", count_);
      std::fclose(file);
    }
  }

  std::recursive_mutex& mutex() { return mutex_; }

  /// The absolute path, if it lies in the directory; else empty.
  std::string watched(int directory, const char* path) const {
    if (path == nullptr || under_.empty()) return {};
    std::string full = path;
    if (full.empty() || full[0] != '/') {
      char base[PATH_MAX];
      if (directory == AT_FDCWD) {
        if (::getcwd(base, sizeof(base)) == nullptr) return {};
        full = std::string(base) + "/" + full;
      } else {
        full = watched_descriptor(directory) + "/" + full;
      }
    }
    return full.starts_with(under_ + "/") ? full : "";
  }
  std::string watched_descriptor(int descriptor) const {
    char path[PATH_MAX];
    const ssize_t size = ::readlink(("/proc/self/fd/" + std::to_string(descriptor)).c_str(), path, sizeof(path) - 1);
    if (size <= 0 || under_.empty()) return {};
    const std::string full(path, static_cast<std::size_t>(size));
    return full == under_ || full.starts_with(under_ + "/") ? full : "";
  }

  /// Before a call that changes something. True: it must fail for want of space.
  bool before_change(bool needs_space) {
    ++count_;
    if (at_ == 0 || count_ < at_) return false;
    if (kind_ == Kind::kFull) return needs_space;
    if (count_ > at_ || kind_ == Kind::kNone) return false;
    if (kind_ == Kind::kPower) lose_power();
    if (kind_ == Kind::kTorn && needs_space) return false;  // the write itself is torn
    die();
  }
  bool tears_now() const { return kind_ == Kind::kTorn && count_ == at_; }
  [[noreturn]] static void die() {
    std::raise(SIGKILL);
    std::abort();
  }

  void note_written(const std::string& path, std::uint64_t size_before) { synced_.try_emplace(path, size_before); }
  void note_change(DirectoryChange change) { changes_.push_back(std::move(change)); }
  void note_renamed(const std::string& from, const std::string& to) {
    const auto file = synced_.extract(from);
    if (!file.empty()) synced_[to] = file.mapped();
  }
  void note_synced(const std::string& path) {
    if (ignores_sync_) return;
    struct stat status;
    if (::stat(path.c_str(), &status) != 0) return;
    if (S_ISDIR(status.st_mode)) {
      std::erase_if(changes_, [&](const DirectoryChange& change) { return parent_of(change.path) == path; });
    } else {
      synced_[path] = static_cast<std::uint64_t>(status.st_size);
    }
  }
  void note_all_synced() {
    if (ignores_sync_) return;
    changes_.clear();
    synced_.clear();
  }

  /// A link by which a file that is about to go can be brought back.
  std::string keep(const std::string& path) {
    struct stat status;
    if (kind_ != Kind::kPower || ::lstat(path.c_str(), &status) != 0 || S_ISDIR(status.st_mode)) return {};
    const std::string backup = under_ + "-kept-" + std::to_string(::getpid()) + "-" + std::to_string(count_);
    return ::link(path.c_str(), backup.c_str()) == 0 ? backup : "";
  }

 private:
  /// Of what was not synced, the directories keep the first so many changes, files a part of what was written: cut off,
  /// or as zeros.
  void lose_power() {
    for (const auto& [path, synced_bytes] : synced_) {
      struct stat status;
      if (::stat(path.c_str(), &status) != 0 || static_cast<std::uint64_t>(status.st_size) <= synced_bytes) continue;
      const std::uint64_t lost_bytes = static_cast<std::uint64_t>(status.st_size) - synced_bytes;
      const std::uint64_t end = synced_bytes + random_() % (lost_bytes + 1);
      if (::truncate(path.c_str(), static_cast<off_t>(end)) != 0) std::abort();
      if (random_() % 3 == 0 && ::truncate(path.c_str(), status.st_size) != 0) std::abort();
    }
    std::size_t kept = changes_.empty() ? 0 : random_() % (changes_.size() + 1);
    for (; changes_.size() > kept; changes_.pop_back()) undo(changes_.back());
    die();
  }

  static void undo(const DirectoryChange& change) {
    using What = DirectoryChange::What;
    FZ_REAL(rename);
    FZ_REAL(unlink);
    FZ_REAL(rmdir);
    FZ_REAL(mkdir);
    if (change.what == What::kCreate) real_unlink(change.path.c_str());
    if (change.what == What::kMakeDirectory) real_rmdir(change.path.c_str());
    if (change.what == What::kRemoveDirectory) real_mkdir(change.path.c_str(), 0777);
    if (change.what == What::kRename) real_rename(change.path.c_str(), change.from.c_str());
    if (!change.backup.empty()) real_rename(change.backup.c_str(), change.path.c_str());
  }

  const std::string under_;
  const long at_;
  Kind kind_ = Kind::kNone;
  bool ignores_sync_ = false;
  std::recursive_mutex mutex_;
  std::mt19937 random_;
  long count_ = 0;
  std::map<std::string, std::uint64_t> synced_;  ///< How much of a written file would survive.
  std::vector<DirectoryChange> changes_;         ///< Not synced, in order.
};

Faults& faults() {
  static Faults instance;
  return instance;
}

using What = DirectoryChange::What;

/// Runs a change of a directory: counted, failed or noted.
template <class Call>
int change_directory(What what, const std::string& path, const std::string& from, bool needs_space, const Call& call) {
  const std::lock_guard lock(faults().mutex());
  if (path.empty()) return call();
  if (faults().before_change(needs_space)) {
    errno = ENOSPC;
    return -1;
  }
  const bool removes = what == What::kRemove || what == What::kRename;
  const std::string backup = removes ? faults().keep(path) : "";
  const int result = call();
  if (result != 0) {
    const int error = errno;
    if (!backup.empty()) real<decltype(::unlink)>("unlink")(backup.c_str());
    errno = error;
    return result;
  }
  if (what == What::kRename) faults().note_renamed(from, path);
  faults().note_change({what, path, from, backup});
  return result;
}

template <class Call>
int open_file(int directory, const char* path, int flags, const Call& call) {
  const std::lock_guard lock(faults().mutex());
  const std::string watched = (flags & O_CREAT) != 0 ? faults().watched(directory, path) : "";
  if (watched.empty() || is_there(watched)) return call();
  if (faults().before_change(true)) {
    errno = ENOSPC;
    return -1;
  }
  if (faults().tears_now()) Faults::die();
  const int descriptor = call();
  if (descriptor >= 0) {
    faults().note_written(watched, 0);
    faults().note_change({What::kCreate, watched, "", ""});
  }
  return descriptor;
}

template <class Call>
ssize_t write_file(int descriptor, std::size_t size_bytes, const Call& call) {
  const std::lock_guard lock(faults().mutex());
  const std::string path = faults().watched_descriptor(descriptor);
  if (path.empty()) return call(size_bytes);
  if (faults().before_change(true)) {
    errno = ENOSPC;
    return -1;
  }
  struct stat status;
  if (::fstat(descriptor, &status) == 0) faults().note_written(path, static_cast<std::uint64_t>(status.st_size));
  if (!faults().tears_now()) return call(size_bytes);
  call(size_bytes / 2);
  Faults::die();
}

template <class Call>
int sync_file(int descriptor, bool all, const Call& call) {
  const std::lock_guard lock(faults().mutex());
  const std::string path = faults().watched_descriptor(descriptor);
  if (path.empty()) return call();
  faults().before_change(false);
  if (all) {
    faults().note_all_synced();
  } else {
    faults().note_synced(path);
  }
  return 0;  // the campaign needs no real sync, only the order
}

mode_t mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? static_cast<mode_t>(va_arg(arguments, unsigned)) : 0;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  FZ_REAL(open);
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_file(AT_FDCWD, path, flags, [&] { return real_open(path, flags, mode); });
}

int openat(int directory, const char* path, int flags, ...) {
  FZ_REAL(openat);
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_file(directory, path, flags, [&] { return real_openat(directory, path, flags, mode); });
}

ssize_t write(int descriptor, const void* data, std::size_t size_bytes) {
  FZ_REAL(write);
  return write_file(descriptor, size_bytes, [&](std::size_t count) { return real_write(descriptor, data, count); });
}

ssize_t pwrite(int descriptor, const void* data, std::size_t size_bytes, off_t offset) {
  FZ_REAL(pwrite);
  return write_file(descriptor, size_bytes,
                    [&](std::size_t count) { return real_pwrite(descriptor, data, count, offset); });
}

int fsync(int descriptor) {
  FZ_REAL(fsync);
  return sync_file(descriptor, false, [&] { return real_fsync(descriptor); });
}
int fdatasync(int descriptor) {
  FZ_REAL(fdatasync);
  return sync_file(descriptor, false, [&] { return real_fdatasync(descriptor); });
}
int syncfs(int descriptor) noexcept {
  FZ_REAL(syncfs);
  return sync_file(descriptor, true, [&] { return real_syncfs(descriptor); });
}

int rename(const char* from, const char* to) noexcept {
  FZ_REAL(rename);
  return change_directory(What::kRename, faults().watched(AT_FDCWD, to), faults().watched(AT_FDCWD, from), false,
                          [&] { return real_rename(from, to); });
}
int renameat(int from_directory, const char* from, int to_directory, const char* to) noexcept {
  FZ_REAL(renameat);
  return change_directory(What::kRename, faults().watched(to_directory, to), faults().watched(from_directory, from),
                          false, [&] { return real_renameat(from_directory, from, to_directory, to); });
}
int renameat2(int from_directory, const char* from, int to_directory, const char* to, unsigned flags) noexcept {
  FZ_REAL(renameat2);
  return change_directory(What::kRename, faults().watched(to_directory, to), faults().watched(from_directory, from),
                          false, [&] { return real_renameat2(from_directory, from, to_directory, to, flags); });
}

int unlink(const char* path) noexcept {
  FZ_REAL(unlink);
  return change_directory(What::kRemove, faults().watched(AT_FDCWD, path), "", false,
                          [&] { return real_unlink(path); });
}
int unlinkat(int directory, const char* path, int flags) noexcept {
  FZ_REAL(unlinkat);
  return change_directory((flags & AT_REMOVEDIR) != 0 ? What::kRemoveDirectory : What::kRemove,
                          faults().watched(directory, path), "", false,
                          [&] { return real_unlinkat(directory, path, flags); });
}
int remove(const char* path) noexcept {
  struct stat status;
  const bool is_directory = ::lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
  return is_directory ? rmdir(path) : unlink(path);
}
int mkdir(const char* path, mode_t mode) noexcept {
  FZ_REAL(mkdir);
  const std::string watched = faults().watched(AT_FDCWD, path);
  return change_directory(What::kMakeDirectory, watched.empty() || is_there(watched) ? "" : watched, "", true,
                          [&] { return real_mkdir(path, mode); });
}
int rmdir(const char* path) noexcept {
  FZ_REAL(rmdir);
  return change_directory(What::kRemoveDirectory, faults().watched(AT_FDCWD, path), "", false,
                          [&] { return real_rmdir(path); });
}

}  // extern "C"
