#include "shard/fallback_codecs.h"

#include <bzlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

namespace fz::shard {
namespace {

constexpr std::size_t kGrowthBytes = std::size_t{4} << 20;  // the most that is allocated ahead of what a frame yields

struct FreeZstd {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

/// Makes room for more output, never beyond raw_bytes + 1 (the one byte more shows a frame that yields too much).
void grow(Bytes& raw, std::size_t used, std::uint64_t raw_bytes) {
  if (used < raw.size()) return;
  const std::uint64_t more = std::max<std::uint64_t>(kGrowthBytes, raw.size());
  raw.resize(static_cast<std::size_t>(std::min<std::uint64_t>(raw_bytes + 1, raw.size() + more)));
}

}  // namespace

Bytes zstd_compress(ByteSpan raw, int level) {
  Bytes payload(ZSTD_compressBound(raw.size()));
  const std::size_t size = ZSTD_compress(payload.data(), payload.size(), raw.data(), raw.size(), level);
  FZ_CHECK(!ZSTD_isError(size));
  payload.resize(size);
  return payload;
}

Bytes zstd_decompress(ByteSpan payload, std::uint64_t raw_bytes, const std::string& source) {
  const std::unique_ptr<ZSTD_DCtx, FreeZstd> context(ZSTD_createDCtx());
  FZ_CHECK(context != nullptr);
  Bytes raw;
  ZSTD_inBuffer in{payload.data(), payload.size(), 0};
  std::size_t used = 0;
  for (;;) {
    grow(raw, used, raw_bytes);
    ZSTD_outBuffer out{raw.data(), raw.size(), used};
    const std::size_t consumed_before = in.pos;
    const std::size_t rest = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(rest)) fail(ErrorCode::kCorrupt, "{}: zstd: {}", source, ZSTD_getErrorName(rest));
    const bool progress = out.pos > used || in.pos > consumed_before;
    used = out.pos;
    if (rest == 0 || used > raw_bytes) break;
    if (!progress) fail(ErrorCode::kCorrupt, "{}: zstd: the frame is truncated", source);
  }
  if (used != raw_bytes || in.pos != in.size)
    fail(ErrorCode::kCorrupt, "{}: zstd: the frame has another size than stated", source);
  raw.resize(used);
  return raw;
}

Bytes bzip2_compress(ByteSpan raw) {
  Bytes payload(raw.size() + raw.size() / 100 + 600);
  auto size = static_cast<unsigned>(payload.size());
  // bzlib's interface lacks const, though it does not write to its input; and it refuses a null pointer to nothing.
  char nothing = 0;
  char* const source = raw.empty() ? &nothing : const_cast<char*>(reinterpret_cast<const char*>(raw.data()));
  FZ_CHECK(BZ2_bzBuffToBuffCompress(reinterpret_cast<char*>(payload.data()), &size, source,
                                    static_cast<unsigned>(raw.size()), 9, 0, 0) == BZ_OK);
  payload.resize(size);
  return payload;
}

Bytes bzip2_decompress(ByteSpan payload, std::uint64_t raw_bytes, const std::string& source) {
  bz_stream stream = {};
  FZ_CHECK(BZ2_bzDecompressInit(&stream, 0, 0) == BZ_OK);
  const std::unique_ptr<bz_stream, int (*)(bz_stream*)> end(&stream, BZ2_bzDecompressEnd);
  stream.next_in = const_cast<char*>(reinterpret_cast<const char*>(payload.data()));
  stream.avail_in = static_cast<unsigned>(payload.size());
  Bytes raw;
  std::size_t used = 0;
  for (;;) {
    grow(raw, used, raw_bytes);
    stream.next_out = reinterpret_cast<char*>(raw.data() + used);
    stream.avail_out = static_cast<unsigned>(raw.size() - used);
    const unsigned in_before = stream.avail_in;
    const unsigned out_before = stream.avail_out;
    const int status = BZ2_bzDecompress(&stream);
    const bool progress = stream.avail_in != in_before || stream.avail_out != out_before;
    used = raw.size() - stream.avail_out;
    if (status == BZ_STREAM_END || used > raw_bytes) break;
    if (status != BZ_OK) fail(ErrorCode::kCorrupt, "{}: bzip2: the data is damaged", source);
    if (!progress) fail(ErrorCode::kCorrupt, "{}: bzip2: the stream is truncated", source);
  }
  if (used != raw_bytes || stream.avail_in != 0) {
    fail(ErrorCode::kCorrupt, "{}: bzip2: the stream has another size than stated", source);
  }
  raw.resize(used);
  return raw;
}

}  // namespace fz::shard
