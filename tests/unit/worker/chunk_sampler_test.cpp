#include "worker/chunk_sampler.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "support/planned_corpus.h"
#include "support/small_corpus.h"
#include "support/temporary_directory.h"
#include "tests/unit/model/small_model.h"

namespace fz::worker {
namespace {

/// The text is records, each a chunk: 15 digits and a newline are 16 tokens of the small tokenizer.
constexpr std::size_t kRecordBytes = 16;
constexpr std::size_t kRecordsOfPiece = (16 << 10) / kRecordBytes;
constexpr std::uint64_t kSeed = 5;

std::string records(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += fmt::format("{:015}\n", i);
  return text;
}

class ChunkSamplerTest : public testing::Test {
 protected:
  ChunkSamplerTest() : tokenizer_(model::small_tokenizer(), "small tokenizer") {}

  /// 40 pieces of text, 2 of which will be held out, and as much that is not text.
  void make_corpus() {
    test::write_text(directory_ / "text", records(40 * kRecordsOfPiece));
    test::write_text(directory_ / "noise", test::make_noise(1, 40 * kRecordsOfPiece * kRecordBytes));
    plan();
  }
  void plan() {
    plan_ = test::plan_of(directory_.path());
    for (const shard::PlanBlock& block : plan_.blocks) {
      if (block.kind != shard::Kind::kText) continue;
      ASSERT_EQ(block.raw_offset % kRecordBytes, 0u);
    }
  }
  ChunkSampler sampler(int rank, int ranks, std::uint64_t seed = kSeed) const {
    return ChunkSampler(plan_, tokenizer_, kRecordBytes, seed, rank, ranks);
  }
  /// The number of the record that the chunk is; a chunk that is none fails the test.
  std::size_t record_of(const Chunk& chunk) const {
    std::string text;
    for (const model::TokenId token : chunk) text += as_string_view(tokenizer_.token_bytes(token));
    EXPECT_EQ(text.find_first_not_of("0123456789\n"), std::string::npos);
    EXPECT_EQ(text.find('\n'), kRecordBytes - 1) << "not a record: " << text;
    return text.find('\n') == kRecordBytes - 1 ? std::stoul(text) : 0;
  }
  std::vector<std::size_t> records_of(const std::vector<Chunk>& chunks) const {
    std::vector<std::size_t> numbers;
    for (const Chunk& chunk : chunks) numbers.push_back(record_of(chunk));
    return numbers;
  }

  test::TemporaryDirectory directory_;
  model::Tokenizer tokenizer_;
  shard::Plan plan_;
};

TEST_F(ChunkSamplerTest, RanksShareThePiecesOfAnEpoch) {
  make_corpus();
  for (const int ranks : {1, 3}) {
    std::map<std::size_t, int> owners;  // of pieces
    for (int rank = 0; rank < ranks; ++rank) {
      for (const std::size_t record : records_of(sampler(rank, ranks).held_out()))
        owners.try_emplace(record / kRecordsOfPiece, -1);
    }
    EXPECT_EQ(owners.size(), 2u);
    for (int rank = 0; rank < ranks; ++rank) {
      ChunkSampler sampler = this->sampler(rank, ranks);
      // The pool mixes a piece with the next one or two, so pieces come up in the order in which they are read.
      const std::size_t own =
          (38 - static_cast<std::size_t>(rank) + static_cast<std::size_t>(ranks) - 1) / static_cast<std::size_t>(ranks);
      std::set<std::size_t> pieces;
      for (std::size_t drawn = 0; drawn < 60 * kRecordsOfPiece && pieces.size() < own; ++drawn)
        pieces.insert(record_of(sampler.draw(1).at(0)) / kRecordsOfPiece);
      EXPECT_EQ(pieces.size(), own);
      for (const std::size_t piece : pieces) {
        const auto [owner, is_new] = owners.try_emplace(piece, rank);
        EXPECT_TRUE(is_new) << "piece " << piece << " is drawn by rank " << rank << " and by " << owner->second;
      }
    }
    EXPECT_EQ(owners.size(), 40u);
  }
}

TEST_F(ChunkSamplerTest, AllTextIsDrawnOrHeldOutAndNeverBoth) {
  make_corpus();
  constexpr int kRanks = 3;
  std::multiset<std::size_t> held_out;
  std::map<std::size_t, int> drawn;
  for (int rank = 0; rank < kRanks; ++rank) {
    ChunkSampler sampler = this->sampler(rank, kRanks);
    for (const std::size_t record : records_of(sampler.held_out())) held_out.insert(record);
    for (const std::size_t record : records_of(sampler.draw(40 * kRecordsOfPiece))) ++drawn[record];
  }
  EXPECT_EQ(held_out.size(), 2 * kRecordsOfPiece);
  EXPECT_EQ(std::set(held_out.begin(), held_out.end()).size(), held_out.size()) << "held out twice";
  for (const std::size_t record : held_out) ASSERT_FALSE(drawn.contains(record)) << record;
  EXPECT_EQ(held_out.size() + drawn.size(), 40 * kRecordsOfPiece);
  // Three epochs: nothing is drawn far more often than anything else.
  for (const auto& [record, times] : drawn) ASSERT_LE(times, 2 * kRanks) << record;
}

TEST_F(ChunkSamplerTest, OfTextOnly) {
  make_corpus();
  EXPECT_EQ(sampler(0, 2).text_bytes(), 40 * kRecordsOfPiece * kRecordBytes);
  plan_.model = {};  // no block is for the model then
  EXPECT_EQ(sampler(0, 2).text_bytes(), 0u);
  EXPECT_TRUE(sampler(0, 1).draw(3).empty());
  EXPECT_TRUE(sampler(0, 1).held_out().empty());
}

TEST_F(ChunkSamplerTest, TheSeedDecidesAndNotTheSizeOfADraw) {
  make_corpus();
  ChunkSampler at_once = sampler(1, 2);
  ChunkSampler in_parts = sampler(1, 2);
  ChunkSampler other = sampler(1, 2, kSeed + 1);
  const std::vector<Chunk> expected = at_once.draw(3000);
  ASSERT_EQ(expected.size(), 3000u);
  std::vector<Chunk> chunks;
  for (const std::size_t count : {1u, 0u, 999u, 2000u}) {
    const std::vector<Chunk> more = in_parts.draw(count);
    EXPECT_EQ(more.size(), count);
    chunks.insert(chunks.end(), more.begin(), more.end());
  }
  EXPECT_EQ(chunks, expected);
  EXPECT_NE(other.draw(3000), expected);
  EXPECT_EQ(sampler(1, 2).held_out(), in_parts.held_out());
}

TEST_F(ChunkSamplerTest, WithLessTextThanRanksSomeHaveNone) {
  test::write_text(directory_ / "text", records(2 * kRecordsOfPiece + 10));  // three pieces, of which one is held out
  plan();
  std::set<std::size_t> seen;
  for (int rank = 0; rank < 4; ++rank) {
    ChunkSampler sampler = this->sampler(rank, 4);
    const std::vector<std::size_t> held_out = records_of(sampler.held_out());
    EXPECT_EQ(held_out.empty(), rank > 0) << rank;
    const std::vector<std::size_t> numbers = records_of(sampler.draw(5 * kRecordsOfPiece));
    EXPECT_EQ(numbers.size(), rank < 2 ? 5 * kRecordsOfPiece : 0) << rank;
    seen.insert(held_out.begin(), held_out.end());
    seen.insert(numbers.begin(), numbers.end());
  }
  EXPECT_EQ(seen.size(), 2 * kRecordsOfPiece + 10);
}

TEST_F(ChunkSamplerTest, ASinglePieceIsTrainedOn) {
  test::write_text(directory_ / "text", records(kRecordsOfPiece));
  plan();
  EXPECT_TRUE(sampler(0, 1).held_out().empty());
  EXPECT_EQ(sampler(0, 1).draw(3).size(), 3u);
}

TEST_F(ChunkSamplerTest, OfAnEmptyCorpusNothing) {
  test::write_text(directory_ / "noise", test::make_noise(1, 100'000));
  plan();
  EXPECT_EQ(sampler(0, 1).text_bytes(), 0u);
  EXPECT_TRUE(sampler(0, 1).draw(16).empty());
}

TEST_F(ChunkSamplerTest, NoChunkIsLongerThanTheContextOrEmpty) {
  test::write_text(directory_ / "text", records(kRecordsOfPiece + 10).substr(7));
  plan_ = test::plan_of(directory_.path());
  ChunkSampler sampler(plan_, tokenizer_, 100, kSeed, 0, 1);
  std::size_t shorter = 0;
  for (const Chunk& chunk : sampler.draw(1000)) {
    ASSERT_FALSE(chunk.empty());
    ASSERT_LE(chunk.size(), 100u);
    shorter += chunk.size() < 100 ? 1 : 0;
  }
  EXPECT_GT(shorter, 0u);  // at the end of a piece
}

}  // namespace
}  // namespace fz::worker
