// Which parts of a lane's past select its statistics (docs/numerics.md, section 15). Pure functions on plain data.
#pragma once

#include <array>
#include <cstdint>

#include "memory/lane_text.h"

namespace fz::memory {

inline constexpr int kHistoryContexts = 12;  ///< In all plans.
inline constexpr int kMaxCandidateContexts = 7;
inline constexpr int kMaxMatches = 3;

/// Contexts of a symbol to come, as hashes.
struct ContextHashes {
  std::array<std::uint32_t, kHistoryContexts> history;
  std::array<std::uint32_t, kMaxCandidateContexts> candidate;
};

/// What a memory over one kind of alphabet looks at.
struct ContextPlan {
  int candidate_contexts = 0;
  int matches = 0;
  int mixers = 0;
  std::array<std::uint32_t, kMaxMatches> match_lengths{};  ///< Shortest lengths in symbols, the longest first.
  /// In lines at least this long, weights are chosen by the record above instead of by the fields of the line.
  std::uint32_t records_from_column = 0;
  void (*hash)(const LaneText& text, ContextHashes& hashes) = nullptr;
};

void hash_token_contexts(const LaneText& text, ContextHashes& hashes);
void hash_text_contexts(const LaneText& text, ContextHashes& hashes);
void hash_binary_contexts(const LaneText& text, ContextHashes& hashes);

/// For the tokens of a model.
inline constexpr ContextPlan kTokenPlan = {7, 3, 5, {24, 12, 5}, UINT32_MAX, hash_token_contexts};
/// For the 256 bytes.
inline constexpr ContextPlan kTextPlan = {3, 2, 5, {24, 8}, 255, hash_text_contexts};
inline constexpr ContextPlan kBinaryPlan = {3, 2, 5, {24, 8}, 0, hash_binary_contexts};

inline const ContextPlan& plan_of(const Alphabet& alphabet) {
  if (!alphabet.is_bytes()) return kTokenPlan;
  return alphabet.contents == Contents::kBinary ? kBinaryPlan : kTextPlan;
}

}  // namespace fz::memory
