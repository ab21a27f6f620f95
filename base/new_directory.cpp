#include "base/new_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "base/display.h"
#include "base/file.h"

namespace fz {

NewDirectory::NewDirectory(const std::filesystem::path& target) : target_(target.lexically_normal()) {
  if (!target_.has_filename()) target_ = target_.parent_path();
  if (is_present(target_)) {
    fail(ErrorCode::kOutput, "{}: exists already; name another directory or remove it", display_text(target_.native()));
  }
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
