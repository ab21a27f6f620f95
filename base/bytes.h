// Little-endian reading and writing of untrusted bytes. A reader never reads past its span: it throws an Error that
// names the source and the offset. Plain values, no ownership: the span must outlive the reader.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.h"

namespace fz {

using Bytes = std::vector<std::uint8_t>;
using ByteSpan = std::span<const std::uint8_t>;

static_assert(std::endian::native == std::endian::little,
              "the readers and writers copy little-endian values as they lie");

inline ByteSpan as_byte_span(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_string_view(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Reads values from a span, checking every length.
class ByteReader {
 public:
  /// `source` and `base_offset` are only for messages: the file's name and where in it the span begins.
  ByteReader(ByteSpan bytes, std::string source, std::uint64_t base_offset = 0)
      : bytes_(bytes), source_(std::move(source)), base_offset_(base_offset) {}

  std::size_t remaining() const { return bytes_.size() - position_; }
  std::uint64_t offset_bytes() const { return base_offset_ + position_; }
  const std::string& source() const { return source_; }

  ByteSpan take(std::uint64_t size_bytes) {
    if (size_bytes > remaining()) corrupt(fmt::format("truncated: {} bytes wanted, {} left", size_bytes, remaining()));
    ByteSpan result = bytes_.subspan(position_, size_bytes);
    position_ += size_bytes;
    return result;
  }

  template <typename T>
  T read() {
    static_assert(std::is_arithmetic_v<T>);
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }

  /// LEB128, at most 64 bits, shortest form only.
  std::uint64_t read_varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t byte = read<std::uint8_t>();
      if (shift == 63 && byte > 1) break;
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) {
        if (byte == 0 && shift > 0) break;
        return value;
      }
    }
    corrupt("variable-length number is not in its shortest form or exceeds 64 bits");
  }

  void expect_end() {
    if (remaining() != 0) corrupt(fmt::format("{} bytes too many", remaining()));
  }

  [[noreturn]] void corrupt(const std::string& what) const {
    fail(ErrorCode::kCorrupt, "{}: offset {}: {}", source_, offset_bytes(), what);
  }

 private:
  ByteSpan bytes_;
  std::string source_;
  std::uint64_t base_offset_;
  std::size_t position_ = 0;
};

/// Appends values to a byte vector that it owns.
class ByteWriter {
 public:
  template <typename T>
  void write(T value) {
    static_assert(std::is_arithmetic_v<T>);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
    bytes_.insert(bytes_.end(), bytes, bytes + sizeof(T));
  }
  void write_bytes(ByteSpan bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void write_varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<std::uint8_t>(value | 0x80));
    bytes_.push_back(static_cast<std::uint8_t>(value));
  }
  std::size_t size() const { return bytes_.size(); }
  const Bytes& bytes() const { return bytes_; }
  Bytes take() { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

}  // namespace fz
