#include "model/byte_pair_encoder.h"

#include <algorithm>
#include <bit>

namespace fz::model {
namespace {

constexpr std::uint32_t kNoMerge = 0xffffffff;
constexpr std::uint64_t kEmptySlot = ~std::uint64_t{0};  // no pair: ids are below 2^18
/// Up to here a scan for the best pair beats a heap (measured on English text; the result is the same).
constexpr std::size_t kShortPieceBytes = 48;

std::uint64_t pair_of(TokenId left, TokenId right) {
  return std::uint64_t{left} << 32 | right;
}

std::size_t slot_of(std::uint64_t pair, int shift) {
  return (pair * 0x9e3779b97f4a7c15u) >> shift;
}

}  // namespace

BytePairEncoder::BytePairEncoder(const TokenizerData& data) {
  std::vector<bool> is_added(data.tokens.size());
  for (TokenId id : data.added_tokens) is_added[id] = true;
  std::array<bool, 256> is_set{}, is_from_added{};
  for (TokenId id = 0; id < data.tokens.size(); ++id) {
    if (data.tokens[id].size() != 1) continue;
    const auto byte = static_cast<std::uint8_t>(data.tokens[id][0]);
    if (is_set[byte] && (!is_from_added[byte] || is_added[id])) continue;
    byte_tokens_[byte] = id;
    is_set[byte] = true;
    is_from_added[byte] = is_added[id];
  }

  const std::size_t slot_count = std::bit_ceil(std::max<std::size_t>(data.merges.size() * 2, 16));
  shift_ = 64 - std::countr_zero(slot_count);
  slots_.assign(slot_count, Slot{kEmptySlot, {kNoMerge, 0}});
  for (std::uint32_t rank = 0; rank < data.merges.size(); ++rank) {
    const auto [left, right, result] = data.merges[rank];
    const std::uint64_t pair = pair_of(left, right);
    std::size_t slot = slot_of(pair, shift_);
    while (slots_[slot].pair != kEmptySlot && slots_[slot].pair != pair) slot = (slot + 1) & (slot_count - 1);
    if (slots_[slot].pair == kEmptySlot) slots_[slot] = {pair, {rank, result}};  // of equal pairs the first counts
  }

  if (data.ignore_merges) {
    for (TokenId id = 0; id < data.tokens.size(); ++id) {
      if (!data.tokens[id].empty()) whole_tokens_.emplace_back(data.tokens[id], id);
    }
    std::sort(whole_tokens_.begin(), whole_tokens_.end(), [&](const auto& a, const auto& b) {
      if (a.first != b.first) return a.first < b.first;
      if (is_added[a.second] != is_added[b.second]) return static_cast<bool>(is_added[b.second]);
      return a.second < b.second;
    });
  }
}

BytePairEncoder::Merge BytePairEncoder::find(TokenId left, TokenId right) const {
  const std::uint64_t pair = pair_of(left, right);
  for (std::size_t slot = slot_of(pair, shift_);; slot = (slot + 1) & (slots_.size() - 1)) {
    if (slots_[slot].pair == pair) return slots_[slot].merge;
    if (slots_[slot].pair == kEmptySlot) return {kNoMerge, 0};
  }
}

bool BytePairEncoder::find_whole(ByteSpan piece, TokenId& token) const {
  const std::string_view text = as_string_view(piece);
  const auto found = std::lower_bound(whole_tokens_.begin(), whole_tokens_.end(), text,
                                      [](const auto& entry, std::string_view value) { return entry.first < value; });
  if (found == whole_tokens_.end() || found->first != text) return false;
  token = found->second;
  return true;
}

void BytePairEncoder::encode(ByteSpan piece, Scratch& scratch, std::vector<TokenId>& tokens) const {
  if (piece.empty()) return;
  TokenId whole = 0;
  if (!whole_tokens_.empty() && find_whole(piece, whole)) {
    tokens.push_back(whole);
  } else if (piece.size() <= kShortPieceBytes) {
    encode_short(piece, scratch, tokens);
  } else {
    encode_long(piece, scratch, tokens);
  }
}

/// An array of symbols with the rank of each adjacent pair; scan for the smallest, merge, close the gap.
void BytePairEncoder::encode_short(ByteSpan piece, Scratch& scratch, std::vector<TokenId>& tokens) const {
  auto& symbols = scratch.symbols;
  symbols.resize(piece.size());
  const auto update = [&](std::size_t i) {
    const Merge merge = find(symbols[i].token, symbols[i + 1].token);
    symbols[i].rank = merge.rank;
    symbols[i].result = merge.result;
  };
  for (std::size_t i = 0; i < piece.size(); ++i) symbols[i].token = byte_tokens_[piece[i]];
  for (std::size_t i = 0; i + 1 < piece.size(); ++i) update(i);
  symbols.back().rank = kNoMerge;
  for (;;) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < symbols.size(); ++i) {
      if (symbols[i].rank < symbols[best].rank) best = i;
    }
    if (symbols[best].rank == kNoMerge) break;
    symbols[best].token = symbols[best].result;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    symbols[best].rank = kNoMerge;
    if (best + 1 < symbols.size()) update(best);
    if (best > 0) update(best - 1);
  }
  for (const auto& symbol : symbols) tokens.push_back(symbol.token);
}

/// A linked list of symbols and a heap of candidate pairs: O(n log n). Equal to encode_short in its result.
void BytePairEncoder::encode_long(ByteSpan piece, Scratch& scratch, std::vector<TokenId>& tokens) const {
  auto& symbols = scratch.symbols;
  auto& heap = scratch.heap;
  symbols.resize(piece.size());
  heap.clear();
  const auto is_later = [](const Scratch::Candidate& a, const Scratch::Candidate& b) { return a.order > b.order; };
  const auto queue = [&](std::int32_t position, bool keep_order) {
    const auto next = symbols[position].next;
    if (next < 0) return;
    const TokenId left = symbols[position].token, right = symbols[next].token;
    const Merge merge = find(left, right);
    if (merge.rank == kNoMerge) return;
    symbols[position].result = merge.result;
    heap.push_back({std::uint64_t{merge.rank} << 32 | static_cast<std::uint32_t>(position), left, right});
    if (keep_order) std::push_heap(heap.begin(), heap.end(), is_later);
  };
  const auto size = static_cast<std::int32_t>(piece.size());
  for (std::int32_t i = 0; i < size; ++i) {
    symbols[i] = {byte_tokens_[piece[i]], kNoMerge, 0, i - 1, i + 1 < size ? i + 1 : -1};
  }
  for (std::int32_t i = 0; i < size; ++i) queue(i, false);
  std::make_heap(heap.begin(), heap.end(), is_later);
  constexpr TokenId kMergedAway = 0xffffffff;
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), is_later);
    const Scratch::Candidate candidate = heap.back();
    heap.pop_back();
    const auto position = static_cast<std::int32_t>(candidate.order & 0xffffffff);
    auto& symbol = symbols[position];
    if (symbol.token != candidate.left || symbol.next < 0 || symbols[symbol.next].token != candidate.right) continue;
    // The parts are current, so symbol.result is this pair's: whatever changed them queued the position again.
    const std::int32_t eaten = symbol.next;
    symbol.token = symbol.result;
    symbol.next = symbols[eaten].next;
    symbols[eaten].token = kMergedAway;
    if (symbol.next >= 0) symbols[symbol.next].previous = position;
    queue(position, true);
    if (symbol.previous >= 0) queue(symbol.previous, true);
  }
  for (std::int32_t i = 0; i >= 0; i = symbols[i].next) tokens.push_back(symbols[i].token);
}

}  // namespace fz::model
