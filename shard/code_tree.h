// The fixed code tree: a token is ⌈log2 V⌉ decisions from the root to its leaf, the leaves being the tokens in byte
// order; decision d is bit (depth − 1 − d) of the token's number (docs/format.md, "Code tree"). Pure functions.
#pragma once

#include <bit>
#include <cstdint>

#include "model/frequency_table.h"
#include "model/model.h"
#include "shard/range_coder.h"

namespace fz::shard {

/// Decisions of a token.
inline int code_tree_depth(std::uint32_t vocabulary_size) {
  return std::bit_width(vocabulary_size - 1);
}

/// Probability of the left child, from integer masses with 0 < left < total.
inline Probability decision_probability(std::uint64_t left, std::uint64_t total) {
  const int bits = std::bit_width(total);
  const int shift = bits > 32 ? bits - 32 : 0;
  const std::uint64_t ratio = ((left >> shift) << 16) / (total >> shift);
  return static_cast<Probability>(ratio < 1 ? 1 : ratio > 65535 ? 65535 : ratio);
}

/// Walks from the root to a leaf: always a valid token. decide(level, begin, middle) returns the child to take, 0 or 1,
/// where the left one holds the tokens from `begin` to `middle`; it is not asked where the right one holds none.
template <typename Decide>
model::TokenId descend_code_tree(std::uint32_t vocabulary_size, const Decide& decide) {
  const int depth = code_tree_depth(vocabulary_size);
  std::uint32_t begin = 0;
  for (int level = 0; level < depth; ++level) {
    const std::uint32_t middle = begin + (std::uint32_t{1} << (depth - 1 - level));
    if (middle < vocabulary_size && decide(level, begin, middle) != 0) begin = middle;
  }
  return begin;
}

/// choose(level, zero) returns the child to take, given the probability of 0. Returns the leaf.
template <typename Choose>
model::TokenId walk_code_tree(const model::FrequencyTable& table, const Choose& choose) {
  const std::uint32_t vocabulary_size = static_cast<std::uint32_t>(table.size());
  std::uint64_t total = table.mass(0, vocabulary_size);
  return descend_code_tree(vocabulary_size, [&](int level, std::uint32_t begin, std::uint32_t middle) {
    const std::uint64_t left = table.mass(begin, middle);
    const unsigned bit = choose(level, decision_probability(left, total));
    total = bit == 0 ? left : total - left;
    return bit;
  });
}

/// The same with the probabilities of the decisions on the way, by level; a 0 counts as the least there is.
template <typename Choose>
model::TokenId walk_code_tree(std::uint32_t vocabulary_size, const Probability* zeros, const Choose& choose) {
  return descend_code_tree(vocabulary_size, [&](int level, std::uint32_t, std::uint32_t) {
    return choose(level, zeros[level] == 0 ? Probability{1} : zeros[level]);
  });
}

/// The decisions of a known token: visit(level, bit).
template <typename Visit>
void walk_to_token(std::uint32_t vocabulary_size, model::TokenId token, const Visit& visit) {
  const int depth = code_tree_depth(vocabulary_size);
  descend_code_tree(vocabulary_size, [&](int level, std::uint32_t, std::uint32_t) {
    const unsigned bit = token >> (depth - 1 - level) & 1;
    visit(level, bit);
    return bit;
  });
}

}  // namespace fz::shard
