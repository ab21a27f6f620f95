// Binary range coder with carry propagation: 32-bit range, 16-bit probabilities (docs/format.md, "Range-coder stream").
// One encoder or decoder for each lane; plain values, one thread at a time.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace fz::shard {

/// Probability that a decision is 0, in units of 1/65536; in [1, 65535].
using Probability = std::uint16_t;

class RangeEncoder {
 public:
  void encode(unsigned bit, Probability zero) {
    const std::uint32_t bound = static_cast<std::uint32_t>((std::uint64_t{range_} * zero) >> 16);
    if (bit == 0) {
      range_ = bound;
    } else {
      add_to_low(bound);
      range_ -= bound;
    }
    while (range_ < kRenormalizeBelow) {
      bytes_.push_back(static_cast<std::uint8_t>(low_ >> 24));
      low_ <<= 8;
      range_ <<= 8;
    }
  }

  /// Ends the stream with as few bytes as decode it right; the decoder reads zeros behind the end.
  Bytes finish() {
    // The value in [low, low + range) with the most trailing zeros.
    for (int kept_bits = 0; kept_bits <= 32; kept_bits += 8) {
      const std::uint64_t mask = (std::uint64_t{1} << (32 - kept_bits)) - 1;
      const std::uint64_t value = (low_ + mask) & ~mask;
      if (value <= std::uint64_t{low_} + range_ - 1) {
        add_to_low(static_cast<std::uint32_t>(value - low_));
        break;
      }
    }
    for (int shift = 24; shift >= 0; shift -= 8) bytes_.push_back(static_cast<std::uint8_t>(low_ >> shift));
    while (!bytes_.empty() && bytes_.back() == 0) bytes_.pop_back();
    return std::move(bytes_);
  }

 private:
  static constexpr std::uint32_t kRenormalizeBelow = std::uint32_t{1} << 24;

  void add_to_low(std::uint32_t amount) {
    const std::uint32_t sum = low_ + amount;
    if (sum < low_) {  // carry into the bytes that are already out
      std::size_t i = bytes_.size();
      while (++bytes_[--i] == 0) {
      }
    }
    low_ = sum;
  }

  std::uint32_t low_ = 0;
  std::uint32_t range_ = 0xffffffff;
  Bytes bytes_;
};

class RangeDecoder {
 public:
  /// The span must outlive the decoder.
  explicit RangeDecoder(ByteSpan bytes) : bytes_(bytes) {
    for (int i = 0; i < 4; ++i) code_ = code_ << 8 | next_byte();
  }

  unsigned decode(Probability zero) {
    const std::uint32_t bound = static_cast<std::uint32_t>((std::uint64_t{range_} * zero) >> 16);
    unsigned bit = 0;
    if (code_ < bound) {
      range_ = bound;
    } else {
      code_ -= bound;
      range_ -= bound;
      bit = 1;
    }
    while (range_ < (std::uint32_t{1} << 24)) {
      code_ = code_ << 8 | next_byte();
      range_ <<= 8;
    }
    return bit;
  }

 private:
  std::uint32_t next_byte() { return position_ < bytes_.size() ? bytes_[position_++] : 0; }

  ByteSpan bytes_;
  std::size_t position_ = 0;
  std::uint32_t code_ = 0;
  std::uint32_t range_ = 0xffffffff;
};

}  // namespace fz::shard
