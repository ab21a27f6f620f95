// What the memory codes: symbols, numbered 0 … count − 1, each standing for some bytes. A model's tokens are one
// alphabet, the 256 bytes are another (docs/numerics.md, section 11). Plain data.
#pragma once

#include <bit>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/bytes.h"

namespace fz::memory {

using Symbol = std::uint32_t;

/// What the bytes of an alphabet of bytes are: it decides which contexts are looked at.
enum class Contents : std::uint8_t { kText, kBinary };

struct Alphabet {
  std::vector<std::uint8_t> bytes;     ///< Of all symbols, one after another.
  std::vector<std::uint32_t> offsets;  ///< count + 1 places in `bytes`.
  Contents contents = Contents::kText;

  Symbol count() const { return static_cast<Symbol>(offsets.size() - 1); }
  ByteSpan bytes_of(Symbol symbol) const {
    return ByteSpan(bytes).subspan(offsets[symbol], offsets[symbol + 1] - offsets[symbol]);
  }
  /// Byte alphabets are the only ones of 256 symbols or fewer: a model's tokens hold all bytes and more.
  bool is_bytes() const { return count() <= 256; }
  /// Decisions of a symbol: bits of the largest number.
  int depth() const { return std::bit_width(count() - 1); }

  static Alphabet of_bytes(Contents contents = Contents::kText);
  static Alphabet of_tokens(std::uint32_t count, const std::function<ByteSpan(Symbol)>& bytes_of);
};

}  // namespace fz::memory
