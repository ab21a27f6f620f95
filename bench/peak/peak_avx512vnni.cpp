// AVX-512 VNNI's part of peak.h: built with its own flags, and includes nothing that other code could link to.
#include <immintrin.h>

#include "bench/peak/peak.h"
#include "bench/peak/repeat.h"

namespace fz::bench {

double peak_avx512vnni(std::uint64_t rounds) {
  __m512i a = _mm512_set1_epi8(3);
  __m512i b = _mm512_set1_epi8(5);
  FZ_TOUCH(a);
  FZ_TOUCH(b);
#define FZ_DECLARE(i) __m512i sum##i = _mm512_setzero_si512();
#define FZ_ADD(i)                             \
  sum##i = _mm512_dpbusd_epi32(sum##i, a, b); \
  FZ_TOUCH(sum##i);
  FZ_REPEAT_12(FZ_DECLARE)
  for (std::uint64_t round = 0; round < rounds; ++round) {
    FZ_REPEAT_12(FZ_ADD)
  }
  return static_cast<double>(rounds) * 12 * 64 * 2;
}

}  // namespace fz::bench
