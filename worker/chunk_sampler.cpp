#include "worker/chunk_sampler.h"

#include <algorithm>

namespace fz::worker {
namespace {

/// Small enough that a batch mixes many places, large enough that few chunks are cut short at a piece's end.
constexpr std::uint32_t kPieceBytes = 16 << 10;
/// Held out: one piece of so many, but one of few, and no more than this. A single piece is trained on.
constexpr std::uint64_t kPiecesForEachHeldOut = 16;
constexpr std::uint64_t kMostHeldOutPieces = 16;
/// Chunks that are there to draw from.
constexpr std::size_t kPoolChunks = 256;

}  // namespace

ChunkSampler::ChunkSampler(const shard::Plan& plan, const model::Tokenizer& tokenizer, std::uint32_t context,
                           std::uint64_t seed, int rank, int ranks)
    : reader_(plan),
      tokenizer_(tokenizer),
      context_(context),
      seed_(seed),
      rank_(static_cast<std::uint64_t>(rank)),
      ranks_(static_cast<std::uint64_t>(ranks)),
      random_(seed + rank_) {
  for (const shard::PlanBlock& block : plan.blocks) {
    if (!plan.uses_model(block)) continue;
    ranges_.push_back({pieces_, &block});
    pieces_ += (block.raw_bytes + kPieceBytes - 1) / kPieceBytes;
    text_bytes_ += block.raw_bytes;
  }
  if (pieces_ > 1) held_out_pieces_ = std::clamp<std::uint64_t>(pieces_ / kPiecesForEachHeldOut, 1, kMostHeldOutPieces);
}

void ChunkSampler::read_piece(std::uint64_t piece, std::vector<Chunk>& chunks) const {
  const auto range = std::prev(std::upper_bound(ranges_.begin(), ranges_.end(), piece,
                                                [](std::uint64_t p, const TextRange& r) { return p < r.first_piece; }));
  shard::PlanBlock part = *range->block;
  const std::uint64_t begin = (piece - range->first_piece) * kPieceBytes;
  part.raw_offset += begin;
  part.raw_bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(kPieceBytes, part.raw_bytes - begin));
  const std::vector<model::TokenId> tokens = tokenizer_.encode(reader_.read(part));
  for (std::size_t first = 0; first < tokens.size(); first += context_) {
    chunks.emplace_back(tokens.begin() + static_cast<std::ptrdiff_t>(first),
                        tokens.begin() + static_cast<std::ptrdiff_t>(std::min(first + context_, tokens.size())));
  }
}

std::vector<Chunk> ChunkSampler::held_out() const {
  std::vector<Chunk> chunks;
  if (pieces_ == 0) return chunks;
  const Permutation order(pieces_, seed_);
  for (std::uint64_t i = rank_; i < held_out_pieces_; i += ranks_) read_piece(order(i), chunks);
  return chunks;
}

/// Adds a piece's chunks to the pool; false: this rank has none.
bool ChunkSampler::refill() {
  const std::uint64_t trained = pieces_ - held_out_pieces_;
  const std::uint64_t own = trained > rank_ ? (trained - rank_ + ranks_ - 1) / ranks_ : 0;
  if (own == 0) return false;
  const std::uint64_t epoch = next_ / own;
  const Permutation epoch_order(trained, seed_ + 1 + epoch);
  const Permutation order(pieces_, seed_);
  read_piece(order(held_out_pieces_ + epoch_order(rank_ + next_ % own * ranks_)), pool_);
  ++next_;
  return true;
}

std::vector<Chunk> ChunkSampler::draw(std::size_t count) {
  std::vector<Chunk> chunks;
  while (chunks.size() < count) {
    while (pool_.size() < kPoolChunks && refill()) continue;
    if (pool_.empty()) break;
    std::swap(pool_[random_() % pool_.size()], pool_.back());
    if (!pool_.back().empty()) chunks.push_back(std::move(pool_.back()));
    pool_.pop_back();
  }
  return chunks;
}

}  // namespace fz::worker
