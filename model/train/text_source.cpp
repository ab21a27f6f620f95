#include "model/train/text_source.h"

#include <algorithm>
#include <cmath>

#include "base/display.h"
#include "base/file.h"
#include "model/train/lot.h"
#include "model/train/tar_reader.h"

namespace fz::model {
namespace {

/// Archives are made as `tar c .` or `tar c corpus`: "./corpus/a" and "/corpus/a" are "corpus/a".
std::string_view plain_path(std::string_view path) {
  while (path.starts_with("./") || path.starts_with("/")) path.remove_prefix(path.starts_with("/") ? 1 : 2);
  return path;
}

std::string category_of(const std::string& path) {
  const std::size_t slash = path.find('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

}  // namespace

/// What an input holds: one file, or those of an archive.
class TextSource::Reader {
 public:
  virtual ~Reader() = default;
  /// The path of the next file; empty when there is none.
  virtual std::optional<std::string> next_file() = 0;
  /// Up to so many further bytes of it; fewer only at its end.
  virtual Bytes read(std::size_t size_bytes) = 0;
  virtual std::uint64_t consumed_bytes() const = 0;
};

class TextSource::FileReader final : public TextSource::Reader {
 public:
  explicit FileReader(const Input& input) : file_(File::open_for_reading(input.file)), path_(input.path) {
    size_bytes_ = file_.size_bytes();
  }
  std::optional<std::string> next_file() override { return std::exchange(path_, std::nullopt); }
  Bytes read(std::size_t size_bytes) override {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(size_bytes, size_bytes_ - offset_bytes_));
    Bytes bytes = file_.read_at(offset_bytes_, part);
    offset_bytes_ += part;
    return bytes;
  }
  std::uint64_t consumed_bytes() const override { return offset_bytes_; }

 private:
  File file_;
  std::optional<std::string> path_;
  std::uint64_t size_bytes_ = 0;
  std::uint64_t offset_bytes_ = 0;
};

class TextSource::ArchiveReader final : public TextSource::Reader {
 public:
  explicit ArchiveReader(const Input& input) : tar_(input.file) {}
  std::optional<std::string> next_file() override {
    if (!tar_.next_file()) return std::nullopt;
    return std::string(plain_path(tar_.path()));
  }
  Bytes read(std::size_t size_bytes) override { return tar_.read(size_bytes); }
  std::uint64_t consumed_bytes() const override { return tar_.consumed_bytes(); }

 private:
  TarReader tar_;
};

TextSource::TextSource(TextSourceSettings settings) : settings_(std::move(settings)) {
  for (const auto& [category, weight] : settings_.weights) {
    if (!(weight >= 0 && weight <= kMaxWeight)) {
      fail(ErrorCode::kUsage, "the weight of '{}' is not between 0 and {}", display_text(category), kMaxWeight);
    }
    seen_[category] = false;
  }
  for (const std::filesystem::path& input : settings_.inputs) {
    std::error_code error;
    if (std::filesystem::is_directory(input, error)) {
      add_directory(input, "");
    } else {
      add(input, input.filename().native());
    }
  }
}

TextSource::~TextSource() = default;

void TextSource::add(const std::filesystem::path& file, const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (!std::filesystem::is_regular_file(status)) {
    fail(ErrorCode::kInput, "{}: {}", display_text(file.native()),
         std::filesystem::exists(status) ? "neither a file nor a directory" : "cannot open: " + error.message());
  }
  const std::uint64_t size_bytes = std::filesystem::file_size(file, error);
  inputs_.push_back({file, path, error ? 0 : size_bytes});
  total_bytes_ += inputs_.back().size_bytes;
}

void TextSource::add_directory(const std::filesystem::path& directory, const std::string& prefix) {
  std::vector<std::filesystem::path> items;
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(directory, error)) items.push_back(item.path());
  if (error) fail(ErrorCode::kInput, "{}: cannot read: {}", display_text(directory.native()), error.message());
  std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.native() < b.native(); });
  for (const std::filesystem::path& item : items) {
    const std::string path = prefix + item.filename().native();
    const auto type = std::filesystem::symlink_status(item, error).type();
    if (type == std::filesystem::file_type::directory) {
      add_directory(item, path + "/");
    } else if (type == std::filesystem::file_type::regular) {
      add(item, path);
    }
  }
}

bool TextSource::open_next() {
  if (next_input_ == inputs_.size()) return false;
  const Input& input = inputs_[next_input_++];
  if (is_tar_name(input.file)) {
    reader_ = std::make_unique<ArchiveReader>(input);
  } else {
    reader_ = std::make_unique<FileReader>(input);
  }
  return true;
}

std::uint32_t TextSource::copies_of(const std::string& category, const std::string& path) const {
  const auto found = settings_.weights.find(category);
  if (found == settings_.weights.end()) return 1;
  const double whole = std::floor(found->second);
  const double lot = std::ldexp(static_cast<double>(lot_of(path) >> 11), -53);  // in [0, 1)
  return static_cast<std::uint32_t>(whole) + (lot < found->second - whole ? 1 : 0);
}

std::optional<Document> TextSource::next() {
  while (delivered_bytes_ < settings_.limit_bytes) {
    if (in_file_) {
      Document part = current_;
      part.bytes = reader_->read(kMaxDocumentBytes);
      in_file_ = part.bytes.size() == kMaxDocumentBytes;
      current_.offset_bytes += part.bytes.size();
      const std::uint64_t left = settings_.limit_bytes - delivered_bytes_;
      const std::uint64_t allowed = left / part.copies + (left % part.copies == 0 ? 0 : 1);
      if (part.bytes.size() > allowed) part.bytes.resize(static_cast<std::size_t>(allowed));
      delivered_bytes_ += part.bytes.size() * part.copies;
      if (!part.bytes.empty()) return part;
    } else if (!reader_) {
      if (!open_next()) break;
    } else if (auto path = reader_->next_file()) {
      current_ = {};
      current_.path = std::move(*path);
      current_.category = category_of(current_.path);
      current_.copies = copies_of(current_.category, current_.path);
      if (const auto seen = seen_.find(current_.category); seen != seen_.end()) seen->second = true;
      in_file_ = current_.copies > 0;
    } else {
      finished_bytes_ += inputs_[next_input_ - 1].size_bytes;
      reader_.reset();
    }
  }
  return std::nullopt;
}

std::uint64_t TextSource::consumed_bytes() const {
  return std::min(total_bytes_, finished_bytes_ + (reader_ ? reader_->consumed_bytes() : 0));
}

std::vector<std::string> TextSource::unseen_categories() const {
  std::vector<std::string> categories;
  for (const auto& [category, seen] : seen_) {
    if (!seen) categories.push_back(category);
  }
  return categories;
}

}  // namespace fz::model
