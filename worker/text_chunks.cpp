#include "worker/text_chunks.h"

#include <algorithm>

#include "model/train/lot.h"
#include "worker/permutation.h"

namespace fz::worker {
namespace {

/// One document of so many is held out, as long as there are not too many tokens: evaluating them costs time.
constexpr std::uint64_t kDocumentsForEachHeldOut = 20;
constexpr std::size_t kMostHeldOutTokens = 1 << 16;
/// One novel is not what all text is like.
constexpr std::size_t kHeldOutChunksOfDocument = 2;
/// Bytes that are tokenized together.
constexpr std::size_t kTokenizedTogether = 4 << 20;

}  // namespace

TextChunks::TextChunks(model::TextSource& source, const model::Tokenizer& tokenizer, ThreadPool& pool,
                       std::uint32_t context, std::uint64_t seed, int rank, int ranks,
                       const std::function<void()>& progress)
    : context_(context), seed_(seed) {
  std::vector<Read> batch;
  std::size_t batch_bytes = 0;
  while (auto document = source.next()) {
    progress();
    const std::uint64_t lot = model::lot_of(fmt::format("{} {} {}", seed, document->offset_bytes, document->path));
    if (lot / kDocumentsForEachHeldOut % static_cast<std::uint64_t>(ranks) != static_cast<std::uint64_t>(rank))
      continue;
    text_bytes_ += document->bytes.size();
    batch_bytes += document->bytes.size();
    batch.push_back({std::move(document->bytes), lot, document->copies, {}});
    if (batch_bytes < kTokenizedTogether) continue;
    add(batch, tokenizer, pool);
    batch_bytes = 0;
  }
  add(batch, tokenizer, pool);
  shuffle();
}

void TextChunks::add(std::vector<Read>& batch, const model::Tokenizer& tokenizer, ThreadPool& pool) {
  pool.parallel_for(batch.size(), [&](std::size_t i, int) {
    const model::Tokenizer own = tokenizer;  // one for each thread; it shares the tables
    batch[i].tokens = own.encode(batch[i].bytes);
  });
  for (const Read& read : batch) {
    // The first one is trained on in any case: it may be the only one.
    if (read.lot % kDocumentsForEachHeldOut == 0 && !documents_.empty() &&
        held_out_.size() * context_ < kMostHeldOutTokens) {
      hold_out(read.tokens);
      continue;
    }
    for (std::uint32_t copy = 0; copy < read.copies; ++copy) {
      documents_.push_back(
          {read.lot + copy * 0x9e3779b97f4a7c15u, tokens_.size(), tokens_.size() + read.tokens.size()});
      tokens_.insert(tokens_.end(), read.tokens.begin(), read.tokens.end());
    }
  }
  batch.clear();
}

/// Some chunks from within the document; the rest of it is not trained on.
void TextChunks::hold_out(const std::vector<model::TokenId>& tokens) {
  const std::size_t all = (tokens.size() + context_ - 1) / context_;
  const std::size_t count = std::min(all, kHeldOutChunksOfDocument);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t begin = all * (2 * i + 1) / (2 * count) * context_;
    const std::size_t end = std::min(begin + context_, tokens.size());
    held_out_.emplace_back(tokens.begin() + static_cast<std::ptrdiff_t>(begin),
                           tokens.begin() + static_cast<std::ptrdiff_t>(end));
  }
}

/// Chunks run over the ends of documents, as they do in an archive's blocks; their neighbours should be any.
void TextChunks::shuffle() {
  std::sort(documents_.begin(), documents_.end(), [](const Piece& a, const Piece& b) { return a.lot < b.lot; });
  std::vector<model::TokenId> shuffled;
  shuffled.reserve(tokens_.size());
  for (const Piece& piece : documents_) {
    shuffled.insert(shuffled.end(), tokens_.begin() + static_cast<std::ptrdiff_t>(piece.begin),
                    tokens_.begin() + static_cast<std::ptrdiff_t>(piece.end));
  }
  tokens_ = std::move(shuffled);
  documents_.clear();
}

std::vector<Chunk> TextChunks::draw(std::size_t count) {
  std::vector<Chunk> chunks;
  if (tokens_.empty()) return chunks;
  const std::uint64_t all = (tokens_.size() + context_ - 1) / context_;
  while (chunks.size() < count) {
    const std::uint64_t epoch = next_ / all;
    const std::uint64_t index = Permutation(all, seed_ + epoch)(next_ % all);
    ++next_;
    // Every epoch cuts elsewhere.
    const std::size_t shift = epoch * 0x9e3779b1u % context_;
    const std::size_t begin = std::min<std::size_t>(index * context_ + shift, tokens_.size() - 1);
    const std::size_t end = std::min<std::size_t>(begin + context_, tokens_.size());
    chunks.emplace_back(tokens_.begin() + static_cast<std::ptrdiff_t>(begin),
                        tokens_.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return chunks;
}

}  // namespace fz::worker
