// AVX2's part of peak.h: built with its own flags, and includes nothing that other code could link to.
#include <immintrin.h>

#include "bench/peak/peak.h"
#include "bench/peak/repeat.h"

namespace fz::bench {

#define FZ_DECLARE(i) __m256i sum##i = _mm256_setzero_si256();

double peak_avx2_pairs(std::uint64_t rounds) {
  __m256i a = _mm256_set1_epi16(3);
  __m256i b = _mm256_set1_epi16(5);
  FZ_REPEAT_12(FZ_DECLARE)
#define FZ_ADD(i)                               \
  {                                             \
    __m256i product = _mm256_madd_epi16(a, b);  \
    FZ_TOUCH(product);                          \
    sum##i = _mm256_add_epi32(sum##i, product); \
    FZ_TOUCH(sum##i);                           \
  }
  for (std::uint64_t round = 0; round < rounds; ++round) {
    FZ_REPEAT_12(FZ_ADD)
  }
#undef FZ_ADD
  return static_cast<double>(rounds) * 12 * 16 * 2;
}

double peak_avx2_signs(std::uint64_t rounds) {
  __m256i a = _mm256_set1_epi8(3);
  __m256i b = _mm256_set1_epi8(5);
  const __m256i size = _mm256_abs_epi8(b);
  const __m256i ones = _mm256_set1_epi16(1);
  FZ_REPEAT_10(FZ_DECLARE)
#define FZ_ADD(i)                                  \
  {                                                \
    __m256i product = _mm256_sign_epi8(a, b);      \
    FZ_TOUCH(product);                             \
    product = _mm256_maddubs_epi16(size, product); \
    FZ_TOUCH(product);                             \
    product = _mm256_madd_epi16(product, ones);    \
    FZ_TOUCH(product);                             \
    sum##i = _mm256_add_epi32(sum##i, product);    \
    FZ_TOUCH(sum##i);                              \
  }
  for (std::uint64_t round = 0; round < rounds; ++round) {
    FZ_REPEAT_10(FZ_ADD)
  }
#undef FZ_ADD
  return static_cast<double>(rounds) * 10 * 32 * 2;
}

}  // namespace fz::bench
