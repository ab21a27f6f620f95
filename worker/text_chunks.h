// Chunks for training a model from a stream of documents: tokenized once, kept in memory, each rank its own share. One
// thread; tokenizing uses the pool.
#pragma once

#include "base/thread_pool.h"
#include "model/tokenizer.h"
#include "model/train/text_source.h"
#include "worker/training_pass.h"

namespace fz::worker {

class TextChunks final : public ChunkSource {
 public:
  /// Which documents are held out, and their order, depends on their paths and `seed`, not on the number of ranks, but
  /// for a rank's first one, which is not. `progress` is called between documents and may throw.
  TextChunks(model::TextSource& source, const model::Tokenizer& tokenizer, ThreadPool& pool, std::uint32_t context,
             std::uint64_t seed, int rank, int ranks, const std::function<void()>& progress);

  std::vector<Chunk> draw(std::size_t count) override;
  std::vector<Chunk> held_out() const override { return held_out_; }
  /// As if so many chunks had been drawn.
  void skip(std::uint64_t chunks) { next_ += chunks; }
  /// Of this rank, once each.
  std::uint64_t token_count() const { return tokens_.size(); }
  /// Raw bytes of the documents that this rank has.
  std::uint64_t text_bytes() const { return text_bytes_; }

 private:
  struct Read {
    Bytes bytes;
    std::uint64_t lot;
    std::uint32_t copies;
    std::vector<model::TokenId> tokens;
  };
  void add(std::vector<Read>& batch, const model::Tokenizer& tokenizer, ThreadPool& pool);
  void hold_out(const std::vector<model::TokenId>& tokens);
  void shuffle();

  std::uint32_t context_;
  std::uint64_t seed_;
  struct Piece {
    std::uint64_t lot;
    std::size_t begin, end;  ///< In tokens_.
  };
  std::vector<Piece> documents_;
  std::vector<model::TokenId> tokens_;
  std::vector<Chunk> held_out_;
  std::uint64_t text_bytes_ = 0;
  std::uint64_t next_ = 0;
};

}  // namespace fz::worker
