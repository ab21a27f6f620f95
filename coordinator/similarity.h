// Which files resemble each other, by min-wise hashing of their heads (A. Broder, "On the resemblance and containment
// of documents", 1997), so that they can lie side by side in the corpus stream and the memory of one block knows them
// all. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace fz::coordinator {

/// The least hash of all overlapping pieces of a text, under each of several hash functions. Two texts that have the
/// share J of their different pieces in common agree in each of these numbers with probability J.
using Sketch = std::array<std::uint32_t, 4>;

/// Of texts that are too short to tell.
inline constexpr Sketch kNoSketch = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};

/// The same on every machine.
Sketch sketch_of(ByteSpan text);

/// Of the last component of a path: FNV-1a.
std::uint32_t name_hash(std::string_view path);

/// For each text the index of the first one of its group. Texts whose sketches agree in three numbers are of one group:
/// 95 % of those with J = 0.9, 65 % with 0.7, 3 % with 0.2. Two suffice where `names` are equal, too: 92 % with 0.7,
/// 69 % with 0.5.
std::vector<std::uint32_t> groups_of(std::span<const Sketch> sketches, std::span<const std::uint32_t> names);

}  // namespace fz::coordinator
