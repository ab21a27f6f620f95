#include "coordinator/file_tree.h"

#include <dirent.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "base/display.h"
#include "base/file.h"
#include "shard/file_table.h"

namespace fz::coordinator {
namespace {

class DiskFiles final : public FileTree {
 public:
  struct stat status(const std::string& path, bool follow) const override {
    struct stat status;
    if ((follow ? ::stat(path.c_str(), &status) : ::lstat(path.c_str(), &status)) != 0)
      cannot(ErrorCode::kInput, "read", path);
    return status;
  }

  std::vector<std::string> names_in(const std::string& path) const override {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
    if (!directory) cannot(ErrorCode::kInput, "open directory", path);
    std::vector<std::string> names;
    for (;;) {
      errno = 0;
      const dirent* const item = ::readdir(directory.get());
      if (item == nullptr) break;
      const std::string name = item->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    if (errno != 0) cannot(ErrorCode::kInput, "read directory", path);
    return names;
  }

  Bytes read_at(const std::string& path, std::uint64_t offset, std::size_t size_bytes) const override {
    return File::open_for_reading(path).read_at(offset, size_bytes);
  }

  std::string link_target(const std::string& path) const override {
    std::string target(shard::kMaxPathBytes + 1, '\0');
    const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
    if (size < 0) cannot(ErrorCode::kInput, "read link", path);
    if (size == 0 || static_cast<std::size_t>(size) > shard::kMaxPathBytes) {
      fail(ErrorCode::kInput, "{}: cannot be archived: the link's target is too long", display_text(path));
    }
    target.resize(static_cast<std::size_t>(size));
    return target;
  }
};

}  // namespace

const FileTree& disk_files() {
  static const DiskFiles files;
  return files;
}

}  // namespace fz::coordinator
