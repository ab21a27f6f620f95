// What a scan asks of a file system. The real one is disk_files(); another stands in for corpora too large to make.
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

#include "base/bytes.h"

namespace fz::coordinator {

/// Every call throws Error(kInput), naming the path, when it cannot do it.
class FileTree {
 public:
  virtual ~FileTree() = default;
  virtual struct stat status(const std::string& path, bool follow) const = 0;
  /// In any order, without "." and "..".
  virtual std::vector<std::string> names_in(const std::string& path) const = 0;
  /// Exactly that many bytes; the file is opened even for none.
  virtual Bytes read_at(const std::string& path, std::uint64_t offset, std::size_t size_bytes) const = 0;
  virtual std::string link_target(const std::string& path) const = 0;
};

const FileTree& disk_files();

}  // namespace fz::coordinator
