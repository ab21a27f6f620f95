// An archive of many small blocks and files, made quickly and kept in memory with all that a test of damage must know:
// where its parts lie and what they hold. Three kinds of blocks: stored, zstd, and the fake model's.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "shard/archive_reader.h"
#include "shard/archive_writer.h"
#include "shard/block_codec.h"
#include "shard/fallback_codecs.h"
#include "support/fake_text_codec.h"
#include "support/temporary_directory.h"

namespace fz::test {

/// Half-open.
struct Extent {
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct BuiltArchive {
  std::string bytes;
  std::string stream;  ///< The corpus stream.
  std::vector<shard::FileEntry> entries;
  std::vector<Extent> blocks;  ///< In the archive, with headers.
  std::vector<Extent> raw;     ///< Of each block, in the stream.
  Extent table;
  Extent index;
  Extent footer;

  std::string content(const shard::FileEntry& entry) const { return stream.substr(entry.raw_offset, entry.raw_bytes); }
  /// The blocks that hold bytes of the file.
  std::vector<std::size_t> blocks_of(const shard::FileEntry& entry) const {
    std::vector<std::size_t> result;
    for (std::size_t i = 0; i < raw.size() && entry.raw_bytes > 0; ++i) {
      if (raw[i].begin < entry.raw_offset + entry.raw_bytes && raw[i].end > entry.raw_offset) result.push_back(i);
    }
    return result;
  }
};

struct BuildOptions {
  std::uint32_t seed = 1;
  std::size_t files = 20;
  std::size_t max_file_bytes = 9000;
  std::size_t max_block_bytes = 6000;
  bool uses_model = true;
  std::string nested;  ///< Put into the stream as one more file, in stored blocks.
  Bytes adapter = {};  ///< Serialized, for the fake model.
};

inline std::vector<shard::FileEntry> make_entries(const BuildOptions& options, std::string& stream) {
  std::mt19937 random(options.seed);
  std::vector<shard::FileEntry> entries;
  const auto add = [&](shard::FileType type, const std::string& path, const std::string& content) {
    shard::FileEntry entry;
    entry.type = type;
    entry.mode = type == shard::FileType::kDirectory ? 0755 : 0640;
    entry.mtime_seconds = static_cast<std::int64_t>(random());
    entry.path = path;
    entry.raw_offset = content.empty() ? 0 : stream.size();
    entry.raw_bytes = content.size();
    if (type == shard::FileType::kSymlink) entry.target = "somewhere";
    stream += content;
    entries.push_back(entry);
  };
  add(shard::FileType::kDirectory, "c", "");
  add(shard::FileType::kRegular, "c/empty", "");
  for (std::size_t i = 0; i < options.files; ++i) {
    const std::size_t size = 1 + random() % options.max_file_bytes;
    add(shard::FileType::kRegular, fmt::format("c/f{:04}", i),
        i % 2 == 0 ? make_text(random(), size) : make_noise(random(), size));
  }
  add(shard::FileType::kSymlink, "c/link", "");
  if (!options.nested.empty()) add(shard::FileType::kRegular, "c/nested.fz", options.nested);
  return entries;
}

inline BuiltArchive build_archive(const BuildOptions& options) {
  BuiltArchive built;
  built.entries = make_entries(options, built.stream);
  const std::size_t nested_begin = built.stream.size() - options.nested.size();
  const TemporaryDirectory directory;
  const std::filesystem::path path = directory / "built.fz";
  FakeTextCodec text;
  text.use_adapter(options.adapter, "built.fz");
  shard::Header header;
  header.format_version = shard::kOldestFormatVersion;  // all that these codecs need
  header.block_bytes = shard::kMinBlockBytes;
  std::vector<shard::StoredBlock> blocks;
  std::mt19937 random(options.seed + 1);
  std::size_t position = shard::kHeaderBytes + options.adapter.size();
  for (std::size_t offset = 0; offset < built.stream.size();) {
    const std::size_t wanted =
        options.nested.empty() || offset < nested_begin ? options.max_block_bytes : shard::kMinBlockBytes;
    const std::size_t size = std::min(1 + wanted / 2 + random() % (wanted / 2), built.stream.size() - offset);
    const ByteSpan raw = as_byte_span(built.stream).subspan(offset, size);
    shard::StoredBlock block;
    block.payload = Bytes(raw.begin(), raw.end());
    const auto use = [&](shard::Codec codec, Bytes payload) {
      if (payload.size() > block.payload.size()) return;
      block.header.codec = codec;
      block.payload = std::move(payload);
    };
    const bool is_nested = !options.nested.empty() && offset + size > nested_begin;
    if (!is_nested && blocks.size() % 3 == 1) use(shard::Codec::kZstd, shard::zstd_compress(raw, 1));
    if (!is_nested && blocks.size() % 3 == 2 && options.uses_model)
      use(shard::Codec::kModelRange, text.encode_one(raw, {shard::TokenCoder::kRange}));
    block.header.id = BlockId{static_cast<std::uint32_t>(blocks.size())};
    block.header.raw_offset = offset;
    block.header.raw_bytes = static_cast<std::uint32_t>(size);
    block.header.payload_bytes = static_cast<std::uint32_t>(block.payload.size());
    block.header.raw_hash = shard::hash16(raw);
    block.header.payload_check = shard::check8(block.payload);
    if (shard::needs_model(block.header.codec)) header.model = text.identity();
    built.raw.push_back({offset, offset + size});
    offset += size;
    blocks.push_back(std::move(block));
  }
  const File file = File::create(path);
  if (!options.adapter.empty()) {
    header.format_version = shard::kAdapterFormatVersion;
    header.adapter_bytes = options.adapter.size();
  }
  shard::ArchiveWriter writer(file, header, options.adapter);
  for (const shard::StoredBlock& block : blocks) {
    Bytes stored = shard::serialize_block_header(block.header);
    stored.insert(stored.end(), block.payload.begin(), block.payload.end());
    writer.append_block(block.header, stored);
    built.blocks.push_back({position, position + stored.size()});
    position += stored.size();
  }
  writer.finish(built.entries);
  built.bytes = read_text(path);
  const shard::Footer footer = shard::ArchiveReader(path).footer();
  built.table = {position, position + footer.table_bytes};
  built.index = {built.table.end, built.table.end + footer.index_bytes};
  built.footer = {built.index.end, built.bytes.size()};
  return built;
}

/// What an archive in a file gives: path and content of every regular file. Everything is decoded and compared with its
/// hash.
inline std::vector<std::pair<std::string, std::string>> decode_archive(const std::filesystem::path& path) {
  const shard::ArchiveReader archive(path);
  FakeTextCodec text;
  text.use_adapter(archive.read_adapter(), archive.name());
  std::string stream;
  for (std::uint32_t i = 0; i < archive.blocks().size(); ++i) {
    const shard::StoredBlock block = archive.read_block(BlockId{i});
    stream += as_string_view(shard::decode_block(block, &text, archive.name()));
  }
  std::vector<std::pair<std::string, std::string>> files;
  for (const shard::FileEntry& entry : archive.entries()) {
    if (entry.type != shard::FileType::kRegular) continue;
    files.emplace_back(entry.path, stream.substr(entry.raw_offset, entry.raw_bytes));
  }
  return files;
}

}  // namespace fz::test
