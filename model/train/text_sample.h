// A sample of a stream of documents: short stretches, spread evenly over all of it, of at most so many bytes together,
// which is also about the memory that it takes. Which ones depends on their paths and offsets alone, not on their
// order. Owned by one trainer; one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "model/train/text_source.h"

namespace fz::model {

class TextSample {
 public:
  static constexpr std::size_t kStretchBytes = std::size_t{64} << 10;

  explicit TextSample(std::uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  void add(const Document& document);
  /// Hands out every stretch, in no particular order; leaves the sample empty.
  void take(const std::function<void(Bytes bytes, std::uint32_t copies)>& receive);

 private:
  struct Stretch {
    std::uint64_t lot = 0;
    Bytes bytes;
    std::uint32_t copies = 1;
    bool operator<(const Stretch& other) const { return lot < other.lot; }
  };

  std::uint64_t limit_bytes_;
  std::uint64_t total_bytes_ = 0;
  std::uint64_t end_lot_ = UINT64_MAX;  ///< Of the best stretch for which there was no room.
  std::vector<Stretch> stretches_;      ///< A heap: the largest lot first.
};

}  // namespace fz::model
