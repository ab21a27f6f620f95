// The one or two symbols that followed a context before (docs/numerics.md, section 17): eight bytes a context where
// a bucket of histories would take a bucket for every four levels. Lookups of a step may run in parallel; its updates
// are applied together by one thread, the highest lane first, so that the lowest has a contested entry.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/aligned_array.h"
#include "memory/alphabet.h"

namespace fz::memory {

/// Symbols that followed, the latest first, and how often each did in a row; a count of 0: none.
struct Candidates {
  Symbol first = 0;
  Symbol second = 0;
  std::uint32_t first_count = 0;   // at most 31
  std::uint32_t second_count = 0;  // at most 4

  void see(Symbol symbol) {
    if (first_count > 0 && symbol == first) {
      first_count = std::min(first_count + 1, 31u);
      return;
    }
    const std::uint32_t count = second_count > 0 && symbol == second ? std::min(second_count + 1, 4u) : 1;
    second = first;
    second_count = std::min(first_count, 4u);
    first = symbol;
    first_count = count;
  }
};

class CandidateTable {
 public:
  explicit CandidateTable(int entry_bits) : entries_(std::size_t{1} << entry_bits), shift_(32 - entry_bits) {}

  void prefetch(std::uint32_t hash) const { __builtin_prefetch(&entries_[hash >> shift_]); }

  /// None when the entry belongs to another context.
  Candidates find(std::uint32_t hash) const {
    const std::uint64_t entry = entries_[hash >> shift_];
    if (entry >> kCheckShift != check(hash)) return {};
    return {static_cast<Symbol>(entry & kSymbolMask), static_cast<Symbol>(entry >> 18 & kSymbolMask),
            static_cast<std::uint32_t>(entry >> 36 & 31), static_cast<std::uint32_t>(entry >> 41 & 7)};
  }

  void set(std::uint32_t hash, const Candidates& candidates) {
    entries_[hash >> shift_] = std::uint64_t{candidates.first} | std::uint64_t{candidates.second} << 18 |
                               std::uint64_t{candidates.first_count} << 36 |
                               std::uint64_t{candidates.second_count} << 41 | check(hash) << kCheckShift;
  }

 private:
  static constexpr int kCheckShift = 48;
  static constexpr std::uint64_t kSymbolMask = (1 << 18) - 1;

  static std::uint64_t check(std::uint32_t hash) { return (hash & 0xffff) == 0 ? 1 : hash & 0xffff; }

  AlignedArray<std::uint64_t> entries_;
  int shift_;
};

}  // namespace fz::memory
