// Chunks for training from documents: what is held out, and that it is not trained on.
#include "worker/text_chunks.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "support/temporary_directory.h"
#include "tests/unit/model/small_model.h"

namespace fz::worker {
namespace {

constexpr std::uint32_t kContext = 16;
constexpr std::size_t kChunksOfDocument = 32;

class TextChunksTest : public testing::Test {
 protected:
  TextChunksTest() : tokenizer_(model::small_tokenizer(), "small tokenizer"), pool_(1) {}

  /// Every chunk is the document's number: 15 digits and a newline, 16 tokens of the small tokenizer.
  void write_documents(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      std::string text;
      for (std::size_t chunk = 0; chunk < kChunksOfDocument; ++chunk) text += fmt::format("{:015}\n", i);
      test::write_text(directory_ / fmt::format("{}.txt", i), text);
    }
  }
  TextChunks read(std::uint64_t seed, int rank = 0, int ranks = 1) {
    model::TextSource source({.inputs = {directory_.path()}, .weights = {}});
    return {source, tokenizer_, pool_, kContext, seed, rank, ranks, [] {}};
  }
  std::size_t document_of(const Chunk& chunk) const {
    std::string text;
    for (const model::TokenId token : chunk) text += as_string_view(tokenizer_.token_bytes(token));
    return std::stoul(text);
  }
  std::set<std::size_t> trained_documents(TextChunks& chunks) const {
    std::set<std::size_t> documents;
    for (const Chunk& chunk : chunks.draw(chunks.token_count() / kContext)) documents.insert(document_of(chunk));
    return documents;
  }

  test::TemporaryDirectory directory_;
  model::Tokenizer tokenizer_;
  ThreadPool pool_;
};

TEST_F(TextChunksTest, HoldsOutALittleOfManyDocumentsAndTrainsOnTheOthers) {
  constexpr std::size_t kDocuments = 400;
  write_documents(kDocuments);
  std::set<std::size_t> seen;
  for (const int rank : {0, 1}) {
    TextChunks chunks = read(7, rank, 2);
    std::map<std::size_t, int> held_out;
    for (const Chunk& chunk : chunks.held_out()) ++held_out[document_of(chunk)];
    EXPECT_GE(held_out.size(), 3u);
    EXPECT_LE(held_out.size(), 30u);
    const std::set<std::size_t> trained = trained_documents(chunks);
    for (const auto& [document, count] : held_out) {
      EXPECT_EQ(count, 2) << document;
      EXPECT_FALSE(trained.contains(document)) << document;
      EXPECT_TRUE(seen.insert(document).second) << document << " is another rank's";
    }
    for (const std::size_t document : trained) EXPECT_TRUE(seen.insert(document).second) << document;
  }
  EXPECT_EQ(seen.size(), kDocuments);
}

TEST_F(TextChunksTest, TheOnlyDocumentIsTrainedOnWhateverTheSeed) {
  write_documents(1);
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const TextChunks chunks = read(seed);
    EXPECT_EQ(chunks.token_count(), kChunksOfDocument * kContext) << seed;
    EXPECT_TRUE(chunks.held_out().empty()) << seed;
  }
}

}  // namespace
}  // namespace fz::worker
