#include "memory/contexts.h"

#include <algorithm>
#include <initializer_list>

namespace fz::memory {
namespace {

/// `id` keeps equal values of different contexts apart.
std::uint32_t hash_of(std::uint32_t id, std::initializer_list<std::uint32_t> values) {
  std::uint32_t hash = id;
  for (const std::uint32_t value : values) hash = combine(hash, value);
  return hash;
}

std::uint32_t bounded_column(const LaneText& text) {
  return std::min(text.column(), 255u);
}

}  // namespace

void hash_token_contexts(const LaneText& text, ContextHashes& hashes) {
  const Symbol s1 = text.last(1);
  const Symbol s2 = text.last(2);
  const Symbol s3 = text.last(3);
  const Symbol above = text.above(0);
  const Symbol first = text.first_of_line();
  const std::uint32_t column = bounded_column(text);
  hashes.history = {
      hash_of(1, {}),
      hash_of(2, {s1}),
      hash_of(3, {s1, s2}),
      hash_of(4, {s2, s3}),
      hash_of(5, {text.word(), s1}),
      hash_of(6, {text.word(), text.previous_word()}),
      hash_of(7, {above, text.above(1), column}),
      hash_of(8, {first, column, s1}),
      hash_of(9, {text.field(), first}),
      hash_of(10, {text.last_bytes(3)}),
      hash_of(11, {text.last_bytes(5)}),
      hash_of(12, {text.last_bytes(7)}),
  };
  hashes.candidate = {
      hash_of(13, {s1, s2}),
      hash_of(14, {s1, s2, s3}),
      hash_of(15, {s1, s2, s3, text.last(4), text.last(5), text.last(6)}),
      hash_of(16, {above, s1, s2}),
      hash_of(17, {first, column, s1}),
      hash_of(18, {text.field(), first, s1}),
      hash_of(19, {text.word(), text.previous_word()}),
  };
}

void hash_text_contexts(const LaneText& text, ContextHashes& hashes) {
  const Symbol s1 = text.last(1);
  const Symbol above = text.above(0);
  hashes.history[0] = hash_of(1, {});
  hashes.history[1] = hash_of(2, {s1});
  hashes.history[2] = hash_of(3, {text.last_bytes(2)});
  hashes.history[3] = hash_of(4, {text.last_bytes(3)});
  hashes.history[4] = hash_of(5, {text.last_bytes(4)});
  hashes.history[5] = hash_of(6, {text.word(), s1});
  hashes.history[6] = hash_of(7, {above, s1, bounded_column(text)});
  hashes.history[7] = hash_of(8, {text.field(), text.first_of_line()});
  hashes.history[8] = hash_of(9, {text.last(2), text.last(3)});
  const Symbol record = text.record(1, 0);
  const Symbol record_right = text.record(1, 1);
  hashes.history[9] = hash_of(10, {record, record_right, s1});
  hashes.history[10] = hash_of(11, {record, text.phase()});
  hashes.history[11] = hash_of(12, {record, record_right, text.record(2, 0), s1, text.last(2)});
  hashes.candidate[0] = hash_of(13, {text.last_bytes(5)});
  hashes.candidate[1] = hash_of(14, {text.last_bytes(7)});
  hashes.candidate[2] = hash_of(15, {text.word(), text.previous_word()});
}

void hash_binary_contexts(const LaneText& text, ContextHashes& hashes) {
  const Symbol s1 = text.last(1);
  const Symbol s4 = text.last(4);
  const std::uint32_t alignment = (text.position() - text.begin()) % 4;
  const Symbol record = text.record(1, 0);
  const Symbol second_record = text.record(2, 0);
  hashes.history = {
      hash_of(1, {}),
      hash_of(2, {s1}),
      hash_of(3, {text.last_bytes(2)}),
      hash_of(4, {text.last_bytes(3)}),
      hash_of(5, {text.last_bytes(4)}),
      hash_of(6, {record, second_record}),
      hash_of(7, {s4, text.last(8), alignment}),
      hash_of(8, {s1, s4, alignment}),
      hash_of(9, {text.last(2), text.last(3)}),
      hash_of(10, {record, text.record(1, 1), s1}),
      hash_of(11, {record, text.phase()}),
      hash_of(12, {record, second_record, text.record(3, 0)}),
  };
  hashes.candidate[0] = hash_of(13, {text.last_bytes(5)});
  hashes.candidate[1] = hash_of(14, {text.last_bytes(7)});
  hashes.candidate[2] = hash_of(15, {text.word(), text.previous_word()});
}

}  // namespace fz::memory
