// Training byte pairs: sequences worked out by hand, the dullest possible trainer, and what the project's own tokenizer
// makes of the result.
#include "model/train/bpe_trainer.h"

#include <gtest/gtest.h>

#include <map>

#include "base/file.h"
#include "model/export_tokenizer.h"
#include "model/import.h"
#include "model/tokenizer.h"
#include "support/temporary_directory.h"
#include "tests/unit/model/small_model.h"

namespace fz::model {
namespace {

using Merges = std::vector<std::string>;

/// "es+t", in order.
Merges merges_of(const TokenizerData& tokenizer) {
  Merges merges;
  for (const auto& [left, right, result] : tokenizer.merges) {
    merges.push_back(tokenizer.tokens[left] + "+" + tokenizer.tokens[right]);
    EXPECT_EQ(tokenizer.tokens[result], tokenizer.tokens[left] + tokenizer.tokens[right]);
  }
  return merges;
}

/// The example of Sennrich et al. 2016.
const std::vector<CountedPiece> kSennrich = {{"low", 5}, {"lower", 2}, {"newest", 6}, {"widest", 3}};

TEST(BpeTrainer, MergesAsWorkedOutByHand) {
  // lo 7, ow 7, we 8, er 2, ne 6, ew 6, es 9, st 9, wi 3, id 3, de 3: es before st, since e comes before s.
  const BpeTraining training = train_bpe(kSennrich, 300);
  EXPECT_EQ(merges_of(training.tokenizer), (Merges{"e+s", "es+t",                 // 9 each
                                                   "l+o", "lo+w",                 // 7; l before o
                                                   "e+w", "n+ew", "new+est",      // 6; e before n before w
                                                   "d+est", "i+dest", "w+idest",  // 3; d before i before w
                                                   "e+r", "low+er"}));            // 2; e before low
  EXPECT_EQ(training.tokenizer.tokens.size(), 257u + 12);                         // nothing else occurs twice
  EXPECT_EQ(training.text_bytes, 15u + 10 + 36 + 18);
  EXPECT_EQ(training.text_tokens, 5u + 2 + 6 + 3);
}

TEST(BpeTrainer, EndsAtTheVocabularySize) {
  const BpeTraining training = train_bpe(kSennrich, 260);
  EXPECT_EQ(merges_of(training.tokenizer), (Merges{"e+s", "es+t", "l+o"}));
  EXPECT_EQ(training.tokenizer.tokens.size(), 260u);
  EXPECT_EQ(training.text_tokens, 5u * 2 + 2 * 4 + 6 * 4 + 3 * 4);
  EXPECT_EQ(train_bpe(kSennrich, 257).tokenizer.merges.size(), 0u);
  EXPECT_EQ(train_bpe({}, 300).tokenizer.tokens.size(), 257u);
}

TEST(BpeTrainer, TokensAreNumberedAsTheirCharacters) {
  const TokenizerData tokenizer = train_bpe({}, 257).tokenizer;
  EXPECT_EQ(tokenizer.tokens[0], "");
  EXPECT_EQ(tokenizer.tokens[1], "!");
  EXPECT_EQ(tokenizer.tokens[94], "~");
  EXPECT_EQ(tokenizer.tokens[95], "\xa1");
  EXPECT_EQ(tokenizer.tokens[188], "\xff");
  EXPECT_EQ(tokenizer.tokens[189], std::string(1, '\0'));
  EXPECT_EQ(tokenizer.tokens[189 + ' '], " ");
  EXPECT_EQ(tokenizer.tokens[256], "\xad");
}

TEST(BpeTrainer, RunsAreMergedFromLeftToRight) {
  // aaaaa twice has aa 8 times (overlapping); aa|aa|a: (aa, a) before (aa, aa), since a comes before aa.
  EXPECT_EQ(merges_of(train_bpe({{"aaaaa", 2}}, 300).tokenizer), (Merges{"a+a", "aa+a", "aa+aaa"}));
  // ab 6, ba 4: ab|ab|ab, then (ab, ab) 4: abab|ab.
  EXPECT_EQ(merges_of(train_bpe({{"ababab", 2}}, 300).tokenizer), (Merges{"a+b", "ab+ab", "abab+ab"}));
}

TEST(BpeTrainer, NoTokenReadsAsTheBeginTokenOrIsTooLong) {
  const TokenizerData tokenizer = train_bpe({{"<|bos|>", 100}, {std::string(4096, 'x'), 3}}, 1000).tokenizer;
  std::size_t longest = 0;
  for (const std::string& token : tokenizer.tokens) {
    EXPECT_NE(token, kBeginTokenText);
    longest = std::max(longest, token.size());
  }
  EXPECT_EQ(longest, 1024u);
}

/// As the definition says, counting everything anew for each merge.
Merges naive_merges(const std::vector<CountedPiece>& pieces, std::size_t vocabulary_size) {
  TokenizerData made = train_bpe({}, 257).tokenizer;
  std::map<std::string, TokenId> ids;
  for (TokenId id = 0; id < made.tokens.size(); ++id) ids[made.tokens[id]] = id;
  std::vector<std::vector<TokenId>> texts;
  for (const CountedPiece& piece : pieces) {
    texts.emplace_back();
    for (const char byte : piece.bytes) texts.back().push_back(ids.at(std::string(1, byte)));
  }
  while (made.tokens.size() < vocabulary_size) {
    std::map<std::pair<TokenId, TokenId>, std::uint64_t> counts;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      for (std::size_t j = 0; j + 1 < texts[i].size(); ++j) {
        counts[{texts[i][j], texts[i][j + 1]}] += pieces[i].count;
      }
    }
    const auto best = std::max_element(counts.begin(), counts.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (best == counts.end() || best->second < 2) break;
    const auto [left, right] = best->first;
    const std::string bytes = made.tokens[left] + made.tokens[right];
    const TokenId result = ids.emplace(bytes, static_cast<TokenId>(made.tokens.size())).first->second;
    if (result == made.tokens.size()) made.tokens.push_back(bytes);
    made.merges.push_back({left, right, result});
    for (auto& text : texts) {
      for (std::size_t j = 0; j + 1 < text.size(); ++j) {
        if (text[j] != left || text[j + 1] != right) continue;
        text[j] = result;
        text.erase(text.begin() + static_cast<std::ptrdiff_t>(j) + 1);
      }
    }
  }
  return merges_of(made);
}

TEST(BpeTrainer, AgreesWithTheDefinition) {
  std::mt19937_64 random(test_seed());
  for (int round = 0; round < 60; ++round) {
    std::vector<CountedPiece> pieces;
    const std::uint64_t letters = 1 + random() % 4;
    for (std::uint64_t i = 0; i < 1 + random() % 40; ++i) {
      std::string bytes;
      for (std::uint64_t size = 1 + random() % 24; size > 0; --size) {
        bytes += static_cast<char>('a' + random() % letters);
      }
      pieces.push_back({bytes, 1 + random() % 5});
    }
    const std::uint32_t vocabulary_size = 257 + static_cast<std::uint32_t>(random() % 60);
    EXPECT_EQ(merges_of(train_bpe(pieces, vocabulary_size).tokenizer), naive_merges(pieces, vocabulary_size));
  }
}

/// Words of a small language, with some bytes that are no text.
std::string made_up_text(std::uint64_t seed, std::size_t size_bytes) {
  std::mt19937_64 random(seed);
  std::string text;
  while (text.size() < size_bytes) {
    const std::uint64_t word = random() % 300 * (random() % 300) / 300;
    for (std::uint64_t rest = word * 7919 + 13; rest > 0; rest /= 11) text += "etaoinshrdl"[rest % 11];
    text += random() % 40 == 0 ? std::to_string(random() % 2000) + "\n" : " ";
    if (random() % 50 == 0) text += static_cast<char>(random());
  }
  return text;
}

TEST(PieceCounts, DependOnTheTextsAlone) {
  std::vector<std::string> texts;
  for (std::uint64_t i = 0; i < 30; ++i) texts.push_back(made_up_text(i, 20'000));
  std::vector<CountedPiece> expected;
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    PieceCounts counts({kSimplePattern}, "test", pool);
    for (const std::string& text : texts) counts.add(Bytes(text.begin(), text.end()));
    const std::vector<CountedPiece> once = counts.take();
    if (expected.empty()) expected = once;
    EXPECT_EQ(once, expected) << threads;
    EXPECT_EQ(counts.take(), std::vector<CountedPiece>());
    for (auto text = texts.rbegin(); text != texts.rend(); ++text) counts.add(Bytes(text->begin(), text->end()), 3);
    std::vector<CountedPiece> thrice = counts.take();
    for (CountedPiece& piece : thrice) piece.count /= 3;
    EXPECT_EQ(thrice, expected) << threads;
  }
  EXPECT_TRUE(
      std::is_sorted(expected.begin(), expected.end(), [](const auto& a, const auto& b) { return a.bytes < b.bytes; }));
}

class TrainedTokenizer : public testing::Test {
 protected:
  TrainedTokenizer() {
    ThreadPool pool(2);
    PieceCounts counts({kSimplePattern}, "test", pool);
    const std::string text = made_up_text(1, 200'000);
    counts.add(Bytes(text.begin(), text.end()));
    training_ = train_bpe(counts.take(), 500);
    training_.tokenizer.patterns = {kSimplePattern};
  }
  BpeTraining training_;
};

TEST_F(TrainedTokenizer, CodesAnyBytes) {
  const Tokenizer tokenizer(training_.tokenizer, "trained");
  const std::uint64_t seed = test_seed();
  std::mt19937_64 random(seed);
  for (int round = 0; round < 50; ++round) {
    std::string text = made_up_text(seed + static_cast<std::uint64_t>(round), random() % 3000);
    for (std::uint64_t i = random() % 200; i > 0; --i) text += static_cast<char>(random());
    std::string back;
    for (const TokenId token : tokenizer.encode(as_byte_span(text)))
      back += as_string_view(tokenizer.token_bytes(token));
    EXPECT_TRUE(back == text);
  }
}

TEST_F(TrainedTokenizer, CodesItsTextAsCounted) {
  const Tokenizer tokenizer(training_.tokenizer, "trained");
  EXPECT_EQ(tokenizer.encode(as_byte_span(made_up_text(1, 200'000))).size(), training_.text_tokens);
  EXPECT_LT(training_.text_tokens, training_.text_bytes / 2);
}

TEST_F(TrainedTokenizer, IsImportedAsItWasExported) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "tokenizer.json", export_tokenizer(training_.tokenizer, 0));
  const TokenizerData imported = import_tokenizer(directory / "tokenizer.json");
  EXPECT_EQ(imported.tokens, training_.tokenizer.tokens);
  EXPECT_EQ(merges_of(imported), merges_of(training_.tokenizer));
  EXPECT_EQ(imported.patterns, training_.tokenizer.patterns);
  EXPECT_TRUE(imported.added_tokens.empty());
  EXPECT_FALSE(imported.ignore_merges);
}

}  // namespace
}  // namespace fz::model
