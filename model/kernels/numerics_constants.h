// The constants of docs/numerics.md, exactly as written there (hexadecimal: no decimal rounding in between).
#pragma once

namespace fz::model::numerics {

/// Section 4. Coefficients of 2^f on [-1/2, 1/2], highest power first; relative error of the whole below 2e-7.
inline constexpr int kExp2Terms = 6;
inline constexpr float kExp2Polynomial[kExp2Terms] = {0x1.5bba14p-10f, 0x1.3cea88p-7f, 0x1.c6b752p-5f,
                                                      0x1.ebf9bcp-3f,  0x1.62e42ap-1f, 0x1.0p+0f};
inline constexpr float kExp2Clamp = 125.0f;

inline constexpr float kLog2E = 0x1.715476p+0f;
/// Below this absolute maximum a vector counts as zero: keeps every quotient finite.
inline constexpr float kTiny = 0x1.0p-100f;
/// Section 6: the unit of a denominator (1/65536) over that of a weight (1/16384).
inline constexpr float kDenominatorOne = 65536.0f;
inline constexpr float kFourOverOne = 4.0f;
/// Section 25: the largest of an adapter's middle integers.
inline constexpr float kAdapterMiddleOne = 32767.0f;

}  // namespace fz::model::numerics
