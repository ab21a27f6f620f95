// What the versions of the memory differ in (docs/numerics.md, sections 19 and 20): numbers, found by measurement, that
// archives depend on.
#pragma once

#include <array>
#include <cstdint>

namespace fz::memory {

inline constexpr int kMaxMixers = 5;
inline constexpr std::int32_t kWeightOne = 65536;

/// What all sets of weights begin with, in units of 1/kWeightOne.
struct FirstWeights {
  std::int32_t history;
  std::int32_t candidate;
  std::int32_t match;
  std::int32_t model;
  std::array<std::int32_t, kMaxMixers> final;  ///< Of the second mixer, for each layer's logit.
};

/// What a learning rate falls with.
enum class Age : std::uint8_t {
  kOfBlock,  ///< Its symbols so far.
  kOfSet,    ///< Decisions of earlier steps that used the weight set.
};

/// A rate is base · (1 + boost · half_age / (half_age + age)): at half_age, half of the boost is left.
struct Pace {
  Age age;
  std::uint32_t boost;
  std::uint32_t half_age;
};

struct Rules {
  FirstWeights first_weights;
  std::uint32_t rate;        ///< The mixers' base, in units of 2^-16.
  std::uint32_t final_rate;  ///< The second mixer's.
  Pace pace;
  bool final_by_confidence;  ///< The second mixer's set depends on the model's confidence.
  int refinement_shift;      ///< Each refinement counts 2^-shift.
};

inline constexpr FirstWeights kEvenWeights = {9830, 9830, 9830, 32768, {13107, 13107, 13107, 13107, 13107}};
inline constexpr Pace kPaceOfBlock = {Age::kOfBlock, 3, 16384};

/// Without a model.
inline constexpr Rules kByteRules = {kEvenWeights, 328, 66, kPaceOfBlock, true, 2};

/// Beside a model, versions 1 to 3.
inline constexpr Rules kTokenRules1 = {kEvenWeights, 1311, 328, kPaceOfBlock, true, 2};
inline constexpr Rules kTokenRules2 = {
    {5000, 7000, 9400, 45000, {9600, 15700, 16300, 11800, 9400}}, 1311, 328, kPaceOfBlock, true, 2};
inline constexpr Rules kTokenRules3 = {
    {3000, 5500, 9200, 53000, {4000, 15400, 19500, 13500, 8800}}, 917, 131, {Age::kOfSet, 5, 128}, false, 3};

}  // namespace fz::memory
