// How fast this machine's cores can multiply int8 at most, by instruction set: loops over registers, in which nothing
// else happens. Each is built with the flags of its instruction set and may be called only where the CPU has that.
#pragma once

#include <cstdint>

namespace fz::bench {

/// Runs about `rounds` rounds on this thread and returns the int8 multiplications and additions that it did.
using PeakLoop = double (*)(std::uint64_t rounds);

/// Exact int8 products have two ways on AVX2, here alone: int16 pairs (vpmaddwd), and sizes with signs (vpmaddubsw).
double peak_avx2_pairs(std::uint64_t rounds);
double peak_avx2_signs(std::uint64_t rounds);
double peak_avx512vnni(std::uint64_t rounds);
double peak_amx(std::uint64_t rounds);

}  // namespace fz::bench
