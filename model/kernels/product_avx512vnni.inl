// Integer products with 512-bit vectors and VNNI. vpdpbusd multiplies unsigned by signed bytes, so the left operand is
// offset by 128 and 128 times the column sums is subtracted; the int32 sums wrap, and wrap back exactly.
// Included inside an anonymous namespace.

inline __m512i load_512(const void* source) { return _mm512_loadu_si512(source); }

/// ROWS rows of a (offset by 128) times PANELS panels of 16 columns.
template <int ROWS, int PANELS>
inline void multiply_panels(const std::uint8_t* a, const PackedOperand& b, std::size_t column, std::int32_t* c,
                            std::size_t c_stride) {
  const std::size_t panel_bytes = kPanelColumns * b.depth;
  const std::int8_t* panel = b.data + column * b.depth;
  __m512i sums[ROWS][PANELS];
#pragma GCC unroll 16
  for (int row = 0; row < ROWS; ++row) {
#pragma GCC unroll 2
    for (int p = 0; p < PANELS; ++p) {
      const __m512i column_sums = load_512(b.column_sums + column + p * kPanelColumns);
      sums[row][p] = _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32(column_sums, 7));
    }
  }
  for (std::size_t k = 0; k < b.depth; k += kPanelDepth) {
    __m512i b_group[PANELS];
#pragma GCC unroll 2
    for (int p = 0; p < PANELS; ++p) b_group[p] = load_512(panel + p * panel_bytes + k * kPanelColumns);
#pragma GCC unroll 16
   for (int row = 0; row < ROWS; ++row) {
      int four_values;
      __builtin_memcpy(&four_values, a + row * b.depth + k, sizeof four_values);
      const __m512i a_group = _mm512_set1_epi32(four_values);
#pragma GCC unroll 2
     for (int p = 0; p < PANELS; ++p) sums[row][p] = _mm512_dpbusd_epi32(sums[row][p], a_group, b_group[p]);
    }
  }
#pragma GCC unroll 16
  for (int row = 0; row < ROWS; ++row) {
#pragma GCC unroll 2
    for (int p = 0; p < PANELS; ++p) {
      _mm512_storeu_si512(c + row * c_stride + column + p * kPanelColumns, sums[row][p]);
    }
  }
}

template <int PANELS>
inline void multiply_all_rows(const std::uint8_t* a, std::size_t rows, const PackedOperand& b, std::size_t column,
                              std::int32_t* c, std::size_t c_stride) {
  std::size_t row = 0;
  for (; row + 12 <= rows; row += 12) {
    multiply_panels<12, PANELS>(a + row * b.depth, b, column, c + row * c_stride, c_stride);
  }
  for (; row + 4 <= rows; row += 4) {
    multiply_panels<4, PANELS>(a + row * b.depth, b, column, c + row * c_stride, c_stride);
  }
  for (; row < rows; ++row) multiply_panels<1, PANELS>(a + row * b.depth, b, column, c + row * c_stride, c_stride);
}

void product_s8(const std::int8_t* a, std::size_t rows, const PackedOperand& b, std::int32_t* c,
                std::size_t c_stride, void* scratch) {
  auto* offset_by_128 = static_cast<std::uint8_t*>(scratch);
  for (std::size_t i = 0; i < rows * b.depth; ++i) offset_by_128[i] = static_cast<std::uint8_t>(a[i] ^ -128);
  std::size_t column = 0;
  for (; column + kPanelColumns < b.columns; column += 2 * kPanelColumns) {
    multiply_all_rows<2>(offset_by_128, rows, b, column, c, c_stride);
  }
  if (column < b.columns) multiply_all_rows<1>(offset_by_128, rows, b, column, c, c_stride);
}
