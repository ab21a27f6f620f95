// Reads the plain files of a tar archive (.tar, .tar.xz) one after another, as a stream: nothing is unpacked to the
// disk, and nothing is allocated for what a header claims. The archive may be hostile. One thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/bytes.h"

namespace fz::model {

/// By its name.
bool is_tar_name(const std::filesystem::path& path);

class TarReader {
 public:
  static constexpr std::size_t kMaxPathBytes = 4096;

  /// Throws Error(kInput) when it cannot be opened.
  explicit TarReader(const std::filesystem::path& archive);
  ~TarReader();

  /// Goes to the next plain file; links, directories and devices are passed over. False at the archive's end. Throws
  /// Error(kCorrupt) when the archive is none, is damaged or has a path longer than kMaxPathBytes, Error(kUnsupported)
  /// when a file has holes.
  bool next_file();
  /// Of the current file, as it stands there.
  const std::string& path() const { return path_; }
  /// Up to so many further bytes of the current file; fewer only at its end. Throws Error(kCorrupt).
  Bytes read(std::size_t size_bytes);
  /// Of the archive file, so far.
  std::uint64_t consumed_bytes() const;

 private:
  struct Handle;
  [[noreturn]] void corrupt() const;

  std::filesystem::path archive_;
  std::unique_ptr<Handle> handle_;
  std::string path_;
};

}  // namespace fz::model
