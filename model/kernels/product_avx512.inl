// int16 × int8 products with 512-bit vectors, for attention. A vector of widened B holds 8 columns of 4 depths; a row's
// 4 values are repeated over it; each accumulator lane is one of two partial sums of a column.
// Included inside an anonymous namespace.

template <int ROWS>
inline void multiply_half_panel_512(const std::int16_t* a, std::size_t a_stride, const std::int8_t* b,
                                    std::size_t groups, std::int32_t* c, std::size_t c_stride) {
  __m512i sums[ROWS];
#pragma GCC unroll 16
  for (int row = 0; row < ROWS; ++row) sums[row] = _mm512_setzero_si512();
  for (std::size_t group = 0; group < groups; ++group) {
    const __m256i packed =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + group * kPanelColumns * kPanelDepth));
    const __m512i b_group = _mm512_cvtepi8_epi16(packed);
#pragma GCC unroll 8
   for (int row = 0; row < ROWS; ++row) {
      long long four_values;
      __builtin_memcpy(&four_values, a + row * a_stride + group * kPanelDepth, sizeof four_values);
      sums[row] = _mm512_add_epi32(sums[row], _mm512_madd_epi16(_mm512_set1_epi64(four_values), b_group));
      FZ_KEEP_IN_REGISTER(sums[row]);
    }
  }
#pragma GCC unroll 16
  for (int row = 0; row < ROWS; ++row) {
    // Add the two partial sums of each column (the halves of every 64-bit lane) and keep the low halves.
    const __m512i both = _mm512_add_epi32(sums[row], _mm512_srli_epi64(sums[row], 32));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(c + row * c_stride), _mm512_cvtepi64_epi32(both));
  }
}

void product_s16(const std::int16_t* a, std::size_t a_stride, std::size_t rows, const PackedOperand& b,
                 std::size_t depth_used, std::int32_t* c, std::size_t c_stride) {
  const std::size_t groups = depth_used / kPanelDepth;
  for (std::size_t column = 0; column < b.columns; column += kPanelColumns / 2) {
    const std::int8_t* panel = b.data + packed_offset(column, 0, b.depth);
    std::size_t row = 0;
    for (; row + 8 <= rows; row += 8) {
      multiply_half_panel_512<8>(a + row * a_stride, a_stride, panel, groups, c + row * c_stride + column, c_stride);
    }
    for (; row + 2 <= rows; row += 2) {
      multiply_half_panel_512<2>(a + row * a_stride, a_stride, panel, groups, c + row * c_stride + column, c_stride);
    }
    if (row < rows) {
      multiply_half_panel_512<1>(a + row * a_stride, a_stride, panel, groups, c + row * c_stride + column, c_stride);
    }
  }
}
