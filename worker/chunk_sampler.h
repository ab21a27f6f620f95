// Draws chunks for training from all text of a corpus, as the plan lists it: small pieces in a random order, a few of
// them held out for measuring, the rest divided among the ranks. Reads what it needs when it needs it. One thread.
#pragma once

#include <random>
#include <vector>

#include "model/tokenizer.h"
#include "shard/corpus_reader.h"
#include "worker/permutation.h"
#include "worker/training_pass.h"

namespace fz::worker {

class ChunkSampler final : public ChunkSource {
 public:
  /// `plan` and `tokenizer` must outlive it. The same seed on all ranks.
  ChunkSampler(const shard::Plan& plan, const model::Tokenizer& tokenizer, std::uint32_t context, std::uint64_t seed,
               int rank, int ranks);

  std::vector<Chunk> held_out() const override;
  std::vector<Chunk> draw(std::size_t count) override;

  /// Bytes of text in the corpus.
  std::uint64_t text_bytes() const { return text_bytes_; }

 private:
  struct TextRange {
    std::uint64_t first_piece;
    const shard::PlanBlock* block;
  };
  void read_piece(std::uint64_t piece, std::vector<Chunk>& chunks) const;
  bool refill();

  const shard::CorpusReader reader_;
  model::Tokenizer tokenizer_;
  std::uint32_t context_;
  std::uint64_t seed_;
  std::uint64_t rank_;
  std::uint64_t ranks_;
  std::vector<TextRange> ranges_;  // in order of first_piece
  std::uint64_t pieces_ = 0;
  std::uint64_t held_out_pieces_ = 0;
  std::uint64_t text_bytes_ = 0;
  std::uint64_t next_ = 0;  // of this rank's draws, over all epochs
  std::vector<Chunk> pool_;
  std::mt19937_64 random_;
};

}  // namespace fz::worker
