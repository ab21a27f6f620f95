#include "shard/file_table.h"

#include <algorithm>
#include <numeric>

#include "base/display.h"
#include "shard/archive_format.h"

namespace fz::shard {
namespace {

constexpr std::size_t kSmallestEntryBytes = 6;  // type, mode, two of mtime, length and one byte of path
/// A few hundred bytes of zstd can state millions: memory is taken as entries turn out to be right.
constexpr std::uint64_t kReservedEntries = 1 << 16;

std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}

std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

std::string read_string(ByteReader& reader) {
  const std::uint64_t size_bytes = reader.read_varint();
  if (size_bytes == 0 || size_bytes > kMaxPathBytes) reader.corrupt("length of a path is outside the limits");
  return std::string(as_string_view(reader.take(size_bytes)));
}

void write_string(ByteWriter& writer, const std::string& text) {
  writer.write_varint(text.size());
  writer.write_bytes(as_byte_span(text));
}

[[noreturn]] void corrupt_entry(const std::string& source, const FileEntry& entry, const std::string& what) {
  fail(ErrorCode::kCorrupt, "{}: file table: {}: {}", source, display_text(entry.path), what);
}

/// Every parent must be an entry and a directory. The order makes the open directories a stack.
void check_parents(std::span<const FileEntry> entries, const std::string& source) {
  std::vector<std::string_view> open;
  for (const FileEntry& entry : entries) {
    const std::string_view path = entry.path;
    const std::size_t slash = path.rfind('/');
    const std::string_view parent = slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
    while (!open.empty() && open.back() != parent) open.pop_back();
    if (!parent.empty() && open.empty()) corrupt_entry(source, entry, "its parent is not a directory of the archive");
    if (entry.type == FileType::kDirectory) open.push_back(path);
  }
}

/// By itself, and after the one before it, if any.
void check_entry(const FileEntry& entry, const FileEntry* previous, const std::string& source) {
  if (const std::string problem = path_problem(entry.path); !problem.empty()) corrupt_entry(source, entry, problem);
  if (previous != nullptr && !path_less(previous->path, entry.path)) {
    corrupt_entry(source, entry, "paths are not in order, or one occurs twice");
  }
  if (entry.type == FileType::kSymlink && entry.target.find('\0') != std::string::npos) {
    corrupt_entry(source, entry, "NUL byte in the link's target");
  }
  if (entry.raw_bytes == 0 && entry.raw_offset != 0) corrupt_entry(source, entry, "empty file with an offset");
}

/// Of entries that are right by themselves.
void check_as_a_whole(std::span<const FileEntry> entries, std::uint64_t corpus_bytes, const std::string& source) {
  check_parents(entries, source);
  std::uint64_t expected_offset = 0;
  for (const std::size_t i : files_by_offset(entries)) {
    const FileEntry& entry = entries[i];
    if (entry.raw_offset != expected_offset || entry.raw_bytes > corpus_bytes - expected_offset) {
      corrupt_entry(source, entry, "the file's range does not fit the others");
    }
    expected_offset += entry.raw_bytes;
  }
  if (expected_offset != corpus_bytes) {
    fail(ErrorCode::kCorrupt, "{}: file table: the files hold {} bytes, the blocks {}", source, expected_offset,
         corpus_bytes);
  }
}

EntryAt in_span(std::span<const FileEntry> entries) {
  return [entries](std::size_t index) -> const FileEntry& { return entries[index]; };
}

}  // namespace

bool path_less(std::string_view left, std::string_view right) {
  const auto rank = [](char c) { return c == '/' ? 0 : static_cast<int>(static_cast<unsigned char>(c)) + 1; };
  return std::lexicographical_compare(left.begin(), left.end(), right.begin(), right.end(),
                                      [&](char a, char b) { return rank(a) < rank(b); });
}

std::string path_problem(std::string_view path) {
  if (path.empty()) return "empty path";
  if (path.size() > kMaxPathBytes) return fmt::format("path is longer than {} bytes", kMaxPathBytes);
  if (path.find('\0') != std::string_view::npos) return "NUL byte in path";
  if (path.front() == '/') return "absolute path";
  for (std::size_t begin = 0;;) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view component = path.substr(begin, end - begin);
    if (component.empty()) return "empty path component";
    if (component == "." || component == "..") return "path component '.' or '..'";
    if (component.size() > kMaxComponentBytes) return fmt::format("name is longer than {} bytes", kMaxComponentBytes);
    if (end == path.size()) return {};
    begin = end + 1;
  }
}

Bytes serialize_file_table(std::span<const FileEntry> entries) {
  return serialize_file_table(entries.size(), in_span(entries));
}

Bytes serialize_file_table(std::size_t count, const EntryAt& entry_at) {
  ByteWriter writer;
  writer.write_varint(count);
  for (std::size_t i = 0; i < count; ++i) {
    const FileEntry& entry = entry_at(i);
    writer.write(static_cast<std::uint8_t>(entry.type));
    writer.write_varint(entry.mode);
    writer.write_varint(zigzag(entry.mtime_seconds));
    writer.write_varint(entry.mtime_nanoseconds);
    write_string(writer, entry.path);
    if (entry.type == FileType::kRegular) {
      writer.write_varint(entry.raw_offset);
      writer.write_varint(entry.raw_bytes);
    }
    if (entry.type == FileType::kSymlink) write_string(writer, entry.target);
  }
  return writer.take();
}

std::vector<FileEntry> parse_file_table(ByteSpan bytes, std::optional<std::uint64_t> corpus_bytes,
                                        const std::string& source) {
  ByteReader reader(bytes, source + ": file table");
  const std::uint64_t entry_count = reader.read_varint();
  if (entry_count > reader.remaining() / kSmallestEntryBytes) reader.corrupt("more entries than there are bytes for");
  std::vector<FileEntry> entries;
  entries.reserve(std::min(entry_count, kReservedEntries));
  for (std::uint64_t i = 0; i < entry_count; ++i) {
    FileEntry entry;
    const auto type = reader.read<std::uint8_t>();
    if (type > 2) reader.corrupt(fmt::format("file type {} does not exist", type));
    entry.type = static_cast<FileType>(type);
    const std::uint64_t mode = reader.read_varint();
    if (mode > 07777) reader.corrupt("mode has more than permission bits");
    entry.mode = static_cast<std::uint32_t>(mode);
    entry.mtime_seconds = unzigzag(reader.read_varint());
    const std::uint64_t nanoseconds = reader.read_varint();
    if (nanoseconds > 999'999'999) reader.corrupt("nanoseconds exceed a second");
    entry.mtime_nanoseconds = static_cast<std::uint32_t>(nanoseconds);
    entry.path = read_string(reader);
    if (entry.type == FileType::kRegular) {
      entry.raw_offset = reader.read_varint();
      entry.raw_bytes = reader.read_varint();
    }
    if (entry.type == FileType::kSymlink) entry.target = read_string(reader);
    check_entry(entry, entries.empty() ? nullptr : &entries.back(), source);
    entries.push_back(std::move(entry));
  }
  reader.expect_end();
  check_as_a_whole(entries, corpus_bytes.value_or(corpus_bytes_of(entries)), source);
  return entries;
}

std::uint64_t corpus_bytes_of(std::span<const FileEntry> entries) {
  std::uint64_t total = 0;
  for (const FileEntry& entry : entries) {
    if (entry.raw_bytes >= kMaxCorpusBytes || total >= kMaxCorpusBytes) return kMaxCorpusBytes;
    total += entry.raw_bytes;
  }
  return total;
}

void validate_file_table(std::span<const FileEntry> entries, std::uint64_t corpus_bytes, const std::string& source) {
  const FileEntry* previous = nullptr;
  for (const FileEntry& entry : entries) {
    check_entry(entry, previous, source);
    previous = &entry;
  }
  check_as_a_whole(entries, corpus_bytes, source);
}

std::vector<std::size_t> files_by_offset(std::span<const FileEntry> entries) {
  return files_by_offset(entries.size(), in_span(entries));
}

std::vector<std::size_t> files_by_offset(std::size_t count, const EntryAt& entry_at) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < count; ++i) {
    if (entry_at(i).type == FileType::kRegular && entry_at(i).raw_bytes > 0) order.push_back(i);
  }
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return entry_at(a).raw_offset < entry_at(b).raw_offset; });
  return order;
}

}  // namespace fz::shard
