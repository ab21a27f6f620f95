// A corpus of many small files that exist nowhere, for measuring scan and plan: directories of a thousand files, a
// thousand directories a level.
#pragma once

#include <cstdint>
#include <string>

#include "coordinator/file_tree.h"

namespace fz::simulation {

class SmallFiles final : public coordinator::FileTree {
 public:
  explicit SmallFiles(std::uint64_t files) : files_(files) {}
  /// An input for scan(). It must be a real directory; nothing in it is looked at.
  static std::string root() { return "/tmp"; }

  struct stat status(const std::string& path, bool follow) const override;
  std::vector<std::string> names_in(const std::string& path) const override;
  Bytes read_at(const std::string& path, std::uint64_t offset, std::size_t size_bytes) const override;
  std::string link_target(const std::string& path) const override;

 private:
  std::uint64_t files_;
};

}  // namespace fz::simulation
