// Training data as a stream of documents: plain files, directories, and tar archives (.tar, .tar.xz) wherever they
// stand. Symbolic links in directories are not followed. The stream depends on the data alone: directories are read in
// the order of their names' bytes, archives as they stand. Owned by one trainer; one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace fz::model {

struct TextSourceSettings {
  std::vector<std::filesystem::path> inputs;
  /// By category: 2 counts every document twice, 0.5 takes half of them, 0 none. Which ones is decided by a hash of
  /// their paths, so neither their order nor the way they are packed matters. Categories not named here have 1.
  std::map<std::string, double> weights;
  /// The stream ends after so many bytes, copies counted.
  std::uint64_t limit_bytes = UINT64_MAX;
};

/// A file, or a part of one that is longer than kMaxDocumentBytes.
struct Document {
  /// Of the file, from the directory or archive that was given; of a file that was given, its name.
  std::string path;
  /// The first component of the path; "" when there is only one.
  std::string category;
  std::uint64_t offset_bytes = 0;  ///< Where the part begins in the file.
  Bytes bytes;
  std::uint32_t copies = 1;  ///< How often it counts.
};

class TextSource {
 public:
  static constexpr std::size_t kMaxDocumentBytes = std::size_t{16} << 20;
  static constexpr double kMaxWeight = 1000;

  /// Finds the files, but reads none. Throws Error(kInput) when an input is missing, Error(kUsage) for impossible
  /// weights.
  explicit TextSource(TextSourceSettings settings);
  ~TextSource();

  /// Empty documents are left out. Throws Error(kInput) or Error(kCorrupt) that names the file.
  std::optional<Document> next();

  /// For a progress line: as the files lie on the disk, archives packed.
  std::uint64_t total_bytes() const { return total_bytes_; }
  std::uint64_t consumed_bytes() const;
  /// Categories with a weight of which no document has come so far.
  std::vector<std::string> unseen_categories() const;

 private:
  struct Input {
    std::filesystem::path file;
    std::string path;  ///< What a document of it is called.
    std::uint64_t size_bytes = 0;
  };
  class Reader;
  class FileReader;
  class ArchiveReader;

  void add(const std::filesystem::path& file, const std::string& path);
  void add_directory(const std::filesystem::path& directory, const std::string& prefix);
  bool open_next();
  std::uint32_t copies_of(const std::string& category, const std::string& path) const;

  TextSourceSettings settings_;
  std::vector<Input> inputs_;
  std::size_t next_input_ = 0;
  std::unique_ptr<Reader> reader_;  ///< Of the input before next_input_.
  Document current_;                ///< The file that is being read, without its bytes.
  bool in_file_ = false;
  std::map<std::string, bool> seen_;
  std::uint64_t total_bytes_ = 0;
  std::uint64_t finished_bytes_ = 0;  ///< Of the inputs before the reader's.
  std::uint64_t delivered_bytes_ = 0;
};

}  // namespace fz::model
