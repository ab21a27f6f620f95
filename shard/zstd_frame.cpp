#include "shard/zstd_frame.h"

#include <zstd.h>

#include <algorithm>
#include <memory>

namespace fz::shard {

std::optional<ZstdFrame> read_zstd_frame(FileWindow& window, std::uint64_t offset, std::uint64_t raw_limit_bytes) {
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  FZ_CHECK(context != nullptr);
  ZstdFrame frame;
  Bytes part(ZSTD_DStreamOutSize());
  for (;;) {
    const ByteSpan ahead = window.from(offset + frame.stored_bytes, 1);
    ZSTD_inBuffer in{ahead.data(), ahead.size(), 0};
    for (;;) {
      ZSTD_outBuffer out{part.data(), part.size(), 0};
      const std::size_t consumed_before = in.pos;
      const std::size_t rest = ZSTD_decompressStream(context.get(), &out, &in);
      if (ZSTD_isError(rest) || out.pos > raw_limit_bytes - frame.raw.size()) return std::nullopt;
      frame.raw.insert(frame.raw.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(out.pos));
      if (rest == 0) {
        frame.stored_bytes += in.pos;
        return frame;
      }
      if (out.pos == 0 && in.pos == consumed_before) break;  // wants more input
    }
    if (in.pos == 0) return std::nullopt;  // the file ends within the frame
    frame.stored_bytes += in.pos;
  }
}

}  // namespace fz::shard
