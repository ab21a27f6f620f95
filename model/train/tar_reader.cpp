#include "model/train/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>

#include "base/display.h"
#include "base/file.h"

namespace fz::model {
namespace {

constexpr std::size_t kReadBytes = std::size_t{1} << 18;
constexpr std::size_t kGrowBytes = std::size_t{1} << 20;

}  // namespace

struct TarReader::Handle {
  archive* reader = archive_read_new();
  Handle() { FZ_CHECK(reader != nullptr); }
  ~Handle() { archive_read_free(reader); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
};

bool is_tar_name(const std::filesystem::path& path) {
  const std::string& name = path.native();
  return name.ends_with(".tar") || name.ends_with(".tar.xz");
}

TarReader::TarReader(const std::filesystem::path& archive) : archive_(archive), handle_(std::make_unique<Handle>()) {
  File::open_for_reading(archive);  // says why it cannot
  // What is not named here is not tried: of all formats and filters that the library knows, these are what we ask for.
  archive_read_support_format_tar(handle_->reader);
  archive_read_support_filter_xz(handle_->reader);
  if (archive_read_open_filename(handle_->reader, archive.c_str(), kReadBytes) != ARCHIVE_OK) corrupt();
}

TarReader::~TarReader() = default;

bool TarReader::next_file() {
  for (;;) {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(handle_->reader, &entry);
    if (result == ARCHIVE_EOF) return false;
    // A warning is about an attribute, such as an owner, that does not concern us.
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) corrupt();
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != nullptr) continue;
    // The first fails for names that the locale cannot write.
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr) name = archive_entry_pathname_utf8(entry);
    const std::string_view path = name == nullptr ? std::string_view() : std::string_view(name);
    if (path.empty() || path.size() > kMaxPathBytes) {
      fail(ErrorCode::kCorrupt, "{}: a file in it has no name that can be read, or one of more than {} bytes",
           display_text(archive_.native()), kMaxPathBytes);
    }
    path_ = path;
    // A few bytes may claim any number of zeros.
    if (archive_entry_sparse_count(entry) > 0) {
      fail(ErrorCode::kUnsupported, "{}: {}: is stored with holes; pack it without --sparse",
           display_text(archive_.native()), display_text(path_));
    }
    return true;
  }
}

Bytes TarReader::read(std::size_t size_bytes) {
  Bytes bytes;
  while (bytes.size() < size_bytes) {
    const std::size_t begin = bytes.size();
    bytes.resize(std::min(size_bytes, begin + kGrowBytes));
    const la_ssize_t count = archive_read_data(handle_->reader, bytes.data() + begin, bytes.size() - begin);
    if (count < 0) corrupt();
    bytes.resize(begin + static_cast<std::size_t>(count));
    if (count == 0) break;
  }
  return bytes;
}

std::uint64_t TarReader::consumed_bytes() const {
  return static_cast<std::uint64_t>(std::max<la_int64_t>(archive_filter_bytes(handle_->reader, -1), 0));
}

void TarReader::corrupt() const {
  const char* const reason = archive_error_string(handle_->reader);
  fail(ErrorCode::kCorrupt, "{}: not a tar archive, or a damaged one: {}", display_text(archive_.native()),
       display_text(reason == nullptr ? "unknown reason" : reason));
}

}  // namespace fz::model
