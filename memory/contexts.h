// Which parts of a lane's past select its statistics (docs/numerics.md, section 15). Pure functions on plain data.
#pragma once

#include <array>
#include <cstdint>

#include "memory/lane_text.h"

namespace fz::memory {

inline constexpr int kMaxHistoryContexts = 12;
inline constexpr int kMaxCandidateContexts = 5;
inline constexpr int kMaxMatches = 3;

/// What a memory over one kind of alphabet looks at.
struct ContextPlan {
  int history_contexts = 0;
  int candidate_contexts = 0;
  int matches = 0;
  int mixers = 0;
  std::array<std::uint32_t, kMaxMatches> match_lengths{};  ///< Shortest lengths in symbols, the longest first.
};

/// Contexts of a symbol to come, as hashes.
struct ContextHashes {
  std::array<std::uint32_t, kMaxHistoryContexts> history;
  std::array<std::uint32_t, kMaxCandidateContexts> candidate;
};

/// For the tokens of a model.
inline constexpr ContextPlan kTokenPlan = {12, 5, 3, 5, {24, 12, 5}};
void hash_token_contexts(const LaneText& text, ContextHashes& hashes);

/// For the 256 bytes: fewer contexts, as there are three times as many symbols.
inline constexpr ContextPlan kBytePlan = {9, 3, 2, 4, {24, 8}};
void hash_byte_contexts(const LaneText& text, ContextHashes& hashes);

}  // namespace fz::memory
