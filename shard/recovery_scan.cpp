#include "shard/recovery_scan.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/display.h"

namespace fz::shard {
namespace {

constexpr std::size_t kWindowBytes = std::size_t{1} << 20;
// What a hostile file can make the scan do: payloads of false headers are read up to four times the file and 1 GiB.
constexpr std::uint64_t kFalsePayloadAllowance = std::uint64_t{1} << 30;
constexpr std::uint64_t kFalsePayloadFactor = 4;
// Kept of what only damage and archived archives make many of.
constexpr std::size_t kMaxDamagedBlocks = std::size_t{1} << 20;
constexpr std::size_t kMaxHeaders = 4096;

constexpr std::size_t kEndMagicOffset = 80;  // in the footer

class Scanner {
 public:
  Scanner(const File& file, const std::function<void(std::uint64_t)>& pause)
      : file_(file), name_(display_text(file.path().native())), window_(file), pause_(pause) {
    scan_.file_bytes = window_.file_bytes();
    allowance_ = kFalsePayloadFactor * std::min(scan_.file_bytes, kMaxCorpusBytes) + kFalsePayloadAllowance;
  }

  RecoveryScan run() {
    refuse_later_version();
    // All four magics have this letter in them, at their begin or after one byte.
    for (auto hit = window_.find('F', 0, scan_.file_bytes, pause_); hit;
         hit = window_.find('F', look_at(*hit), scan_.file_bytes, pause_)) {
    }
    return std::move(scan_);
  }

 private:
  /// That a newer program made the archive must not be taken for damage.
  void refuse_later_version() {
    const ByteSpan head = window_.from(0, kHeaderBytes);
    if (head.size() < kHeaderBytes) return;
    try {
      parse_header(head.first(kHeaderBytes), name_);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kUnsupported) throw;
    }
  }

  /// There is an 'F' at `position`. Returns where to go on.
  std::uint64_t look_at(std::uint64_t position) {
    const ByteSpan bytes = window_.from(position, 8);
    const auto begins_with = [&](const char* magic, std::size_t size) {
      return bytes.size() >= size && std::memcmp(bytes.data(), magic, size) == 0;
    };
    if (begins_with("FZb1", 4)) return look_at_block(position);
    if (begins_with("FZa1", 4)) return look_at_adapter(position);
    if (begins_with("FZD\r\n\x1a\n", 7) && position > 0) look_at_header(position - 1);
    if (begins_with("FZend\r\n\x1a", 8) && position >= kEndMagicOffset) look_at_footer(position - kEndMagicOffset);
    return position + 1;
  }

  /// The structure of kSize bytes at `position`, if its check, the kCheckBytes after the first kCheckedBytes, fits:
  /// that is looked at first, since a file may be full of magic bytes, and an exception for each would cost.
  template <std::size_t kSize, std::size_t kCheckedBytes, std::size_t kCheckBytes, typename Parse>
  auto parse_at(std::uint64_t position, const Parse& parse) -> std::optional<decltype(parse(ByteSpan()))> {
    ByteSpan bytes = window_.from(position, kSize);
    if (bytes.size() < kSize) return std::nullopt;
    bytes = bytes.first(kSize);
    const Hash hash = hash_bytes(bytes.first(kCheckedBytes));
    if (std::memcmp(hash.data(), bytes.data() + kCheckedBytes, kCheckBytes) != 0) return std::nullopt;
    try {
      return parse(bytes);
    } catch (const Error&) {
      return std::nullopt;
    }
  }

  std::optional<Header> header_at(std::uint64_t position) {
    return parse_at<kHeaderBytes, 96, 8>(position, [](ByteSpan bytes) { return parse_header(bytes, ""); });
  }

  std::optional<BlockHeader> block_header_at(std::uint64_t position) {
    // Codec and reserved bytes before the check: text full of the magic costs next to nothing.
    const ByteSpan begin = window_.from(position, 8);
    if (begin.size() < 8 || begin[4] >= kCodecs.size() || (begin[5] | begin[6] | begin[7]) != 0) return std::nullopt;
    return parse_at<kBlockHeaderBytes, 52, 4>(position,
                                              [](ByteSpan bytes) { return parse_block_header(bytes, "", 0); });
  }

  void look_at_header(std::uint64_t position) {
    const auto header = header_at(position);
    if (header && scan_.headers.size() < kMaxHeaders) scan_.headers.push_back({*header, position});
  }

  void look_at_footer(std::uint64_t position) {
    const auto footer =
        parse_at<kFooterBytes, 72, 8>(position, [](ByteSpan bytes) { return parse_footer(bytes, "", 0); });
    if (footer && scan_.footers.size() < kMaxHeaders) scan_.footers.push_back({*footer, position});
  }

  std::uint64_t look_at_adapter(std::uint64_t position) {
    const std::uint64_t size_bytes = claimed_adapter_bytes(window_.from(position, kAdapterFixedBytes));
    if (size_bytes == 0 || size_bytes > scan_.file_bytes - position || size_bytes > allowance_) return position + 1;
    pause_(position);
    Bytes bytes(static_cast<std::size_t>(size_bytes));
    file_.read_at(position, bytes.data(), bytes.size());
    try {
      const AdapterSummary summary = read_adapter_summary(bytes, name_);
      if (scan_.adapters.size() < kMaxHeaders) scan_.adapters.push_back({summary, position});
      return position + size_bytes;
    } catch (const Error&) {
      allowance_ -= size_bytes;
      return position + 1;
    }
  }

  std::uint64_t look_at_block(std::uint64_t position) {
    const auto header = block_header_at(position);
    if (!header) return position + 1;
    FoundBlock block{*header, position, false};
    block.intact = payload_is_intact(block);
    if (block.intact || damaged_blocks_ < kMaxDamagedBlocks) scan_.blocks.push_back(block);
    damaged_blocks_ += block.intact ? 0 : 1;
    pause_(position);
    if (!block.intact) return position + 1;
    if (!scan_.has_inner_archive) look_into_payload(block);
    return block.file_end();
  }

  /// Only to know whether there is an archive in it.
  void look_into_payload(const FoundBlock& block) {
    for (auto hit = window_.find('F', block.file_offset + kBlockHeaderBytes, block.file_end()); hit;
         hit = window_.find('F', *hit + 1, block.file_end())) {
      const ByteSpan bytes = window_.from(*hit, 4);
      if (bytes.size() < 4) return;
      const bool is_block = std::memcmp(bytes.data(), "FZb1", 4) == 0 && block_header_at(*hit).has_value();
      const bool is_header = std::memcmp(bytes.data(), "FZD", 3) == 0 && header_at(*hit - 1).has_value();
      if (is_block || is_header) {
        scan_.has_inner_archive = true;
        return;
      }
    }
  }

  bool payload_is_intact(const FoundBlock& block) {
    if (block.file_end() > scan_.file_bytes) return false;
    if (block.header.payload_bytes > allowance_) {
      ++scan_.unchecked_blocks;
      return false;
    }
    const Hash hash = window_.hash(block.file_offset + kBlockHeaderBytes, block.header.payload_bytes);
    if (std::equal(block.header.payload_check.begin(), block.header.payload_check.end(), hash.begin())) return true;
    allowance_ -= block.header.payload_bytes;
    return false;
  }

  const File& file_;
  std::string name_;
  FileWindow window_;
  const std::function<void(std::uint64_t)>& pause_;
  RecoveryScan scan_;
  std::uint64_t allowance_ = 0;
  std::size_t damaged_blocks_ = 0;
};

}  // namespace

std::uint64_t RecoveryScan::blocks_offset() const {
  if (!headers.empty() && headers.front().file_offset == 0) return headers.front().header.blocks_offset();
  if (!adapters.empty() && adapters.front().file_offset == kHeaderBytes) return adapters.front().file_end();
  return kHeaderBytes;
}

ByteSpan FileWindow::from(std::uint64_t offset, std::size_t size_bytes) {
  if (offset >= file_bytes_) return {};
  const std::uint64_t wanted = std::min<std::uint64_t>(size_bytes, file_bytes_ - offset);
  if (offset < begin_ || offset + wanted > begin_ + window_.size()) {
    window_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kWindowBytes, file_bytes_ - offset)));
    FZ_CHECK(wanted <= window_.size());
    begin_ = offset;
    file_.read_at(offset, window_.data(), window_.size());
  }
  return ByteSpan(window_).subspan(static_cast<std::size_t>(offset - begin_));
}

std::optional<std::uint64_t> FileWindow::find(std::uint8_t byte, std::uint64_t offset, std::uint64_t end,
                                              const std::function<void(std::uint64_t)>& pause) {
  end = std::min(end, file_bytes_);
  while (offset < end) {
    ByteSpan ahead = from(offset, 1);
    ahead = ahead.first(std::min<std::uint64_t>(ahead.size(), end - offset));
    const void* const hit = std::memchr(ahead.data(), byte, ahead.size());
    if (hit != nullptr) {
      return offset + static_cast<std::uint64_t>(static_cast<const std::uint8_t*>(hit) - ahead.data());
    }
    offset += ahead.size();
    if (pause) pause(offset);
  }
  return std::nullopt;
}

Hash FileWindow::hash(std::uint64_t offset, std::uint64_t size_bytes) {
  FZ_CHECK(offset <= file_bytes_ && size_bytes <= file_bytes_ - offset);
  Hasher hasher;
  while (size_bytes > 0) {
    ByteSpan part = from(offset, 1);
    part = part.first(std::min<std::uint64_t>(part.size(), size_bytes));
    hasher.update(part);
    offset += part.size();
    size_bytes -= part.size();
  }
  return hasher.finish();
}

RecoveryScan scan_for_recovery(const File& file, const std::function<void(std::uint64_t)>& pause) {
  return Scanner(file, pause).run();
}

}  // namespace fz::shard
