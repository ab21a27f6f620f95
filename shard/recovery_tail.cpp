#include "shard/recovery_tail.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <tuple>

#include "base/display.h"
#include "shard/fallback_codecs.h"
#include "shard/zstd_frame.h"

namespace fz::shard {
namespace {

// Each of these bounds what a hostile file can cost; a damaged one has a footer or two and a few frames.
constexpr std::size_t kMaxFooters = 16;
constexpr std::size_t kMaxSpots = 256;
constexpr std::uint64_t kMaxUnconfirmedTableBytes = std::uint64_t{1} << 30;
constexpr std::uint64_t kHashSearchBytes = std::uint64_t{16} << 20;

std::uint64_t tail_start_wanted(const Footer& footer) {
  return footer.table_offset + footer.table_bytes + footer.index_bytes;
}

Hash16 hash_range(FileWindow& window, std::uint64_t offset, std::uint64_t size_bytes) {
  const Hash hash = window.hash(offset, size_bytes);
  Hash16 result;
  std::copy_n(hash.begin(), result.size(), result.begin());
  return result;
}

bool has_hash(FileWindow& window, std::uint64_t offset, std::uint64_t size_bytes, const Hash16& hash) {
  if (offset > window.file_bytes() || size_bytes > window.file_bytes() - offset) return false;
  return hash_range(window, offset, size_bytes) == hash;
}

bool is_zstd_magic(ByteSpan bytes) {
  std::uint32_t magic = 0;
  if (bytes.size() < sizeof magic) return false;
  std::memcpy(&magic, bytes.data(), sizeof magic);
  return magic == kZstdMagic;
}

class TailFinder {
 public:
  TailFinder(const File& file, const RecoveryScan& scan)
      : file_(file), window_(file), scan_(scan), name_(display_text(file.path().native())) {}

  RecoveryTail run() {
    choose_footer();
    if (tail_.footer) {
      find_confirmed_table();
    } else {
      find_unconfirmed_table();
    }
    return std::move(tail_);
  }

 private:
  /// Where these bytes are: where the footer has them, or else wherever such a part may begin.
  std::optional<std::uint64_t> find_part(std::uint64_t bytes_before_footer, const FoundFooter& footer,
                                         std::uint64_t size_bytes, const Hash16& hash) {
    if (bytes_before_footer <= footer.file_offset) {
      const std::uint64_t offset = footer.file_offset - bytes_before_footer;
      if (has_hash(window_, offset, size_bytes, hash)) return offset;
    }
    for (const std::uint64_t spot : spots()) {
      if (has_hash(window_, spot, size_bytes, hash)) return spot;
    }
    return std::nullopt;
  }

  std::optional<std::vector<IndexedBlock>> index_of(const FoundFooter& found) {
    const Footer& footer = found.footer;
    const auto offset = find_part(footer.index_bytes, found, footer.index_bytes, footer.index_hash);
    if (!offset) return std::nullopt;
    try {
      return parse_block_index(
          zstd_decompress(file_.read_at(*offset, footer.index_bytes), footer.index_raw_bytes, name_), footer, name_);
    } catch (const Error&) {
      return std::nullopt;
    }
  }

  /// Its archive's header is there and is not the one at the begin.
  bool is_of_another_archive(const FoundFooter& found) const {
    if (scan_.headers.empty() || scan_.headers.front().file_offset != 0) return false;
    const std::uint64_t shift = found.file_offset - tail_start_wanted(found.footer);
    return shift != 0 && std::any_of(scan_.headers.begin(), scan_.headers.end(),
                                     [&](const FoundHeader& header) { return header.file_offset == shift; });
  }

  /// An archive may hold archives, and one may be appended to another: the footer must belong to what lies before it.
  void choose_footer() {
    std::tuple<bool, bool, std::uint64_t> best;
    std::size_t tried = 0;
    for (auto found = scan_.footers.rbegin(); found != scan_.footers.rend() && tried < kMaxFooters; ++found, ++tried) {
      const bool in_place = found->file_offset == tail_start_wanted(found->footer);
      auto index = index_of(*found);
      std::uint64_t agreeing_bytes = 0;
      std::uint64_t intact_bytes = 0;
      bool foreign = is_of_another_archive(*found);
      for (const FoundBlock& block : scan_.blocks) {
        const std::uint32_t id = number(block.header.id);
        const bool fits = index ? id < index->size() && agrees((*index)[id], block.header)
                                : id < found->footer.block_count && block.raw_end() <= found->footer.corpus_bytes;
        // What begins where the archive's blocks begin is its block 0, and no other's.
        if (!fits && block.file_offset == scan_.blocks_offset() && id == 0) foreign = true;
        intact_bytes += block.intact ? block.stored_bytes() : 0;
        agreeing_bytes += block.intact && fits ? block.stored_bytes() : 0;
      }
      if (foreign || (!in_place && agreeing_bytes < intact_bytes / 2)) continue;
      const std::tuple score(in_place, index.has_value(), agreeing_bytes);
      if (tail_.footer && score <= best) continue;
      best = score;
      tail_.footer = *found;
      tail_.footer_in_place = in_place;
      tail_.index = std::move(index);
    }
  }

  void find_confirmed_table() {
    const Footer& footer = tail_.footer->footer;
    const std::uint64_t before = std::uint64_t{footer.table_bytes} + footer.index_bytes;
    const auto offset = find_part(before, *tail_.footer, footer.table_bytes, footer.table_hash);
    if (!offset) return;
    try {
      const Bytes stored = file_.read_at(*offset, footer.table_bytes);
      tail_.entries =
          parse_file_table(zstd_decompress(stored, footer.table_raw_bytes, name_), footer.corpus_bytes, name_);
    } catch (const Error&) {
      return;
    }
    tail_.table_trust = Trust::kConfirmed;
    tail_.table_offset = *offset;
    tail_.corpus_bytes = footer.corpus_bytes;
  }

  void find_unconfirmed_table() {
    std::uint64_t allowance = kMaxUnconfirmedTableBytes;
    for (const std::uint64_t spot : spots()) {
      const auto frame = read_zstd_frame(window_, spot, allowance);
      if (!frame) continue;
      allowance -= frame->raw.size();
      try {
        tail_.entries = parse_file_table(frame->raw, std::nullopt, name_);
      } catch (const Error&) {
        continue;
      }
      tail_.corpus_bytes = corpus_bytes_of(tail_.entries);
      tail_.table_offset = spot;
      const Hash16 hash = hash_range(window_, spot, frame->stored_bytes);
      tail_.table_trust = occurs_after(spot + frame->stored_bytes, hash) ? Trust::kConfirmed : Trust::kUnconfirmed;
      return;
    }
  }

  /// A footer that is damaged elsewhere may still hold the hash, and no chance makes one.
  bool occurs_after(std::uint64_t offset, const Hash16& hash) {
    const std::uint64_t size = std::min(kHashSearchBytes, window_.file_bytes() - offset);
    const Bytes bytes = file_.read_at(offset, static_cast<std::size_t>(size));
    return std::search(bytes.begin(), bytes.end(), hash.begin(), hash.end()) != bytes.end();
  }

  /// Where a table or an index may begin, the last first: anywhere but in intact blocks.
  const std::vector<std::uint64_t>& spots() {
    if (!spots_) spots_ = find_spots();
    return *spots_;
  }

  std::vector<std::uint64_t> find_spots() {
    std::deque<std::uint64_t> spots;
    const auto add = [&](std::uint64_t offset) {
      if (!is_zstd_magic(window_.from(offset, 4))) return;
      spots.push_back(offset);
      if (spots.size() > kMaxSpots) spots.pop_front();
    };
    // Between the intact blocks.
    std::uint64_t position = 0;
    for (std::size_t i = 0; i <= scan_.blocks.size(); ++i) {
      const bool is_end = i == scan_.blocks.size();
      if (!is_end && !scan_.blocks[i].intact) continue;
      const std::uint64_t end = is_end ? window_.file_bytes() : scan_.blocks[i].file_offset;
      for (auto hit = window_.find(kZstdMagic & 0xff, position, end); hit;
           hit = window_.find(kZstdMagic & 0xff, *hit + 1, end)) {
        add(*hit);
      }
      if (!is_end) position = scan_.blocks[i].file_end();
    }
    return {spots.rbegin(), spots.rend()};
  }

  const File& file_;
  FileWindow window_;
  const RecoveryScan& scan_;
  std::string name_;
  std::optional<std::vector<std::uint64_t>> spots_;
  RecoveryTail tail_;
};

}  // namespace

std::uint64_t RecoveryTail::footer_shift() const {
  return footer ? footer->file_offset - tail_start_wanted(footer->footer) : 0;
}

RecoveryTail find_recovery_tail(const File& file, const RecoveryScan& scan) {
  return TailFinder(file, scan).run();
}

bool agrees(const IndexedBlock& record, const BlockHeader& header) {
  return record.codec == header.codec && record.raw_offset == header.raw_offset &&
         record.raw_bytes == header.raw_bytes && record.payload_bytes == header.payload_bytes;
}

}  // namespace fz::shard
