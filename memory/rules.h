// What the versions of the memory differ in (docs/numerics.md, sections 19 and 20): numbers, found by measurement, that
// archives depend on.
#pragma once

#include <array>
#include <cstdint>

namespace fz::memory {

inline constexpr int kMaxMixers = 5;

/// What all sets of weights begin with, in units of 1/65536.
struct FirstWeights {
  std::int32_t history;
  std::int32_t candidate;
  std::int32_t match;
  std::int32_t model;
  std::array<std::int32_t, kMaxMixers> final;  ///< Of the second mixer, for each layer's logit.
};

struct Rules {
  FirstWeights first_weights;
  std::uint32_t rate;        ///< Of the mixers, in units of 2^-16.
  std::uint32_t final_rate;  ///< Of the second mixer.
  bool rate_of_set;          ///< A set's rate falls with its own use, not with the block's length.
  bool final_by_confidence;  ///< The second mixer's set depends on the model's confidence.
  int refinement_shift;      ///< Each refinement counts 2^-shift.
};

inline constexpr FirstWeights kEvenWeights = {9830, 9830, 9830, 32768, {13107, 13107, 13107, 13107, 13107}};

/// Without a model.
inline constexpr Rules kByteRules = {kEvenWeights, 328, 66, false, true, 2};

/// Beside a model, versions 1 to 3.
inline constexpr Rules kTokenRules1 = {kEvenWeights, 1311, 328, false, true, 2};
inline constexpr Rules kTokenRules2 = {
    {5000, 7000, 9400, 45000, {9600, 15700, 16300, 11800, 9400}}, 1311, 328, false, true, 2};
inline constexpr Rules kTokenRules3 = {
    {3000, 5500, 9200, 53000, {4000, 15400, 19500, 13500, 8800}}, 917, 131, true, false, 3};

}  // namespace fz::memory
