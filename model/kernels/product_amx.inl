// Integer products with AMX tiles. A packed panel's 16 groups of k are one 1-KiB tile of B as it lies in memory. Rows are
// copied to scratch and padded with zeros to whole tiles; the tiles of the last rows go through a small buffer.
// Included inside an anonymous namespace. The process has asked for AMX state first (model/backend.cpp).

struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};

inline constexpr std::size_t kTileRows = 16;

/// Tiles 0–3: sums of 2 × 2 tiles; 4, 5: rows of a; 6, 7: panels of b.
inline void configure_tiles() {
  TileConfig config;
  for (int tile = 0; tile < 8; ++tile) {
    config.row_bytes[tile] = 64;
    config.rows[tile] = kTileRows;
  }
  // GCC 12's intrinsics do not say what memory they read: without this the stores before them may be dropped or moved.
  __asm__ volatile("" : : "r"(&config) : "memory");
  _tile_loadconfig(&config);
}

/// Copies up to 16 valid rows of a 16 × 16 tile of sums.
inline void copy_tile_rows(const std::int32_t* sums, std::size_t valid_rows, std::int32_t* c, std::size_t c_stride) {
  const std::size_t count = valid_rows < kTileRows ? valid_rows : kTileRows;
  for (std::size_t row = 0; row < count; ++row) {
    __builtin_memcpy(c + row * c_stride, sums + row * kPanelColumns, kPanelColumns * sizeof(std::int32_t));
  }
}

void product_s8(const std::int8_t* a, std::size_t rows, const PackedOperand& b, std::int32_t* c,
                std::size_t c_stride, void* scratch) {
  const std::size_t depth = b.depth;
  const std::size_t padded_rows = (rows + 2 * kTileRows - 1) / (2 * kTileRows) * (2 * kTileRows);
  auto* padded = static_cast<std::int8_t*>(scratch);
  __builtin_memcpy(padded, a, rows * depth);
  __builtin_memset(padded + rows * depth, 0, (padded_rows - rows) * depth);
  alignas(64) std::int32_t sums[4][kTileRows * kPanelColumns];
  constexpr int kSumStride = kPanelColumns * sizeof(std::int32_t);
  const std::size_t panel_bytes = kPanelColumns * depth;

  configure_tiles();
  for (std::size_t column = 0; column < b.columns; column += 2 * kPanelColumns) {
    const std::int8_t* left_panel = b.data + column * depth;
    const bool has_right = column + kPanelColumns < b.columns;
    const std::int8_t* right_panel = has_right ? left_panel + panel_bytes : left_panel;
    for (std::size_t row = 0; row < rows; row += 2 * kTileRows) {
      const std::int8_t* upper = padded + row * depth;
      const std::int8_t* lower = upper + kTileRows * depth;
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
      for (std::size_t k = 0; k < depth; k += 64) {
        _tile_loadd(4, upper + k, depth);
        _tile_loadd(5, lower + k, depth);
        _tile_loadd(6, left_panel + k * kPanelColumns, 64);
        _tile_loadd(7, right_panel + k * kPanelColumns, 64);
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
      }
      const std::size_t valid = rows - row;
      const std::size_t valid_lower = valid > kTileRows ? valid - kTileRows : 0;
      std::int32_t* target = c + row * c_stride + column;
      _tile_stored(0, sums[0], kSumStride);
      _tile_stored(1, sums[1], kSumStride);
      _tile_stored(2, sums[2], kSumStride);
      _tile_stored(3, sums[3], kSumStride);
      copy_tile_rows(sums[0], valid, target, c_stride);
      copy_tile_rows(sums[2], valid_lower, target + kTileRows * c_stride, c_stride);
      if (has_right) {
        copy_tile_rows(sums[1], valid, target + kPanelColumns, c_stride);
        copy_tile_rows(sums[3], valid_lower, target + kTileRows * c_stride + kPanelColumns, c_stride);
      }
    }
  }
  _tile_release();
}
