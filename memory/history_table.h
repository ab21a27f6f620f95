// Bit histories of one kind of context: hashed buckets of 15 nodes, four levels of the code tree each
// (docs/numerics.md, section 16). Lookups of a step may run in parallel; its updates are applied together by one
// thread.
#pragma once

#include <array>
#include <cstdint>

#include "base/aligned_array.h"
#include "memory/bit_history.h"

namespace fz::memory {

/// Levels of the code tree that share a bucket.
inline constexpr int kBucketLevels = 4;

class HistoryTable {
 public:
  static constexpr std::size_t kNodes = (1 << kBucketLevels) - 1;

  struct Bucket {
    std::uint8_t check;
    std::array<BitHistory, kNodes> nodes;
  };
  static_assert(sizeof(Bucket) == 16);  // Both that a context may have are in one cache line.

  /// Where a context's nodes are, or will be after this step.
  struct Place {
    std::uint32_t bucket = 0;
    std::uint8_t check = 0;
    bool is_there = false;
  };

  explicit HistoryTable(int bucket_bits) : buckets_(std::size_t{1} << bucket_bits), shift_(32 - bucket_bits) {}

  void prefetch(std::uint32_t hash) const { __builtin_prefetch(&buckets_[hash >> shift_]); }

  /// The context's bucket, or the one of two that has seen less, which the context will take over. Without branches:
  /// nobody can guess them.
  Place find(std::uint32_t hash) const {
    const std::uint32_t number = hash >> shift_;
    const Bucket& first = buckets_[number];
    const Bucket& second = buckets_[number ^ 1];
    const auto check = static_cast<std::uint8_t>((hash & 0xff) + ((hash & 0xff) == 0));
    const auto& seen = kBitHistories.bits_seen;
    const unsigned is_first = first.check == check ? 1 : 0;
    const unsigned is_second = second.check == check ? 1 : 0;
    const unsigned second_is_poorer = seen[second.nodes[0]] < seen[first.nodes[0]] ? 1 : 0;
    return {number ^ ((is_first ^ 1) & (is_second | second_is_poorer)), check, (is_first | is_second) != 0};
  }

  /// The nodes as they are in this step.
  const BitHistory* nodes(const Place& place) const {
    return place.is_there ? buckets_[place.bucket].nodes.data() : kNothingSeen.data();
  }

  // The updates of a step, in this order: claim() for every place, the highest lane first; open() for every place;
  // writes to every node of a place that has() its bucket, the highest lane first. So the lowest lane has a contested
  // bucket, and among the lanes of one context the lowest has a contested node.

  void claim(const Place& place) { buckets_[place.bucket].check = place.check; }

  /// Empties a bucket that changed hands.
  void open(const Place& place) {
    if (!place.is_there && has(place)) buckets_[place.bucket].nodes = {};
  }

  bool has(const Place& place) const { return buckets_[place.bucket].check == place.check; }

  BitHistory* nodes_to_write(const Place& place) { return buckets_[place.bucket].nodes.data(); }

 private:
  static constexpr std::array<BitHistory, kNodes> kNothingSeen = {};

  AlignedArray<Bucket> buckets_;
  int shift_;
};

}  // namespace fz::memory
