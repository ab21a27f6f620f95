// Drawing lots by name: who is drawn depends on the names alone, on every machine. Pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/hash.h"

namespace fz::model {

/// A number for the name, evenly spread: the first eight bytes of its SHA-256, little-endian.
inline std::uint64_t lot_of(std::string_view name) {
  const Hash hash = hash_bytes(as_byte_span(name));
  std::uint64_t lot = 0;
  for (std::size_t i = 0; i < sizeof lot; ++i) lot |= std::uint64_t{hash[i]} << (8 * i);
  return lot;
}

}  // namespace fz::model
