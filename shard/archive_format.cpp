#include "shard/archive_format.h"

#include <algorithm>

#include "shard/adapter_format.h"

namespace fz::shard {
namespace {

constexpr std::array<std::uint8_t, 8> kMagic = {0x89, 'F', 'Z', 'D', 0x0D, 0x0A, 0x1A, 0x0A};
constexpr std::array<std::uint8_t, 4> kBlockMagic = {'F', 'Z', 'b', '1'};
constexpr std::array<std::uint8_t, 8> kEndMagic = {'F', 'Z', 'e', 'n', 'd', 0x0D, 0x0A, 0x1A};

constexpr std::uint64_t kSmallestBlockBytes = kBlockHeaderBytes + 1;
/// Codec, and two sizes of at most 2^26.
constexpr std::uint64_t kLargestIndexRecordBytes = 1 + 4 + 4;

template <std::size_t N>
std::array<std::uint8_t, N> first_bytes(ByteSpan bytes) {
  std::array<std::uint8_t, N> result;
  FZ_CHECK(bytes.size() >= N);
  std::copy_n(bytes.begin(), N, result.begin());
  return result;
}

template <std::size_t N>
std::array<std::uint8_t, N> read_array(ByteReader& reader) {
  return first_bytes<N>(reader.take(N));
}

template <std::size_t N>
void expect_bytes(ByteReader& reader, const std::array<std::uint8_t, N>& expected, const char* what) {
  const ByteSpan found = reader.take(N);
  if (!std::equal(found.begin(), found.end(), expected.begin())) reader.corrupt(what);
}

void expect_zero(ByteReader& reader, std::size_t size_bytes) {
  for (const std::uint8_t byte : reader.take(size_bytes)) {
    if (byte != 0) reader.corrupt("reserved bytes are not 0");
  }
}

}  // namespace

Hash16 hash16(ByteSpan bytes) {
  return first_bytes<16>(hash_bytes(bytes));
}
Check8 check8(ByteSpan bytes) {
  return first_bytes<8>(hash_bytes(bytes));
}

const char* coder_name(TokenCoder coder) {
  switch (coder) {
    case TokenCoder::kRange:
      return "range";
    case TokenCoder::kRanks:
      return "ranks";
    case TokenCoder::kMixed:
      return "mixed";
  }
  return "unknown";
}

Bytes serialize_header(const Header& header) {
  ByteWriter writer;
  writer.write_bytes(kMagic);
  writer.write(header.format_version);
  writer.write(static_cast<std::uint8_t>(header.token_coder));
  writer.write(std::uint8_t{0});
  writer.write(header.model.numerics_version);
  writer.write(header.model.context);
  writer.write(header.block_bytes);
  writer.write(header.adapter_bytes);
  writer.write_bytes(header.model.weights_hash);
  writer.write_bytes(header.model.tokenizer_hash);
  writer.write_bytes(check8(writer.bytes()));
  FZ_CHECK(writer.size() == kHeaderBytes);
  return writer.take();
}

Header parse_header(ByteSpan bytes, const std::string& source) {
  ByteReader reader(bytes, source);
  expect_bytes(reader, kMagic, "not an fz-dist archive: the magic bytes differ");
  const auto version = reader.read<std::uint16_t>();
  if (version > kFormatVersion) {
    // A damaged version field must not read as "made by a newer program".
    if (bytes.size() < kHeaderBytes ||
        first_bytes<8>(bytes.subspan(kHeaderBytes - 8)) != check8(bytes.first(kHeaderBytes - 8))) {
      reader.corrupt("header check differs; the archive is damaged");
    }
    fail(ErrorCode::kUnsupported, "{}: format version {}, this program reads up to {}; use a newer fz-dist", source,
         version, kFormatVersion);
  }
  Header header;
  const auto coder = reader.read<std::uint8_t>();
  const std::uint8_t reserved = reader.read<std::uint8_t>();
  header.model.numerics_version = reader.read<std::uint32_t>();
  header.model.context = reader.read<std::uint32_t>();
  header.block_bytes = reader.read<std::uint32_t>();
  header.adapter_bytes = reader.read<std::uint64_t>();
  header.model.weights_hash = read_array<32>(reader);
  header.model.tokenizer_hash = read_array<32>(reader);
  if (read_array<8>(reader) != check8(bytes.first(kHeaderBytes - 8))) {
    reader.corrupt("header check differs; the archive is damaged");
  }
  if (version == 0) reader.corrupt("format version 0 does not exist");
  if (coder >= coder_count(version)) reader.corrupt(fmt::format("token coder {} does not exist", coder));
  if (reserved != 0 || (version < kAdapterFormatVersion && header.adapter_bytes != 0)) {
    reader.corrupt("reserved bytes are not 0");
  }
  if (header.adapter_bytes > kMaxAdapterBytes) reader.corrupt("the adapter's size is outside the limits");
  if (header.block_bytes < kMinBlockBytes || header.block_bytes > kMaxBlockBytes) {
    reader.corrupt(
        fmt::format("block size {} is not between {} and {}", header.block_bytes, kMinBlockBytes, kMaxBlockBytes));
  }
  header.format_version = version;
  header.token_coder = static_cast<TokenCoder>(coder);
  if (header.model.is_none() && header.adapter_bytes != 0) reader.corrupt("an adapter without a model");
  const bool has_hashes = header.model.weights_hash != Hash{} && header.model.tokenizer_hash != Hash{};
  if (header.model.is_none() ? coder != 0 : !has_hashes) reader.corrupt("the model's identity is incomplete");
  return header;
}

Bytes serialize_block_header(const BlockHeader& header) {
  ByteWriter writer;
  writer.write_bytes(kBlockMagic);
  writer.write(static_cast<std::uint8_t>(header.codec));
  writer.write_bytes(std::array<std::uint8_t, 3>{});
  writer.write(number(header.id));
  writer.write(header.raw_offset);
  writer.write(header.raw_bytes);
  writer.write(header.payload_bytes);
  writer.write_bytes(header.raw_hash);
  writer.write_bytes(header.payload_check);
  writer.write_bytes(first_bytes<4>(hash_bytes(writer.bytes())));
  FZ_CHECK(writer.size() == kBlockHeaderBytes);
  return writer.take();
}

BlockHeader parse_block_header(ByteSpan bytes, const std::string& source, std::uint64_t file_offset) {
  ByteReader reader(bytes, source, file_offset);
  expect_bytes(reader, kBlockMagic, "no block begins here; the archive is damaged");
  BlockHeader header;
  const auto codec = reader.read<std::uint8_t>();
  expect_zero(reader, 3);
  header.id = BlockId{reader.read<std::uint32_t>()};
  header.raw_offset = reader.read<std::uint64_t>();
  header.raw_bytes = reader.read<std::uint32_t>();
  header.payload_bytes = reader.read<std::uint32_t>();
  header.raw_hash = read_array<16>(reader);
  header.payload_check = read_array<8>(reader);
  if (read_array<4>(reader) != first_bytes<4>(hash_bytes(bytes.first(kBlockHeaderBytes - 4)))) {
    reader.corrupt("block header check differs; the archive is damaged");
  }
  if (codec >= kCodecs.size()) reader.corrupt(fmt::format("block codec {} does not exist", codec));
  header.codec = static_cast<Codec>(codec);
  if (header.raw_bytes == 0 || header.raw_bytes > kMaxBlockBytes || header.raw_offset >= kMaxCorpusBytes) {
    reader.corrupt("the block's raw range is outside the limits");
  }
  if (header.payload_bytes == 0 || header.payload_bytes > header.raw_bytes) {
    reader.corrupt("the block's payload size is outside the limits");
  }
  return header;
}

Bytes serialize_footer(const Footer& footer) {
  ByteWriter writer;
  writer.write(footer.table_offset);
  writer.write(footer.table_bytes);
  writer.write(footer.table_raw_bytes);
  writer.write(footer.index_bytes);
  writer.write(footer.index_raw_bytes);
  writer.write(footer.block_count);
  writer.write(std::uint32_t{0});
  writer.write(footer.corpus_bytes);
  writer.write_bytes(footer.table_hash);
  writer.write_bytes(footer.index_hash);
  writer.write_bytes(check8(writer.bytes()));
  writer.write_bytes(kEndMagic);
  FZ_CHECK(writer.size() == kFooterBytes);
  return writer.take();
}

Footer parse_footer(ByteSpan bytes, const std::string& source, std::uint64_t file_offset) {
  ByteReader reader(bytes, source, file_offset);
  Footer footer;
  footer.table_offset = reader.read<std::uint64_t>();
  footer.table_bytes = reader.read<std::uint32_t>();
  footer.table_raw_bytes = reader.read<std::uint32_t>();
  footer.index_bytes = reader.read<std::uint32_t>();
  footer.index_raw_bytes = reader.read<std::uint32_t>();
  footer.block_count = reader.read<std::uint32_t>();
  const auto reserved = reader.read<std::uint32_t>();
  footer.corpus_bytes = reader.read<std::uint64_t>();
  footer.table_hash = read_array<16>(reader);
  footer.index_hash = read_array<16>(reader);
  const Check8 check = read_array<8>(reader);
  expect_bytes(reader, kEndMagic, "the end mark is missing; the archive is truncated or damaged");
  if (check != check8(bytes.first(72))) reader.corrupt("footer check differs; the archive is damaged");
  if (reserved != 0) reader.corrupt("reserved bytes are not 0");
  if (footer.corpus_bytes >= kMaxCorpusBytes) reader.corrupt("the corpus size is outside the limits");
  if (footer.block_count > footer.table_offset / kSmallestBlockBytes)
    reader.corrupt("more blocks than fit before the file table");
  if (footer.index_raw_bytes > footer.block_count * kLargestIndexRecordBytes)
    reader.corrupt("the index is larger than its blocks can make it");
  return footer;
}

}  // namespace fz::shard
