#include "coordinator/scan.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <system_error>

#include "base/display.h"
#include "base/file.h"
#include "base/interruption.h"

namespace fz::coordinator {
namespace {

constexpr std::size_t kHeadSampleBytes = 64u << 10;
constexpr std::size_t kMiddleSampleBytes = 16u << 10;

/// Whether the next eight bytes are all printable ASCII: most text is, and a scan reads the head of every file.
bool is_printable_word(std::string_view text) {
  if (text.size() < sizeof(std::uint64_t)) return false;
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHigh = 0x80 * kOnes;
  std::uint64_t word = 0;
  std::memcpy(&word, text.data(), sizeof(word));
  const bool is_ascii = (word & kHigh) == 0;
  const bool has_delete = ((word + kOnes) & kHigh) != 0;                        // 0x7F + 1
  const bool has_control = (((word | kHigh) - 0x20 * kOnes) & kHigh) != kHigh;  // a borrow from the bit set above
  return is_ascii && !has_delete && !has_control;
}

class Walk {
 public:
  Walk(const FileTree& files, const std::vector<std::string>& excluded, const Warn& warn, ScanResult& result)
      : files_(files), excluded_(excluded), warn_(warn), result_(result) {}

  /// `source` is an absolute path; `path` the name in the archive. A link is followed only when it is an input itself.
  void add(const std::string& source, const std::string& path, bool is_input) {
    throw_if_interrupted();
    if (std::find(excluded_.begin(), excluded_.end(), source) != excluded_.end()) return;
    if (const std::string problem = shard::path_problem(path); !problem.empty()) {
      fail(ErrorCode::kInput, "{}: cannot be archived: {}", display_text(source), problem);
    }
    const struct stat status = files_.status(source, is_input);
    shard::PlanEntry entry;
    entry.file.path = path;
    entry.file.mode = status.st_mode & 07777;
    entry.file.mtime_seconds = status.st_mtim.tv_sec;
    entry.file.mtime_nanoseconds = static_cast<std::uint32_t>(status.st_mtim.tv_nsec);
    if (S_ISREG(status.st_mode)) {
      entry.file.type = shard::FileType::kRegular;
      entry.file.raw_bytes = static_cast<std::uint64_t>(status.st_size);
      const Sketch sketch = look_at_file(source, entry);
      keep(std::move(entry), sketch);
    } else if (S_ISDIR(status.st_mode)) {
      entry.file.type = shard::FileType::kDirectory;
      keep(std::move(entry), kNoSketch);
      std::vector<std::string> names = files_.names_in(source);
      std::sort(names.begin(), names.end());  // which is the order of the table
      for (const std::string& name : names)
        add(source == "/" ? "/" + name : source + "/" + name, path + "/" + name, false);
    } else if (S_ISLNK(status.st_mode)) {
      entry.file.type = shard::FileType::kSymlink;
      entry.file.target = files_.link_target(source);
      keep(std::move(entry), kNoSketch);
    } else {
      warn_(fmt::format("{}: skipped: neither file, directory nor symbolic link", display_text(source)));
    }
  }

 private:
  /// Says of what kind it is, and what its head is like. Also proves that it can be read, before anything is written.
  Sketch look_at_file(const std::string& source, shard::PlanEntry& entry) const {
    const std::uint64_t size_bytes = entry.file.raw_bytes;
    const auto head_bytes = static_cast<std::size_t>(std::min<std::uint64_t>(size_bytes, kHeadSampleBytes));
    const Bytes head = files_.read_at(source, 0, head_bytes);
    entry.kind = sniff_kind(head);
    if (entry.kind == shard::Kind::kText && size_bytes >= 2 * (kHeadSampleBytes + kMiddleSampleBytes)) {
      entry.kind = sniff_kind(files_.read_at(source, size_bytes / 2, kMiddleSampleBytes));
    }
    return sketch_of(head);
  }

  void keep(shard::PlanEntry entry, const Sketch& sketch) {
    result_.entries.push_back(std::move(entry));
    result_.sketches.push_back(sketch);
  }

  const FileTree& files_;
  const std::vector<std::string>& excluded_;
  const Warn& warn_;
  ScanResult& result_;
};

/// Inputs may come in any order.
void sort_by_path(ScanResult& result) {
  const auto path_order = [](const shard::PlanEntry& a, const shard::PlanEntry& b) {
    return shard::path_less(a.file.path, b.file.path);
  };
  if (std::is_sorted(result.entries.begin(), result.entries.end(), path_order)) return;
  std::vector<std::size_t> order(result.entries.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return path_order(result.entries[a], result.entries[b]); });
  ScanResult sorted{std::move(result.inputs), {}, {}};
  for (const std::size_t index : order) {
    sorted.entries.push_back(std::move(result.entries[index]));
    sorted.sketches.push_back(result.sketches[index]);
  }
  result = std::move(sorted);
}

}  // namespace

std::string absolute_path(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::path clean = path;
  while (clean.native().size() > 1 && clean.native().back() == '/')
    clean = clean.native().substr(0, clean.native().size() - 1);
  const std::filesystem::path name = clean.filename();
  if (name.empty() || name == "." || name == "..") {
    const auto resolved = std::filesystem::canonical(clean, error);
    if (error) fail(ErrorCode::kInput, "{}: cannot resolve: {}", display_text(path.native()), error.message());
    return resolved.native();
  }
  const std::filesystem::path parent = clean.has_parent_path() ? clean.parent_path() : std::filesystem::path(".");
  const auto resolved = std::filesystem::weakly_canonical(parent, error);
  if (error) fail(ErrorCode::kInput, "{}: cannot resolve: {}", display_text(path.native()), error.message());
  return (resolved / name).native();
}

std::string input_name(const std::string& input) {
  const std::string name = std::filesystem::path(absolute_path(input)).filename().native();
  if (name.empty())
    fail(ErrorCode::kUsage, "{}: the root directory has no name to archive it under; name what is in it", input);
  return name;
}

shard::Kind sniff_kind(ByteSpan sample) {
  const std::string_view text = as_string_view(sample);
  std::size_t strange = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (is_printable_word(text.substr(i))) {
      i += sizeof(std::uint64_t);
      continue;
    }
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0) return shard::Kind::kBinary;
    const std::size_t length = utf8_sequence_bytes(text.substr(i));
    // The sample may cut the last character.
    if (length == 0 && text.size() - i < 4) break;
    const bool control = byte < 0x20 && !(byte >= '\t' && byte <= '\r') && byte != 0x1B;
    if (length == 0 || control || byte == 0x7F) ++strange;
    i += std::max<std::size_t>(length, 1);
  }
  return strange * 8 > text.size() ? shard::Kind::kBinary : shard::Kind::kText;
}

ScanResult scan(const std::vector<std::string>& inputs, const std::vector<std::string>& excluded, const Warn& warn,
                const FileTree& files) {
  ScanResult result;
  Walk walk(files, excluded, warn, result);
  for (const std::string& input : inputs) {
    const std::string source = absolute_path(input);
    if (std::find(excluded.begin(), excluded.end(), source) != excluded.end()) {
      warn(fmt::format("{}: left out: this command writes it", display_text(input)));
      continue;
    }
    const std::string name = input_name(input);
    for (const shard::PlanInput& earlier : result.inputs) {
      if (earlier.name == name) {
        fail(ErrorCode::kUsage, "{}: another input is also called {}; archive their parent directory or rename one",
             input, display_text(name));
      }
    }
    struct stat status;
    if (::stat(source.c_str(), &status) != 0) cannot(ErrorCode::kInput, "open", input);
    result.inputs.push_back({name, source});
    // Below a followed link lies the real directory; only its real path can be compared with what is excluded.
    std::error_code error;
    const std::filesystem::path real = std::filesystem::canonical(source, error);
    walk.add(error || !S_ISDIR(status.st_mode) ? source : real.native(), name, true);
    if (!error && S_ISDIR(status.st_mode)) result.inputs.back().source = real.native();
  }
  if (result.entries.empty())
    fail(ErrorCode::kInput, "{}: nothing to archive", inputs.empty() ? "" : display_text(inputs.front()));
  sort_by_path(result);
  return result;
}

}  // namespace fz::coordinator
