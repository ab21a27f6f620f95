#include "coordinator/staging_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "base/display.h"
#include "base/interruption.h"
#include "base/log.h"
#include "shard/restore_journal.h"

namespace fz::coordinator {
namespace {

using shard::FileEntry;
using shard::FileType;

constexpr std::string_view kIdentityMagic("FZstag\x00\x01", 8);
constexpr const char* kIdentityName = "identity";
constexpr const char* kPublishingName = "publishing";

/// Everything below becomes removable, then goes.
void remove_tree(const std::filesystem::path& path) noexcept {
  std::error_code error;
  if (std::filesystem::symlink_status(path, error).type() == std::filesystem::file_type::directory) {
    ::chmod(path.c_str(), 0700);
    for (std::filesystem::recursive_directory_iterator item(path, error), end; !error && item != end;
         item.increment(error)) {
      if (item->is_directory(error) && !item->is_symlink(error)) ::chmod(item->path().c_str(), 0700);
    }
  }
  std::filesystem::remove_all(path, error);
}

/// What it is goes last: a kill leaves what is still known to be ours, and whether it was publishing.
void remove_staging(const std::filesystem::path& path) noexcept {
  std::error_code error;
  for (std::filesystem::directory_iterator item(path, error), end; !error && item != end; item.increment(error)) {
    const std::filesystem::path name = item->path().filename();
    if (name != kIdentityName && name != kPublishingName) remove_tree(item->path());
  }
  std::filesystem::remove(path / kIdentityName, error);
  remove_tree(path);
}

std::filesystem::path make_directory(const std::filesystem::path& target) {
  std::string pattern = (target / (std::string(kStagingPrefix) + "XXXXXX")).native();
  if (::mkdtemp(pattern.data()) == nullptr) cannot(ErrorCode::kOutput, "create a directory", target);
  return pattern;
}

/// Real directories only, in the order of their names.
std::vector<std::filesystem::path> candidates(const std::filesystem::path& target) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(target, error)) {
    if (!item.path().filename().native().starts_with(kStagingPrefix)) continue;
    if (item.symlink_status(error).type() == std::filesystem::file_type::directory) paths.push_back(item.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

/// Empty when it is not ours to touch.
std::optional<File> try_open(const std::filesystem::path& path) {
  try {
    return File::open_for_reading(path, false);
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// Whether what lies there can stay for the entry.
bool suits(const std::filesystem::path& path, const FileEntry& entry) {
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0) return false;
  if (entry.type == FileType::kDirectory) return S_ISDIR(status.st_mode);
  // A second name could be that of a file elsewhere. Links are made anew.
  return entry.type == FileType::kRegular && S_ISREG(status.st_mode) && status.st_nlink == 1 &&
         static_cast<std::uint64_t>(status.st_size) == entry.raw_bytes;
}

void make_file(const std::filesystem::path& path, std::uint64_t size_bytes) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (descriptor < 0) cannot(ErrorCode::kOutput, "create", path);
  const bool sized = size_bytes == 0 || ::ftruncate(descriptor, static_cast<off_t>(size_bytes)) == 0;
  const int error = errno;
  ::close(descriptor);
  errno = error;
  if (!sized) cannot(ErrorCode::kOutput, "set the size", path);
}

}  // namespace

StagingDirectory::StagingDirectory(std::filesystem::path path, const Hash& identity)
    : path_(std::move(path)), identity_(identity) {}

StagingDirectory StagingDirectory::create(const std::filesystem::path& target, const Hash& identity) {
  StagingDirectory staging(make_directory(target), identity);
  try {
    staging.lock_ = File::open_for_reading(staging.path_, false);
    if (!staging.lock_.try_lock()) fail(ErrorCode::kOutput, "{}: cannot lock", staging.path_.native());
    replace_file(staging.path_ / kIdentityName, staging.identity_bytes());
  } catch (...) {
    staging.remove();
    throw;
  }
  return staging;
}

std::optional<StagingDirectory> StagingDirectory::adopt(const std::filesystem::path& target, const Hash& identity) {
  std::optional<StagingDirectory> adopted;
  for (const std::filesystem::path& path : candidates(target)) {
    std::optional<File> directory = try_open(path);
    if (!directory) continue;
    StagingDirectory found(path, identity);
    found.lock_ = std::move(*directory);
    const bool is_abandoned = found.lock_.try_lock();
    const Fit fit = found.fit();
    if (!is_abandoned && fit == Fit::kSame) {
      fail(ErrorCode::kLaunch, "{}: another run is restoring into it; wait for it or stop it",
           display_text(target.native()));
    }
    if (!is_abandoned) continue;
    if (fit == Fit::kBegun) found.remove();
    if (fit == Fit::kOpen) {
      fail(ErrorCode::kOutput,
           "{}: an unfinished restore that belongs to another user, or that others could have written into; continue "
           "it as its owner, remove it, or restore into another directory",
           display_text(path.native()));
    }
    if (fit == Fit::kOther) {
      fail(ErrorCode::kOutput,
           "{}: holds an unfinished restore of another archive or of other files; finish it with its own command, "
           "remove it, or restore into another directory",
           display_text(path.native()));
    }
    if (fit == Fit::kSame && !adopted) adopted.emplace(std::move(found));
  }
  if (!adopted) return adopted;
  // A rank of the earlier run may still be alive: under a new name it does not find what it writes to.
  const std::filesystem::path renamed = make_directory(target);
  if (::rename(adopted->path_.c_str(), renamed.c_str()) != 0) cannot(ErrorCode::kOutput, "rename", adopted->path_);
  adopted->path_ = renamed;
  adopted->is_adopted_ = true;
  adopted->is_publishing_ = adopted->holds_identity(kPublishingName);
  log_line(LogLevel::kInfo, "continues the restore in {}", renamed.native());
  return adopted;
}

std::optional<StagingDirectory> StagingDirectory::open_abandoned(const std::filesystem::path& path,
                                                                 const Hash& identity) {
  std::optional<File> directory = try_open(path);
  if (!directory || !directory->try_lock()) return std::nullopt;
  StagingDirectory found(path, identity);
  found.lock_ = std::move(*directory);
  const Fit fit = found.fit();
  if (fit != Fit::kSame && fit != Fit::kBegun) return std::nullopt;
  return found;
}

bool StagingDirectory::is_abandoned(const std::filesystem::path& path, const Hash& identity) {
  return open_abandoned(path, identity).has_value();
}

void StagingDirectory::remove_abandoned(const std::filesystem::path& target, const Hash& identity) {
  for (const std::filesystem::path& path : candidates(target)) {
    if (std::optional<StagingDirectory> found = open_abandoned(path, identity)) found->remove();
  }
}

std::filesystem::path StagingDirectory::tree() const {
  return path_ / shard::kTreeName;
}

/// The directory's own number is part of it: a copy, or what an archive restored under such a name, is not taken for
/// the real thing.
Bytes StagingDirectory::identity_bytes() const {
  struct stat status;
  if (::fstat(lock_.descriptor(), &status) != 0) cannot(ErrorCode::kOutput, "examine", path_);
  ByteWriter bound;
  bound.write_bytes(identity_);
  bound.write(static_cast<std::uint64_t>(status.st_ino));
  ByteWriter writer;
  writer.write_bytes(as_byte_span(kIdentityMagic));
  writer.write_bytes(hash_bytes(bound.bytes()));
  return writer.take();
}

StagingDirectory::Fit StagingDirectory::fit() const {
  const std::filesystem::path path = path_ / kIdentityName;
  if (!is_present(path)) return is_hardly_begun() ? Fit::kBegun : Fit::kForeign;
  const std::optional<File> file = is_plain_file(path) ? try_open(path) : std::nullopt;
  if (!file || file->size_bytes() != identity_bytes().size() ||
      as_string_view(file->read_at(0, kIdentityMagic.size())) != kIdentityMagic) {
    return Fit::kForeign;
  }
  if (!is_private()) return Fit::kOpen;
  return holds_identity(kIdentityName) ? Fit::kSame : Fit::kOther;
}

bool StagingDirectory::is_private() const {
  struct stat status;
  return ::fstat(lock_.descriptor(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() &&
         (status.st_mode & 077) == 0;
}

/// Killed before its identity had its name, or when all but a mark was gone again.
bool StagingDirectory::is_hardly_begun() const {
  if (!is_private()) return false;
  std::error_code error;
  const std::filesystem::directory_iterator items(path_, error);
  return !error && std::all_of(begin(items), end(items), [](const auto& item) {
    const std::string name = item.path().filename().native();
    return name == kPublishingName || name.starts_with(std::string(kIdentityName) + ".tmp-");
  });
}

bool StagingDirectory::holds_identity(const char* name) const {
  const std::filesystem::path path = path_ / name;
  if (!is_plain_file(path)) return false;
  const File file = File::open_for_reading(path, false);
  const Bytes expected = identity_bytes();
  return file.size_bytes() == expected.size() && file.read_at(0, expected.size()) == expected;
}

void StagingDirectory::make_tree(std::span<const FileEntry* const> entries) const {
  if (is_adopted_) sweep_tree(entries);
  if (::mkdir(tree().c_str(), 0700) != 0 && !is_adopted_) cannot(ErrorCode::kOutput, "create directory", tree());
  for (const FileEntry* entry : entries) {
    throw_if_interrupted();
    const std::filesystem::path path = tree() / entry->path;
    const bool is_there = is_adopted_ && suits(path, *entry);
    if (entry->type == FileType::kDirectory && !is_there && ::mkdir(path.c_str(), 0700) != 0)
      cannot(ErrorCode::kOutput, "create directory", path);
    if (entry->type == FileType::kRegular && !is_there) make_file(path, entry->raw_bytes);
    // The earlier run may have been about to publish it, with its final mode.
    if (entry->type == FileType::kRegular && is_there && ::chmod(path.c_str(), 0600) != 0)
      cannot(ErrorCode::kOutput, "set the mode", path);
  }
}

/// Removes what is no entry or not as an entry must be. The walk goes through real directories only.
void StagingDirectory::sweep_tree(std::span<const FileEntry* const> entries) const {
  std::unordered_map<std::string, const FileEntry*> by_path;
  for (const FileEntry* entry : entries) by_path.emplace(entry->path, entry);
  std::error_code error;
  if (std::filesystem::symlink_status(tree(), error).type() != std::filesystem::file_type::directory) {
    remove_tree(tree());
    return;
  }
  std::vector<std::filesystem::path> directories = {tree()};
  while (!directories.empty()) {
    throw_if_interrupted();
    const std::filesystem::path directory = std::move(directories.back());
    directories.pop_back();
    if (::chmod(directory.c_str(), 0700) != 0) cannot(ErrorCode::kOutput, "set the mode", directory);
    std::vector<std::filesystem::path> unwanted;
    for (const auto& item : std::filesystem::directory_iterator(directory, error)) {
      const auto entry = by_path.find(item.path().native().substr(tree().native().size() + 1));
      if (entry == by_path.end() || !suits(item.path(), *entry->second)) {
        unwanted.push_back(item.path());
      } else if (entry->second->type == FileType::kDirectory) {
        directories.push_back(item.path());
      }
    }
    for (const std::filesystem::path& path : unwanted) remove_tree(path);
  }
}

void StagingDirectory::mark_publishing() const {
  replace_file(path_ / kPublishingName, identity_bytes());
}

void StagingDirectory::remove() noexcept {
  if (!path_.empty()) remove_staging(path_);
  path_.clear();
}

}  // namespace fz::coordinator
