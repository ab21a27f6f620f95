// A directory that gets its name when it is complete; until then it lies beside it and goes away with its owner.
#pragma once

#include <filesystem>

namespace fz {

/// A directory's path in order, without a slash at its end.
std::filesystem::path plain_directory_path(const std::filesystem::path& path);

/// Throws Error(kOutput) when something has this name.
void require_free_directory(const std::filesystem::path& path);

class NewDirectory {
 public:
  /// Throws Error(kOutput) when `target` exists or nothing can be made beside it.
  explicit NewDirectory(const std::filesystem::path& target);
  ~NewDirectory();
  NewDirectory(const NewDirectory&) = delete;
  NewDirectory& operator=(const NewDirectory&) = delete;

  /// Where it is being filled.
  const std::filesystem::path& path() const { return path_; }
  /// Durably. Throws Error(kOutput) when the target exists by now.
  void publish();

 private:
  std::filesystem::path target_;
  std::filesystem::path path_;
};

}  // namespace fz
