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

/// Walks from the root to a leaf. choose(level, zero) returns the child to take, 0 or 1, given the probability of 0;
/// it is not asked where the right subtree holds no token. Returns the leaf: always a valid token.
template <typename Choose>
model::TokenId walk_code_tree(const model::FrequencyTable& table, const Choose& choose) {
  const std::uint32_t vocabulary_size = static_cast<std::uint32_t>(table.size());
  const int depth = code_tree_depth(vocabulary_size);
  std::uint32_t begin = 0;
  std::uint64_t total = table.mass(0, vocabulary_size);
  for (int level = 0; level < depth; ++level) {
    const std::uint32_t middle = begin + (std::uint32_t{1} << (depth - 1 - level));
    if (middle >= vocabulary_size) continue;
    const std::uint64_t left = table.mass(begin, middle);
    if (choose(level, decision_probability(left, total)) == 0) {
      total = left;
    } else {
      begin = middle;
      total -= left;
    }
  }
  return begin;
}

/// The decisions of a known token: visit(level, bit).
template <typename Visit>
void walk_to_token(std::uint32_t vocabulary_size, model::TokenId token, const Visit& visit) {
  const int depth = code_tree_depth(vocabulary_size);
  std::uint32_t begin = 0;
  for (int level = 0; level < depth; ++level) {
    const std::uint32_t half = std::uint32_t{1} << (depth - 1 - level);
    if (begin + half >= vocabulary_size) continue;
    const unsigned bit = (token & half) != 0;
    visit(level, bit);
    begin += bit * half;
  }
}

}  // namespace fz::shard
