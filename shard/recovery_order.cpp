#include "shard/recovery_order.h"

#include <algorithm>

#include "shard/recovery_runs.h"

namespace fz::shard {
namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

/// With the index every block is known by its sizes. Where several fit, the one that lies where it should wins, and
/// among equals none.
std::vector<std::size_t> choose_by_index(const RecoveryScan& scan, const RecoveryTail& tail) {
  const std::vector<IndexedBlock>& index = *tail.index;
  struct Choice {
    std::size_t found = kNone;
    bool in_place = false;
    bool contradicted = false;
  };
  std::vector<Choice> choices(index.size());
  for (std::size_t i = 0; i < scan.blocks.size(); ++i) {
    const FoundBlock& block = scan.blocks[i];
    const std::uint32_t id = number(block.header.id);
    if (id >= index.size() || !agrees(index[id], block.header)) continue;
    const std::uint64_t shift = block.file_offset - index[id].file_offset;
    const bool in_place = shift == 0 || shift == tail.footer_shift();
    Choice& choice = choices[id];
    if (choice.found == kNone || (in_place && !choice.in_place)) {
      choice = {i, in_place, false};
    } else if (in_place == choice.in_place) {
      const FoundBlock& other = scan.blocks[choice.found];
      if (other.header != block.header) {
        choice.contradicted = true;
      } else if (block.intact && !other.intact) {
        choice.found = i;
      }
    }
  }
  std::vector<std::size_t> chosen;
  for (const Choice& choice : choices) {
    if (choice.found != kNone && !choice.contradicted) chosen.push_back(choice.found);
  }
  return chosen;
}

/// The header at the file's begin, unless the blocks say that the archive begins elsewhere.
const FoundHeader* choose_header(const RecoveryScan& scan, const std::vector<FoundBlock>& placed,
                                 const RecoveryTail& tail) {
  const FoundHeader* at_begin = nullptr;
  for (const FoundHeader& found : scan.headers) {
    const std::uint64_t end = found.file_offset + found.header.blocks_offset();
    if (!placed.empty() && number(placed.front().header.id) == 0 && placed.front().file_offset == end) return &found;
    // All parts moved by as much as this header: something stands before the archive.
    if (tail.index && found.file_offset == tail.footer_shift()) return &found;
    if (found.file_offset == 0) at_begin = &found;
  }
  return at_begin;
}

/// Without a header: all language-model blocks have one coder.
void require_one_coder(std::vector<FoundBlock>& placed, std::vector<FoundBlock>& unplaced) {
  std::optional<TokenCoder> coder;
  const auto foreign = std::stable_partition(placed.begin(), placed.end(), [&](const FoundBlock& block) {
    if (!needs_model(block.header.codec)) return true;
    if (!coder) coder = token_coder(block.header.codec);
    return *coder == token_coder(block.header.codec);
  });
  unplaced.insert(unplaced.end(), foreign, placed.end());
  placed.erase(foreign, placed.end());
}

/// It comes before all blocks; what lies among them is data, or another archive's.
void find_adapter(const RecoveryScan& scan, RecoveryOrder& order) {
  const std::uint64_t blocks_begin = order.placed.empty() ? scan.file_bytes : order.placed.front().file_offset;
  for (const FoundAdapter& found : scan.adapters) {
    if (found.file_end() > blocks_begin) break;
    const bool belongs = order.header ? found.summary.stored_bytes == order.header->adapter_bytes &&
                                            found.summary.weights_hash == order.header->model.weights_hash
                                      : found.file_end() == blocks_begin || found.file_offset == kHeaderBytes;
    if (belongs) order.adapter = found;
  }
  order.adapter_was_lost = order.header && order.header->adapter_bytes > 0 && !order.adapter;
  if (!order.adapter_was_lost) return;
  for (FoundBlock& block : order.placed) {
    if (needs_model(block.header.codec)) block.intact = false;
  }
}

bool table_belongs(const RecoveryTail& tail, const std::vector<FoundBlock>& placed, const RunEvidence& evidence,
                   bool has_inner_archive) {
  if (tail.table_trust == Trust::kLost) return false;
  for (const FoundBlock& block : placed) {
    if (block.raw_end() > tail.corpus_bytes) return false;
    if (!tail.footer) continue;
    const std::uint64_t blocks_so_far = std::uint64_t{number(block.header.id)} + 1;
    const std::uint32_t block_count = tail.footer->footer.block_count;
    if (blocks_so_far > block_count) return false;
    if ((blocks_so_far == block_count) != (block.raw_end() == tail.corpus_bytes)) return false;
  }
  if (tail.index || tail.footer_in_place) return true;
  if (!placed.empty() && placed.back().file_end() == tail.table_offset && placed.back().raw_end() == tail.corpus_bytes)
    return true;
  // A table that stands alone is ours unless something speaks of another archive inside or after this one.
  if (has_inner_archive) return false;
  const std::uint64_t from = placed.empty() ? 0 : placed.back().file_offset + 1;
  const auto sign = std::lower_bound(evidence.foreign_offsets.begin(), evidence.foreign_offsets.end(), from);
  return sign == evidence.foreign_offsets.end();
}

}  // namespace

RecoveryOrder order_recovered_blocks(const RecoveryScan& scan, const RecoveryTail& tail) {
  RecoveryOrder order;
  RunEvidence evidence;
  std::vector<std::size_t> chosen;
  if (tail.index) {
    chosen = choose_by_index(scan, tail);
  } else {
    evidence = choose_by_runs(scan, tail);
    chosen = evidence.chosen;
  }
  // An intact copy elsewhere replaces a damaged one; other copies are dropped, what contradicts is set aside.
  std::vector<std::size_t> by_id = chosen;
  const auto id_of = [&](std::size_t i) { return scan.blocks[i].header.id; };
  std::sort(by_id.begin(), by_id.end(), [&](std::size_t a, std::size_t b) { return id_of(a) < id_of(b); });
  std::vector<bool> is_chosen(scan.blocks.size(), false);
  for (const std::size_t i : by_id) is_chosen[i] = true;
  for (std::size_t i = 0; i < scan.blocks.size(); ++i) {
    if (is_chosen[i] || !scan.blocks[i].intact) continue;
    const auto same = std::lower_bound(by_id.begin(), by_id.end(), scan.blocks[i].header.id,
                                       [&](std::size_t left, BlockId id) { return id_of(left) < id; });
    if (same == by_id.end() || scan.blocks[*same].header != scan.blocks[i].header) {
      order.unplaced.push_back(scan.blocks[i]);
    } else if (!scan.blocks[*same].intact) {
      *same = i;
    } else {
      ++order.duplicate_blocks;
    }
  }
  for (const std::size_t i : by_id) order.placed.push_back(scan.blocks[i]);

  if (const FoundHeader* const found = choose_header(scan, order.placed, tail)) order.header = found->header;
  if (order.header) {
    const auto foreign = std::stable_partition(order.placed.begin(), order.placed.end(), [&](const FoundBlock& block) {
      return fits_header(block, *order.header);
    });
    order.unplaced.insert(order.unplaced.end(), foreign, order.placed.end());
    order.placed.erase(foreign, order.placed.end());
  } else {
    require_one_coder(order.placed, order.unplaced);
  }
  find_adapter(scan, order);
  std::erase_if(order.unplaced, [](const FoundBlock& block) { return !block.intact; });
  std::sort(order.unplaced.begin(), order.unplaced.end(),
            [](const FoundBlock& a, const FoundBlock& b) { return a.file_offset < b.file_offset; });
  order.table_belongs = table_belongs(tail, order.placed, evidence, scan.has_inner_archive);
  return order;
}

}  // namespace fz::shard
