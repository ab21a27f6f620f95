#include "base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "base/display.h"

namespace fz {
namespace {

std::string reason() {
  return std::generic_category().message(errno);
}

int open_or_fail(const std::filesystem::path& path, int flags, ErrorCode code, const char* verb) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  if (descriptor < 0) fail(code, "{}: cannot {}: {}", path.string(), verb, reason());
  return descriptor;
}

std::filesystem::path parent_directory(const std::filesystem::path& path) {
  const std::filesystem::path parent = path.parent_path();
  return parent.empty() ? std::filesystem::path(".") : parent;
}

}  // namespace

File File::open_for_reading(const std::filesystem::path& path, bool follow_symlink) {
  const int flags = O_RDONLY | (follow_symlink ? 0 : O_NOFOLLOW);
  return {open_or_fail(path, flags, ErrorCode::kInput, "open"), path};
}

File File::create(const std::filesystem::path& path) {
  return {open_or_fail(path, O_RDWR | O_CREAT | O_EXCL, ErrorCode::kOutput, "create"), path};
}

File File::open_for_appending(const std::filesystem::path& path) {
  return {open_or_fail(path, O_RDWR | O_CREAT | O_APPEND, ErrorCode::kOutput, "open for appending"), path};
}

File File::open_for_update(const std::filesystem::path& path) {
  return {open_or_fail(path, O_RDWR | O_NOFOLLOW, ErrorCode::kOutput, "open for writing"), path};
}

File::File(File&& other) noexcept : descriptor_(other.descriptor_), path_(std::move(other.path_)) {
  other.descriptor_ = -1;
}

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = other.descriptor_;
    path_ = std::move(other.path_);
    other.descriptor_ = -1;
  }
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::uint64_t File::size_bytes() const {
  struct stat status;
  if (::fstat(descriptor_, &status) != 0) fail(ErrorCode::kInput, "{}: cannot stat: {}", path_.string(), reason());
  return static_cast<std::uint64_t>(status.st_size);
}

void File::read_at(std::uint64_t offset_bytes, std::uint8_t* target, std::size_t size_bytes) const {
  while (size_bytes > 0) {
    const ssize_t count = ::pread(descriptor_, target, size_bytes, static_cast<off_t>(offset_bytes));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(ErrorCode::kInput, "{}: offset {}: cannot read: {}", path_.string(), offset_bytes, reason());
    if (count == 0) {
      fail(ErrorCode::kInput, "{}: offset {}: file ends {} bytes early", path_.string(), offset_bytes, size_bytes);
    }
    target += count;
    offset_bytes += static_cast<std::uint64_t>(count);
    size_bytes -= static_cast<std::size_t>(count);
  }
}

Bytes File::read_at(std::uint64_t offset_bytes, std::size_t size_bytes) const {
  Bytes bytes(size_bytes);
  read_at(offset_bytes, bytes.data(), size_bytes);
  return bytes;
}

void File::write_at(std::uint64_t offset_bytes, ByteSpan bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset_bytes));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(ErrorCode::kOutput, "{}: offset {}: cannot write: {}", path_.string(), offset_bytes, reason());
    offset_bytes += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void File::append(ByteSpan bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(ErrorCode::kOutput, "{}: cannot write: {}", path_.string(), reason());
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void File::truncate(std::uint64_t size_bytes) const {
  if (::ftruncate(descriptor_, static_cast<off_t>(size_bytes)) != 0) {
    fail(ErrorCode::kOutput, "{}: cannot set size to {}: {}", path_.string(), size_bytes, reason());
  }
}

void File::sync() const {
  if (::fsync(descriptor_) != 0) fail(ErrorCode::kOutput, "{}: cannot sync: {}", path_.string(), reason());
}

void File::sync_filesystem() const {
  if (::syncfs(descriptor_) != 0) fail(ErrorCode::kOutput, "{}: cannot sync: {}", path_.string(), reason());
}

void File::drop_cached(std::uint64_t offset_bytes, std::uint64_t size_bytes) const {
  // Advice: where the system cannot follow it, nothing is lost.
  (void)::posix_fadvise(descriptor_, static_cast<off_t>(offset_bytes), static_cast<off_t>(size_bytes),
                        POSIX_FADV_DONTNEED);
}

bool File::try_lock(LockKind kind) const {
  const int operation = (kind == LockKind::kExclusive ? LOCK_EX : LOCK_SH) | LOCK_NB;
  while (::flock(descriptor_, operation) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) fail(ErrorCode::kOutput, "{}: cannot lock: {}", path_.string(), reason());
  }
  return true;
}

void File::close() {
  if (descriptor_ < 0) return;
  const int descriptor = descriptor_;
  descriptor_ = -1;
  if (::close(descriptor) != 0) fail(ErrorCode::kOutput, "{}: cannot close: {}", path_.string(), reason());
}

bool is_present(const std::filesystem::path& path) {
  struct stat status;
  // A name that is too long for the file system is nobody's.
  return ::lstat(path.c_str(), &status) == 0 || (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG);
}

bool is_plain_file(const std::filesystem::path& path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

void cannot(ErrorCode code, const char* verb, const std::filesystem::path& path) {
  const std::string why = reason();
  fail(code, "{}: cannot {}: {}", display_text(path.native()), verb, why);
}

Bytes read_file(const std::filesystem::path& path, std::uint64_t limit_bytes) {
  const File file = File::open_for_reading(path);
  const std::uint64_t size_bytes = file.size_bytes();
  if (size_bytes > limit_bytes) {
    fail(ErrorCode::kInput, "{}: {} bytes, at most {} are accepted", path.string(), size_bytes, limit_bytes);
  }
  return file.read_at(0, size_bytes);
}

void replace_file(const std::filesystem::path& path, ByteSpan bytes) {
  const std::filesystem::path temporary = path.string() + fmt::format(".tmp-{}", ::getpid());
  ::unlink(temporary.c_str());  // of a process that was killed: in containers numbers come again
  try {
    File file = File::create(temporary);
    file.append(bytes);
    file.sync();
    file.close();
    rename_durably(temporary, path);
  } catch (const Error&) {
    ::unlink(temporary.c_str());
    throw;
  }
}

bool create_file_once(const std::filesystem::path& path, ByteSpan bytes, const std::filesystem::path& temporary) {
  ::unlink(temporary.c_str());
  File file = File::create(temporary);
  file.append(bytes);
  file.sync();
  file.close();
  // A hard link, because file systems shared by nodes know no rename that spares an existing target.
  bool created = ::link(temporary.c_str(), path.c_str()) == 0;
  if (!created && errno != EEXIST) {
    // No hard links here: a check and a rename leave a small gap, but nothing better is to be had.
    created = !is_present(path);
    if (created) rename_durably(temporary, path);
  }
  ::unlink(temporary.c_str());
  sync_directory(parent_directory(path));
  return created;
}

void sync_directory(const std::filesystem::path& path) {
  const File directory = File::open_for_reading(path);
  directory.sync();
}

void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    fail(ErrorCode::kOutput, "{}: cannot rename to {}: {}", from.string(), to.string(), reason());
  }
  sync_directory(parent_directory(to));
}

void rename_durably_without_replacing(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0) {
    if (errno == EEXIST) fail(ErrorCode::kOutput, "{}: exists already", to.string());
    if (errno != EINVAL && errno != ENOSYS) {
      fail(ErrorCode::kOutput, "{}: cannot rename to {}: {}", from.string(), to.string(), reason());
    }
    // The file system lacks the flag: a check and a rename leave a small gap, but nothing better is to be had.
    if (is_present(to)) fail(ErrorCode::kOutput, "{}: exists already", to.string());
    if (::rename(from.c_str(), to.c_str()) != 0) {
      fail(ErrorCode::kOutput, "{}: cannot rename to {}: {}", from.string(), to.string(), reason());
    }
  }
  sync_directory(parent_directory(to));
}

}  // namespace fz
