// Integer products with 256-bit vectors. Included inside an anonymous namespace.
//
// int8 × int8: vpmaddubsw adds two products in 16 bits and would saturate with an operand of up to 255; here its
// unsigned operand is |b| ≤ 127 and its signed one ±a, |a| ≤ 127, so that |sum| ≤ 32,258. No widened copies are needed.
// int16 × int8: b is widened to int16; the pair sums of vpmaddwd are exact in int32.

/// `ROWS` rows of a times the 16 columns of a panel.
template <int ROWS>
inline void multiply_panel_s8(const std::int8_t* a, std::size_t depth, const std::int8_t* b, std::int32_t* c,
                              std::size_t c_stride) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sums[ROWS][2];
#pragma GCC unroll 4
  for (int row = 0; row < ROWS; ++row) sums[row][0] = sums[row][1] = _mm256_setzero_si256();
  for (std::size_t k = 0; k < depth; k += kPanelDepth) {
    const auto* b_group = reinterpret_cast<const __m256i*>(b + k * kPanelColumns);
    const __m256i b_low = _mm256_load_si256(b_group);
    const __m256i b_high = _mm256_load_si256(b_group + 1);
    const __m256i b_low_size = _mm256_abs_epi8(b_low);
    const __m256i b_high_size = _mm256_abs_epi8(b_high);
#pragma GCC unroll 4
    for (int row = 0; row < ROWS; ++row) {
      int four_values;
      __builtin_memcpy(&four_values, a + row * depth + k, sizeof four_values);
      const __m256i a_group = _mm256_set1_epi32(four_values);
      const __m256i low = _mm256_maddubs_epi16(b_low_size, _mm256_sign_epi8(a_group, b_low));
      const __m256i high = _mm256_maddubs_epi16(b_high_size, _mm256_sign_epi8(a_group, b_high));
      sums[row][0] = _mm256_add_epi32(sums[row][0], _mm256_madd_epi16(low, ones));
      sums[row][1] = _mm256_add_epi32(sums[row][1], _mm256_madd_epi16(high, ones));
      FZ_KEEP_IN_REGISTER(sums[row][0]);
      FZ_KEEP_IN_REGISTER(sums[row][1]);
    }
  }
#pragma GCC unroll 4
  for (int row = 0; row < ROWS; ++row) {
    auto* c_row = reinterpret_cast<__m256i*>(c + row * c_stride);
    _mm256_storeu_si256(c_row, sums[row][0]);
    _mm256_storeu_si256(c_row + 1, sums[row][1]);
  }
}

void product_s8(const std::int8_t* a, std::size_t rows, const PackedOperand& b, std::int32_t* c, std::size_t c_stride,
                void* /*scratch*/) {
  for (std::size_t column = 0; column < b.columns; column += kPanelColumns) {
    const std::int8_t* panel = b.data + column * b.depth;
    std::int32_t* c_panel = c + column;
    std::size_t row = 0;
    for (; row + 4 <= rows; row += 4) {
      multiply_panel_s8<4>(a + row * b.depth, b.depth, panel, c_panel + row * c_stride, c_stride);
    }
    const std::int8_t* a_rest = a + row * b.depth;
    std::int32_t* c_rest = c_panel + row * c_stride;
    switch (rows - row) {
      case 3:
        multiply_panel_s8<3>(a_rest, b.depth, panel, c_rest, c_stride);
        break;
      case 2:
        multiply_panel_s8<2>(a_rest, b.depth, panel, c_rest, c_stride);
        break;
      case 1:
        multiply_panel_s8<1>(a_rest, b.depth, panel, c_rest, c_stride);
        break;
      default:
        break;
    }
  }
}

/// Adds `ROWS` rows of a times 8 columns of a panel. An accumulator vector holds 4 columns with 2 partial sums each.
template <int ROWS>
inline void multiply_half_panel(const std::int16_t* a, std::size_t a_stride, const std::int8_t* b, std::size_t groups,
                                std::int32_t* c, std::size_t c_stride) {
  __m256i sums[ROWS][2];
#pragma GCC unroll 8
  for (int row = 0; row < ROWS; ++row) sums[row][0] = sums[row][1] = _mm256_setzero_si256();
  for (std::size_t group = 0; group < groups; ++group) {
    const auto* b_group = reinterpret_cast<const __m128i*>(b + group * kPanelColumns * kPanelDepth);
    const __m256i b_low = _mm256_cvtepi8_epi16(_mm_load_si128(b_group));
    const __m256i b_high = _mm256_cvtepi8_epi16(_mm_load_si128(b_group + 1));
#pragma GCC unroll 8
    for (int row = 0; row < ROWS; ++row) {
      long long four_values;
      __builtin_memcpy(&four_values, a + row * a_stride + group * kPanelDepth, sizeof four_values);
      const __m256i a_group = _mm256_set1_epi64x(four_values);
      sums[row][0] = _mm256_add_epi32(sums[row][0], _mm256_madd_epi16(a_group, b_low));
      sums[row][1] = _mm256_add_epi32(sums[row][1], _mm256_madd_epi16(a_group, b_high));
      FZ_KEEP_IN_REGISTER(sums[row][0]);
      FZ_KEEP_IN_REGISTER(sums[row][1]);
    }
  }
#pragma GCC unroll 8
  for (int row = 0; row < ROWS; ++row) {
    const __m256i pairs = _mm256_hadd_epi32(sums[row][0], sums[row][1]);
    const __m256i columns = _mm256_permute4x64_epi64(pairs, 0xd8);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(c + row * c_stride), columns);
  }
}

/// Keys and values of many lanes do not fit any cache, and hardware prefetchers stop at page ends.
inline constexpr std::size_t kPrefetchBytes = 1024;

/// One row times 16 columns: what attention of a single token does over and over.
inline void multiply_panel_by_one_row(const std::int16_t* a, const std::int8_t* b, std::size_t groups,
                                      std::int32_t* c) {
  __m256i sums[4];
#pragma GCC unroll 4
  for (int quarter = 0; quarter < 4; ++quarter) sums[quarter] = _mm256_setzero_si256();
  for (std::size_t group = 0; group < groups; ++group) {
    const auto* b_group = reinterpret_cast<const __m128i*>(b + group * kPanelColumns * kPanelDepth);
    _mm_prefetch(reinterpret_cast<const char*>(b_group) + kPrefetchBytes, _MM_HINT_T0);
    long long four_values;
    __builtin_memcpy(&four_values, a + group * kPanelDepth, sizeof four_values);
    const __m256i a_group = _mm256_set1_epi64x(four_values);
#pragma GCC unroll 4
    for (int quarter = 0; quarter < 4; ++quarter) {
      const __m256i b_quarter = _mm256_cvtepi8_epi16(_mm_load_si128(b_group + quarter));
      sums[quarter] = _mm256_add_epi32(sums[quarter], _mm256_madd_epi16(a_group, b_quarter));
      FZ_KEEP_IN_REGISTER(sums[quarter]);
    }
  }
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    const __m256i pairs = _mm256_hadd_epi32(sums[2 * half], sums[2 * half + 1]);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(c) + half, _mm256_permute4x64_epi64(pairs, 0xd8));
  }
}

void product_s16(const std::int16_t* a, std::size_t a_stride, std::size_t rows, const PackedOperand& b,
                 std::size_t depth_used, std::int32_t* c, std::size_t c_stride) {
  const std::size_t groups = depth_used / kPanelDepth;
  if (rows == 1) {
    for (std::size_t column = 0; column < b.columns; column += kPanelColumns) {
      multiply_panel_by_one_row(a, b.data + column * b.depth, groups, c + column);
    }
    return;
  }
  for (std::size_t column = 0; column < b.columns; column += kPanelColumns / 2) {
    const std::int8_t* panel = b.data + packed_offset(column, 0, b.depth);
    std::size_t row = 0;
    for (; row + 6 <= rows; row += 6) {
      multiply_half_panel<6>(a + row * a_stride, a_stride, panel, groups, c + row * c_stride + column, c_stride);
    }
    const std::int16_t* a_rest = a + row * a_stride;
    std::int32_t* c_rest = c + row * c_stride + column;
    switch (rows - row) {
      case 5:
        multiply_half_panel<5>(a_rest, a_stride, panel, groups, c_rest, c_stride);
        break;
      case 4:
        multiply_half_panel<4>(a_rest, a_stride, panel, groups, c_rest, c_stride);
        break;
      case 3:
        multiply_half_panel<3>(a_rest, a_stride, panel, groups, c_rest, c_stride);
        break;
      case 2:
        multiply_half_panel<2>(a_rest, a_stride, panel, groups, c_rest, c_stride);
        break;
      case 1:
        multiply_half_panel<1>(a_rest, a_stride, panel, groups, c_rest, c_stride);
        break;
      default:
        break;
    }
  }
}
