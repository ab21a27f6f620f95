// What a context has seen at one node of the code tree, in one byte: a bounded count of zeros and of ones, and which
// came last (docs/numerics.md, section 13). Tables made once; pure functions.
#pragma once

#include <cstdint>

namespace fz::memory {

/// 0: nothing seen yet.
using BitHistory = std::uint8_t;

struct BitHistoryTables {
  BitHistoryTables();
  int count = 0;                ///< Histories in use: 0 … count − 1.
  std::uint8_t next[256][2];    ///< After another bit.
  std::uint8_t bits_seen[256];  ///< Zeros and ones together.
  std::uint16_t
      first_probability[256];  ///< Of a one, before anything is learnt about the history; in units of 1/65536.
};
extern const BitHistoryTables kBitHistories;

}  // namespace fz::memory
