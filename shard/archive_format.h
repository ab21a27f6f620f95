// The fixed-size structures of an archive (docs/format.md): header, block header, footer. Plain values; serialized and
// parsed by pure functions that check everything a structure can check alone. `source` names the archive in errors.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/ids.h"
#include "shard/codecs.h"

namespace fz::shard {

inline constexpr std::uint16_t kOldestFormatVersion = 1;
inline constexpr std::uint16_t kFormatVersion = 7;
inline constexpr std::size_t kHeaderBytes = 104;
inline constexpr std::size_t kBlockHeaderBytes = 56;
inline constexpr std::size_t kFooterBytes = 88;
inline constexpr std::uint32_t kMinBlockBytes = 64u << 10;
inline constexpr std::uint32_t kMaxBlockBytes = 64u << 20;
/// Measured in docs/results.md: larger blocks help files that resemble each other, and cost when single files are read.
inline constexpr std::uint32_t kDefaultBlockBytes = 4u << 20;
inline constexpr std::uint64_t kMaxCorpusBytes = std::uint64_t{1} << 62;

/// First bytes of a SHA-256.
using Hash16 = std::array<std::uint8_t, 16>;
using Check8 = std::array<std::uint8_t, 8>;

Hash16 hash16(ByteSpan bytes);
Check8 check8(ByteSpan bytes);

/// The first format version that has adapters.
inline constexpr std::uint16_t kAdapterFormatVersion = 3;

/// What a file's bytes are, and so which codecs they are offered to.
enum class Kind : std::uint8_t { kText = 0, kBinary = 1 };

/// What of the model the decoding depends on; all zero where no model is needed.
struct ModelIdentity {
  std::uint32_t numerics_version = 0;
  std::uint32_t context = 0;
  Hash weights_hash{};
  Hash tokenizer_hash{};

  bool operator==(const ModelIdentity&) const = default;
  bool is_none() const { return *this == ModelIdentity{}; }
};

struct Header {
  std::uint16_t format_version = kFormatVersion;
  TokenCoder token_coder = TokenCoder::kRange;
  ModelIdentity model;
  std::uint32_t block_bytes = kDefaultBlockBytes;
  std::uint64_t adapter_bytes = 0;  ///< Of the adapter between the header and the blocks; 0: none.

  std::uint64_t blocks_offset() const { return kHeaderBytes + adapter_bytes; }
  bool operator==(const Header&) const = default;
};

struct BlockHeader {
  Codec codec = Codec::kStored;
  BlockId id{};
  std::uint64_t raw_offset = 0;
  std::uint32_t raw_bytes = 0;
  std::uint32_t payload_bytes = 0;
  Hash16 raw_hash{};
  Check8 payload_check{};

  bool operator==(const BlockHeader&) const = default;
};

/// As an archive or a shard file holds it.
struct StoredBlock {
  BlockHeader header;
  Bytes payload;
};

struct Footer {
  std::uint64_t table_offset = 0;
  std::uint32_t table_bytes = 0;
  std::uint32_t table_raw_bytes = 0;
  std::uint32_t index_bytes = 0;
  std::uint32_t index_raw_bytes = 0;
  std::uint32_t block_count = 0;
  std::uint64_t corpus_bytes = 0;
  Hash16 table_hash{};
  Hash16 index_hash{};

  bool operator==(const Footer&) const = default;
};

Bytes serialize_header(const Header& header);
Bytes serialize_block_header(const BlockHeader& header);
Bytes serialize_footer(const Footer& footer);

/// Each throws Error(kCorrupt) naming `source` and the offset, or Error(kUnsupported) for a later format version.
Header parse_header(ByteSpan bytes, const std::string& source);
BlockHeader parse_block_header(ByteSpan bytes, const std::string& source, std::uint64_t file_offset);
Footer parse_footer(ByteSpan bytes, const std::string& source, std::uint64_t file_offset);

}  // namespace fz::shard
