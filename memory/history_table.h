// Bit histories of one kind of context: hashed buckets of 15 nodes, four levels of the code tree each
// (docs/numerics.md, section 16). Lookups of a step may run in parallel; its updates are applied together by one
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "memory/bit_history.h"

namespace fz::memory {

/// Levels of the code tree that share a bucket.
inline constexpr int kBucketLevels = 4;

class HistoryTable {
 public:
  struct Bucket {
    std::uint8_t check;
    std::array<BitHistory, (1 << kBucketLevels) - 1> nodes;
  };
  static_assert(sizeof(Bucket) == 16);

  /// Where a context's nodes are, or will be after this step.
  struct Place {
    std::uint32_t bucket = 0;
    std::uint8_t check = 0;
    bool is_there = false;
  };

  explicit HistoryTable(int bucket_bits) : buckets_(std::size_t{1} << bucket_bits), shift_(32 - bucket_bits) {}

  void prefetch(std::uint32_t hash) const { __builtin_prefetch(&buckets_[hash >> shift_]); }

  /// The context's bucket, or the one of two that has seen less, which the context will take over.
  Place find(std::uint32_t hash) const {
    const std::uint32_t first = hash >> shift_;
    const std::uint32_t second = first ^ 1;
    const auto check = static_cast<std::uint8_t>((hash & 0xff) == 0 ? 1 : hash & 0xff);
    if (buckets_[first].check == check) return {first, check, true};
    if (buckets_[second].check == check) return {second, check, true};
    const auto& seen = kBitHistories.bits_seen;
    return {seen[buckets_[first].nodes[0]] <= seen[buckets_[second].nodes[0]] ? first : second, check, false};
  }

  BitHistory history(const Place& place, std::size_t node) const {
    return place.is_there ? buckets_[place.bucket].nodes[node] : BitHistory{0};
  }

  // The updates of a step, in this order: claim() for every place, the highest lane first; open() for every place;
  // set() for every node, the highest lane first. So the lowest lane has a contested bucket, and among the lanes of one
  // context the lowest has a contested node.

  void claim(const Place& place) { buckets_[place.bucket].check = place.check; }

  /// Empties a bucket that changed hands.
  void open(const Place& place) {
    if (!place.is_there && has(place)) buckets_[place.bucket].nodes = {};
  }

  bool has(const Place& place) const { return buckets_[place.bucket].check == place.check; }

  void set(const Place& place, std::size_t node, BitHistory history) {
    if (has(place)) buckets_[place.bucket].nodes[node] = history;
  }

 private:
  std::vector<Bucket> buckets_;
  int shift_;
};

}  // namespace fz::memory
