// Where a lane stands in its text: the last symbols, the word, the line and the line above (docs/numerics.md, section
// 15). One for each lane, read and moved on by one thread at a time.
#pragma once

#include <cstdint>
#include <span>

#include "memory/alphabet.h"
#include "memory/context_hash.h"
#include "memory/period.h"
#include "memory/record_vote.h"

namespace fz::memory {

/// Stand in for symbols that are not there.
inline constexpr Symbol kBeforeLane = 0xFFFFFFFF;
inline constexpr Symbol kNoneAbove = 0xFFFFFFFE;
inline constexpr Symbol kLineStart = 0xFFFFFFFD;

class LaneText {
 public:
  /// `symbols` are those of the whole block, of which the lane has [begin, …); filled in as the lane goes on.
  LaneText(const Alphabet& alphabet, std::span<const Symbol> symbols, std::uint32_t begin)
      : alphabet_(&alphabet), symbols_(symbols), begin_(begin), position_(begin), line_begin_(begin) {}

  /// Index in the block of the symbol to come.
  std::uint32_t position() const { return position_; }
  std::uint32_t begin() const { return begin_; }
  /// The symbol `distance` ≥ 1 back.
  Symbol last(std::uint32_t distance) const {
    return position_ - begin_ < distance ? kBeforeLane : symbols_[position_ - distance];
  }
  /// Symbols since the line's beginning.
  std::uint32_t column() const { return position_ - line_begin_; }
  /// The symbol of the line above, `shift` to the right of the column to come.
  Symbol above(std::uint32_t shift) const {
    const std::uint32_t index = above_begin_ + column() + shift;
    return index < above_end_ ? symbols_[index] : kNoneAbove;
  }
  Symbol first_of_line() const { return first_of_line_; }
  /// Letters so far of a word that may go on; 0 if none.
  std::uint32_t word() const { return word_; }
  std::uint32_t previous_word() const { return previous_word_; }
  /// The separators of the line so far.
  std::uint32_t field() const { return field_; }
  /// The last `count` bytes, 1 to 8, however they were cut into symbols; zeros before the lane.
  std::uint32_t last_bytes(int count) const {
    const std::uint64_t bytes = last_bytes_ & (~std::uint64_t{0} >> (64 - 8 * count));
    return combine(combine(0, static_cast<std::uint32_t>(bytes)), static_cast<std::uint32_t>(bytes >> 32));
  }

  /// Length of records, for bytes only; 0: not known.
  std::uint32_t period() const { return period_; }
  /// Symbols since a record began, wherever records begin; 0 if the period is not known.
  std::uint32_t phase() const { return period_ == 0 ? 0 : (position_ - begin_) % period_; }
  /// The symbol a whole number of records back, `shift` to the right.
  Symbol record(std::uint32_t records, std::uint32_t shift) const {
    return period() == 0 ? kNoneAbove : last(records * period() - shift);
  }

  /// `symbols[position()]` is known now.
  void advance() {
    const Symbol symbol = symbols_[position_];
    if (column() == 0) first_of_line_ = symbol;
    ++position_;
    bool line_ended = false;
    for (const std::uint8_t byte : alphabet_->bytes_of(symbol)) line_ended |= read(byte);
    if (alphabet_->is_bytes()) {
      const auto last_four = static_cast<std::uint32_t>(last_bytes_);
      const std::uint32_t done = position_ - begin_;
      period_ =
          alphabet_->contents == Contents::kBinary ? records_.see(last_four, done) : repetitions_.see(last_four, done);
    }
    if (line_ended) {
      above_begin_ = line_begin_;
      above_end_ = line_begin_ = position_;
      first_of_line_ = kLineStart;
    }
  }

 private:
  /// Returns whether the byte ends a line.
  bool read(std::uint8_t byte) {
    last_bytes_ = last_bytes_ << 8 | byte;
    if (extend_word(word_, byte)) return false;
    if (word_ != 0) previous_word_ = word_;
    word_ = 0;
    switch (byte) {
      case '\n':
        field_ = 0;
        return true;
      case ',':
      case '\t':
      case ';':
      case '|':
      case ':':
      case '"':
      case '=':
      case ' ':
        field_ = combine(field_, byte);
        return false;
      default:
        return false;
    }
  }

  const Alphabet* alphabet_;
  std::span<const Symbol> symbols_;
  std::uint32_t begin_;
  std::uint32_t position_;
  std::uint32_t line_begin_;
  std::uint32_t above_begin_ = 0;
  std::uint32_t above_end_ = 0;
  Symbol first_of_line_ = kLineStart;
  std::uint32_t word_ = 0;
  std::uint32_t previous_word_ = 0;
  std::uint32_t field_ = 0;
  std::uint64_t last_bytes_ = 0;
  std::uint32_t period_ = 0;
  PeriodVote repetitions_;  // of text
  RecordVote records_;      // of binary data
};

}  // namespace fz::memory
