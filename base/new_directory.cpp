#include "base/new_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "base/display.h"
#include "base/file.h"

namespace fz {

std::filesystem::path plain_directory_path(const std::filesystem::path& path) {
  const std::filesystem::path normal = path.lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

void require_free_directory(const std::filesystem::path& path) {
  if (!is_present(path)) return;
  fail(ErrorCode::kOutput, "{}: exists already; name another directory or remove it", display_text(path.native()));
}

NewDirectory::NewDirectory(const std::filesystem::path& target) : target_(plain_directory_path(target)) {
  require_free_directory(target_);
  path_ = fmt::format("{}.new-{}", target_.native(), ::getpid());
  if (::mkdir(path_.c_str(), 0777) != 0) {
    const std::filesystem::path failed = std::exchange(path_, {});
    cannot(ErrorCode::kOutput, "create this directory", failed);
  }
}

NewDirectory::~NewDirectory() {
  std::error_code error;
  if (!path_.empty()) std::filesystem::remove_all(path_, error);
}

void NewDirectory::publish() {
  rename_durably_without_replacing(path_, target_);
  path_.clear();
}

}  // namespace fz
