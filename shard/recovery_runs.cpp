#include "shard/recovery_runs.h"

#include <algorithm>
#include <map>

namespace fz::shard {
namespace {

// How many runs back the best predecessor of a run is looked for: damage makes few runs, only hostile files many.
constexpr std::size_t kLookBackRuns = 2000;
// More than all blocks of any file weigh; two runs at most have it.
constexpr std::uint64_t kAnchorWeight = std::uint64_t{1} << 61;
constexpr std::size_t kNone = static_cast<std::size_t>(-1);

/// Blocks that lie one after another in the file and follow one another in number and raw range.
struct Run {
  std::size_t begin = 0;  ///< Indices into the scan's blocks.
  std::size_t end = 0;
  std::uint64_t weight = 0;
  bool certain = false;  ///< Cannot lie in the payload of a block.
};

/// The bytes of raw text between two blocks fit the number of blocks between them: each holds at least one, at most
/// `block_bytes`, and none lie between neighbours.
bool gap_fits(std::uint64_t blocks_between, std::uint64_t raw_between, std::uint64_t block_bytes) {
  return raw_between >= blocks_between && raw_between <= blocks_between * block_bytes;
}

bool may_follow(const FoundBlock& before, const FoundBlock& after, std::uint64_t block_bytes) {
  if (after.header.id <= before.header.id || after.header.raw_offset < before.raw_end()) return false;
  return gap_fits(number(after.header.id) - number(before.header.id) - 1, after.header.raw_offset - before.raw_end(),
                  block_bytes);
}

/// Up to where the file is known to be this block's: what its lost payload covered may be anything now.
std::uint64_t sure_end(const FoundBlock& block) {
  return block.intact ? block.file_end() : block.file_offset + kBlockHeaderBytes;
}

bool may_begin(const FoundBlock& first, std::uint64_t block_bytes) {
  return gap_fits(number(first.header.id), first.header.raw_offset, block_bytes);
}

class RunChooser {
 public:
  RunChooser(const RecoveryScan& scan, const RecoveryTail& tail) : scan_(scan), tail_(tail), blocks_(scan.blocks) {
    const bool has_header = !scan.headers.empty() && scan.headers.front().file_offset == 0;
    block_bytes_ = has_header ? scan.headers.front().header.block_bytes : kMaxBlockBytes;
    // How large the payload of a lost block may be. Without the header: as large as the blocks that are known.
    payload_bytes_ = has_header ? block_bytes_ : kMinBlockBytes;
    for (const FoundBlock& block : blocks_) payload_bytes_ = std::max(payload_bytes_, block.header.raw_bytes);
  }

  RunEvidence run() {
    make_runs();
    choose();
    find_foreign_signs();
    drop_doubtful_runs();
    for (const Run& run : chosen_) {
      for (std::size_t i = run.begin; i < run.end; ++i) evidence_.chosen.push_back(i);
    }
    return std::move(evidence_);
  }

 private:
  void make_runs() {
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      const FoundBlock& block = blocks_[i];
      const bool goes_on = !runs_.empty() && blocks_[i - 1].file_end() == block.file_offset &&
                           number(blocks_[i - 1].header.id) + 1 == number(block.header.id) &&
                           blocks_[i - 1].raw_end() == block.header.raw_offset;
      if (!goes_on) runs_.push_back({i, i, 0, false});
      Run& run = runs_.back();
      run.end = i + 1;
      run.weight += block.intact ? block.stored_bytes() : 1;
    }
    for (Run& run : runs_) {
      const FoundBlock& first = blocks_[run.begin];
      const FoundBlock& last = blocks_[run.end - 1];
      const bool at_begin = number(first.header.id) == 0 && first.file_offset == scan_.blocks_offset();
      const bool at_end = tail_.footer_in_place && last.file_end() == tail_.footer->footer.table_offset &&
                          last.raw_end() == tail_.footer->footer.corpus_bytes;
      run.certain = at_begin || at_end || sure_end(last) - first.file_offset > payload_bytes_;
      if (at_begin || at_end) run.weight += kAnchorWeight;
    }
  }

  bool fits_header_at_begin(const Run& run) const {
    if (scan_.headers.empty() || scan_.headers.front().file_offset != 0) return true;
    return std::all_of(blocks_.begin() + static_cast<std::ptrdiff_t>(run.begin),
                       blocks_.begin() + static_cast<std::ptrdiff_t>(run.end),
                       [&](const FoundBlock& block) { return fits_header(block, scan_.headers.front().header); });
  }

  /// Where the footer lies where it says, so does every block: its distance from the first and to the last is that of
  /// the blocks between, each 56 bytes and a payload not larger than its raw bytes.
  bool can_lie_there(const Run& run) const {
    if (!tail_.footer_in_place) return true;
    const Footer& footer = tail_.footer->footer;
    const FoundBlock& first = blocks_[run.begin];
    const FoundBlock& last = blocks_[run.end - 1];
    const std::uint64_t blocks_before = number(first.header.id);
    const std::uint64_t blocks_so_far = std::uint64_t{number(last.header.id)} + 1;
    if (blocks_so_far > footer.block_count || last.raw_end() > footer.corpus_bytes) return false;
    if (first.file_offset < scan_.blocks_offset() || sure_end(last) > footer.table_offset) return false;
    const auto fits = [](std::uint64_t file_bytes, std::uint64_t blocks, std::uint64_t raw_bytes) {
      return file_bytes >= blocks * (kBlockHeaderBytes + 1) && file_bytes <= blocks * kBlockHeaderBytes + raw_bytes;
    };
    if (!fits(first.file_offset - scan_.blocks_offset(), blocks_before, first.header.raw_offset)) return false;
    return last.file_end() <= footer.table_offset &&
           fits(footer.table_offset - last.file_end(), footer.block_count - blocks_so_far,
                footer.corpus_bytes - last.raw_end());
  }

  /// The heaviest sequence of runs that fit each other.
  void choose() {
    std::vector<std::uint64_t> weights(runs_.size(), 0);
    std::vector<std::size_t> befores(runs_.size(), kNone);
    std::size_t best = kNone;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      const FoundBlock& first = blocks_[runs_[i].begin];
      if (!may_begin(first, block_bytes_) || !can_lie_there(runs_[i]) || !fits_header_at_begin(runs_[i])) continue;
      weights[i] = runs_[i].weight;
      for (std::size_t j = i > kLookBackRuns ? i - kLookBackRuns : 0; j < i; ++j) {
        if (weights[j] == 0 || weights[j] + runs_[i].weight <= weights[i]) continue;
        if (!may_follow(blocks_[runs_[j].end - 1], first, block_bytes_)) continue;
        weights[i] = weights[j] + runs_[i].weight;
        befores[i] = j;
      }
      if (best == kNone || weights[i] > weights[best]) best = i;
    }
    for (; best != kNone; best = befores[best]) chosen_.push_back(runs_[best]);
    std::reverse(chosen_.begin(), chosen_.end());
  }

  /// What is in the file and neither of this archive nor a copy of something of it.
  void find_foreign_signs() {
    std::vector<std::uint64_t>& signs = evidence_.foreign_offsets;
    std::vector<bool> is_chosen(blocks_.size(), false);
    std::map<BlockId, std::size_t> by_id;
    for (const Run& run : chosen_) {
      for (std::size_t i = run.begin; i < run.end; ++i) {
        is_chosen[i] = true;
        by_id.emplace_hint(by_id.end(), blocks_[i].header.id, i);
      }
    }
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      if (is_chosen[i]) continue;
      const auto same = by_id.find(blocks_[i].header.id);
      if (same == by_id.end() || blocks_[same->second].header != blocks_[i].header)
        signs.push_back(blocks_[i].file_offset);
    }
    const bool has_header = !scan_.headers.empty() && scan_.headers.front().file_offset == 0;
    for (const FoundHeader& header : scan_.headers) {
      const bool before_first =
          !chosen_.empty() && number(blocks_[chosen_.front().begin].header.id) == 0 &&
          blocks_[chosen_.front().begin].file_offset == header.file_offset + header.header.blocks_offset();
      if (header.file_offset != 0 && (has_header || tail_.footer_in_place || !before_first))
        signs.push_back(header.file_offset);
    }
    for (const FoundFooter& footer : scan_.footers) {
      if (!tail_.footer || footer.file_offset != tail_.footer->file_offset) signs.push_back(footer.file_offset);
    }
    std::sort(signs.begin(), signs.end());
  }

  /// No more bytes lie before and after the run than the blocks that are missing there can take. There are more where
  /// bytes were inserted, but also where the run lies in the payload of a lost block.
  bool is_near_neighbours(std::size_t i) const {
    const FoundBlock& first = blocks_[chosen_[i].begin];
    const FoundBlock& last = blocks_[chosen_[i].end - 1];
    const auto near = [](std::uint64_t file_bytes, std::uint64_t blocks, std::uint64_t raw_bytes) {
      return file_bytes <= blocks * kBlockHeaderBytes + raw_bytes;
    };
    if (i > 0) {
      const FoundBlock& before = blocks_[chosen_[i - 1].end - 1];
      // Of a damaged block, too, more than its payload cannot be there.
      const std::uint64_t lost_payload = before.intact ? 0 : before.header.payload_bytes;
      if (!near(first.file_offset - sure_end(before), number(first.header.id) - number(before.header.id) - 1,
                first.header.raw_offset - before.raw_end() + lost_payload))
        return false;
    } else if (const bool follows_header = std::any_of(scan_.headers.begin(), scan_.headers.end(),
                                                       [&](const FoundHeader& header) {
                                                         return header.file_offset + header.header.blocks_offset() ==
                                                                first.file_offset;
                                                       });
               !follows_header && first.file_offset > scan_.blocks_offset()) {
      if (!near(first.file_offset - scan_.blocks_offset(), number(first.header.id), first.header.raw_offset))
        return false;
    }
    if (i + 1 == chosen_.size()) return true;
    const FoundBlock& after = blocks_[chosen_[i + 1].begin];
    const std::uint64_t lost_payload = last.intact ? 0 : last.header.payload_bytes;
    return near(after.file_offset - sure_end(last), number(after.header.id) - number(last.header.id) - 1,
                after.header.raw_offset - last.raw_end() + lost_payload);
  }

  /// A run that could lie in the payload of a lost block, in a part of the file where there is more of another archive,
  /// is not believed.
  void drop_doubtful_runs() {
    std::vector<std::uint64_t> part_ends(chosen_.size());  // where the next certain run begins
    std::uint64_t part_end = scan_.file_bytes;
    for (std::size_t i = chosen_.size(); i-- > 0;) {
      part_ends[i] = part_end;
      if (chosen_[i].certain) part_end = blocks_[chosen_[i].begin].file_offset;
    }
    std::vector<Run> kept;
    std::uint64_t part_begin = 0;  // where the last certain run before ends
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
      if (chosen_[i].certain) {
        part_begin = sure_end(blocks_[chosen_[i].end - 1]);
        kept.push_back(chosen_[i]);
        continue;
      }
      const std::vector<std::uint64_t>& signs = evidence_.foreign_offsets;
      const auto sign = std::lower_bound(signs.begin(), signs.end(), part_begin);
      const bool has_sign = sign != signs.end() && *sign < part_ends[i];
      if (!has_sign && !scan_.has_inner_archive && is_near_neighbours(i)) kept.push_back(chosen_[i]);
    }
    chosen_ = std::move(kept);
  }

  const RecoveryScan& scan_;
  const RecoveryTail& tail_;
  const std::vector<FoundBlock>& blocks_;
  std::uint32_t block_bytes_ = kMaxBlockBytes;
  std::uint32_t payload_bytes_ = kMinBlockBytes;
  std::vector<Run> runs_;
  std::vector<Run> chosen_;
  RunEvidence evidence_;
};

}  // namespace

bool fits_header(const FoundBlock& block, const Header& header) {
  if (block.header.raw_bytes > header.block_bytes) return false;
  if (!needs_model(block.header.codec)) return true;
  return !header.model.is_none() && token_coder(block.header.codec) == header.token_coder;
}

RunEvidence choose_by_runs(const RecoveryScan& scan, const RecoveryTail& tail) {
  return RunChooser(scan, tail).run();
}

}  // namespace fz::shard
