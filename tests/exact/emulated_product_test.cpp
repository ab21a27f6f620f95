// The AVX-512 VNNI and AMX product kernels on any CPU: the same source, with each intrinsic replaced by a portable
// function (SIMDe for AVX-512; tiles below). This finds errors of the kernels, not of the CPU or the compiler; where
// the CPU has the instructions, kernel_test runs the real ones.
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

// SIMDe 0.7.4 gives this alias the parameters of the masked form.
#undef _mm512_madd_epi16
#define _mm512_madd_epi16(a, b) simde_mm512_madd_epi16(a, b)

#include "tests/exact/product_cases.h"

#define FZ_KEEP_IN_REGISTER(vector)

namespace fz::model {
namespace vnni {

#include "model/kernels/product_avx512.inl"
#include "model/kernels/product_avx512vnni.inl"

}  // namespace vnni

namespace amx {

/// The state of the emulated tile unit: 8 tiles of 16 rows of 64 bytes, all configured full.
std::uint8_t tiles[8][16][64];
bool is_configured = false;

inline void _tile_loadconfig(const void* config) {
  const auto* bytes = static_cast<const std::uint8_t*>(config);
  is_configured = bytes[0] == 1;
  for (int tile = 0; tile < 8; ++tile) {
    std::uint16_t row_bytes;
    std::memcpy(&row_bytes, bytes + 16 + 2 * tile, 2);
    is_configured = is_configured && row_bytes == 64 && bytes[48 + tile] == 16;
  }
}
inline void _tile_release() {
  is_configured = false;
}
inline void _tile_zero(int tile) {
  std::memset(tiles[tile], 0, sizeof tiles[tile]);
}
inline void _tile_loadd(int tile, const void* base, std::size_t stride) {
  for (int row = 0; row < 16; ++row) {
    std::memcpy(tiles[tile][row], static_cast<const std::uint8_t*>(base) + row * stride, 64);
  }
}
inline void _tile_stored(int tile, void* base, std::size_t stride) {
  for (int row = 0; row < 16; ++row) {
    std::memcpy(static_cast<std::uint8_t*>(base) + row * stride, tiles[tile][row], 64);
  }
}
/// Rows of a times groups of four rows of b: signed bytes, sums in int32.
inline void _tile_dpbssd(int target, int a, int b) {
  ASSERT_TRUE(is_configured);
  for (int m = 0; m < 16; ++m) {
    for (int n = 0; n < 16; ++n) {
      std::int32_t sum;
      std::memcpy(&sum, &tiles[target][m][4 * n], 4);
      for (int k = 0; k < 64; ++k) {
        sum += std::int32_t{static_cast<std::int8_t>(tiles[a][m][k])} *
               static_cast<std::int8_t>(tiles[b][k / 4][4 * n + k % 4]);
      }
      std::memcpy(&tiles[target][m][4 * n], &sum, 4);
    }
  }
}

#include "model/kernels/product_amx.inl"

}  // namespace amx

namespace {

TEST(EmulatedProduct, Avx512Vnni) {
  test::expect_products_equal(vnni::product_s8, vnni::product_s16);
}

TEST(EmulatedProduct, Amx) {
  test::expect_products_equal(amx::product_s8, vnni::product_s16);
}

}  // namespace
}  // namespace fz::model
