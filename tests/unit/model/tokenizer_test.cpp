// The tokenizer: GPT-2's vectors, a naive byte-pair reference, and losslessness of any bytes.
#include "model/tokenizer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <sstream>

#include "base/file.h"
#include "model/embedded_model.h"
#include "model/pre_tokenizer.h"
#include "tests/unit/model/small_model.h"

namespace fz::model {
namespace {

std::string read_data(const std::string& name) {
  const auto path = std::filesystem::path(__FILE__).parent_path() / "../../data/tokenizers" / name;
  return std::string(as_string_view(read_file(path, 1 << 24)));
}

std::string decode(const Tokenizer& tokenizer, const std::vector<TokenId>& tokens) {
  std::string text;
  for (TokenId token : tokens) text += as_string_view(tokenizer.token_bytes(token));
  return text;
}

std::vector<TokenId> encode(const Tokenizer& tokenizer, const std::string& text) {
  return tokenizer.encode(as_byte_span(text));
}

/// Encodes and checks what holds for every text: it comes back, and no special token was used.
std::vector<TokenId> encode_checked(const Tokenizer& tokenizer, const std::string& text) {
  const std::vector<TokenId> tokens = encode(tokenizer, text);
  EXPECT_TRUE(decode(tokenizer, tokens) == text) << "of " << text.size() << " bytes";
  for (TokenId token : tokens) {
    if (tokenizer.token_bytes(token).empty()) ADD_FAILURE() << "special token " << token;
  }
  return tokens;
}

/// GPT-2's tokenizer from vocab.bpe alone.
TokenizerData gpt2_tokenizer() {
  TokenizerData data;
  std::map<std::string, std::string> byte_of_character;  // UTF-8 of the visible character -> byte
  const auto utf8 = [](int c) {
    return c < 0x80 ? std::string(1, static_cast<char>(c))
                    : std::string{static_cast<char>(0xc0 | c >> 6), static_cast<char>(0x80 | (c & 63))};
  };
  const auto is_visible = [](int b) { return (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae; };
  for (int byte = 0; byte < 256; ++byte) {
    if (!is_visible(byte)) continue;
    byte_of_character[utf8(byte)] = std::string(1, static_cast<char>(byte));
    data.tokens.emplace_back(1, static_cast<char>(byte));
  }
  for (int byte = 0, next = 256; byte < 256; ++byte) {
    if (is_visible(byte)) continue;
    byte_of_character[utf8(next++)] = std::string(1, static_cast<char>(byte));
    data.tokens.emplace_back(1, static_cast<char>(byte));
  }
  std::map<std::string, TokenId> ids;
  for (TokenId id = 0; id < 256; ++id) ids[data.tokens[id]] = id;
  const auto bytes_of = [&](const std::string& text) {
    std::string bytes;
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t size = static_cast<unsigned char>(text[i]) < 0x80 ? 1 : 2;
      bytes += byte_of_character.at(text.substr(i, size));
      i += size;
    }
    return bytes;
  };
  std::istringstream lines(read_data("gpt2-vocab.bpe"));
  std::string line;
  std::getline(lines, line);  // "#version: 0.2"
  while (std::getline(lines, line)) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos) continue;
    const std::string left = bytes_of(line.substr(0, space)), right = bytes_of(line.substr(space + 1));
    const auto result = static_cast<TokenId>(data.tokens.size());
    data.merges.push_back({ids.at(left), ids.at(right), result});
    data.tokens.push_back(left + right);
    ids[left + right] = result;
  }
  data.tokens.emplace_back();  // <|endoftext|>
  data.patterns = {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"};
  return data;
}

TEST(Tokenizer, AgreesWithGpt2) {
  const TokenizerData data = gpt2_tokenizer();
  ASSERT_EQ(data.tokens.size(), 50257u);
  const Tokenizer tokenizer(data, "gpt2");
  const std::string input = read_data("gpt2.inp"), separator = "\n__ggml_vocab_test__\n";
  std::istringstream expected_lines(read_data("gpt2.out"));
  std::size_t count = 0;
  for (std::size_t begin = 0; begin < input.size(); ++count) {
    const std::size_t end = input.find(separator, begin);
    ASSERT_NE(end, std::string::npos);
    const std::string text = input.substr(begin, end - begin);
    std::string line;
    ASSERT_TRUE(std::getline(expected_lines, line));
    std::istringstream numbers(line);
    const std::vector<TokenId> expected{std::istream_iterator<TokenId>(numbers), {}};
    EXPECT_EQ(encode_checked(tokenizer, text), expected) << "text: " << text;
    begin = end + separator.size();
  }
  EXPECT_EQ(count, 46u);
}

/// Byte pairs as the format text says it, in the dullest way.
std::vector<TokenId> naive_byte_pairs(const TokenizerData& data, const std::string& piece) {
  std::vector<TokenId> symbols;
  for (char c : piece) {
    symbols.push_back(static_cast<TokenId>(std::find(data.tokens.begin(), data.tokens.end(), std::string(1, c)) -
                                           data.tokens.begin()));
  }
  for (bool is_merged = true; is_merged;) {
    is_merged = false;
    for (const auto& [left, right, result] : data.merges) {
      for (std::size_t i = 0; i + 1 < symbols.size() && !is_merged; ++i) {
        if (symbols[i] != left || symbols[i + 1] != right) continue;
        symbols[i] = result;
        symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        is_merged = true;
      }
      if (is_merged) break;
    }
  }
  return symbols;
}

TEST(Tokenizer, MergesAsTheNaiveReference) {
  std::mt19937_64 random(test_seed());
  TokenizerData data = small_tokenizer();
  data.patterns = {"(?s).+"};  // each text is one piece: short and long ones take different paths
  const Tokenizer tokenizer(data, "test");
  for (int round = 0; round < 400; ++round) {
    std::string text;
    for (std::size_t size = 1 + random() % 150; text.size() < size;) text += "aaab "[random() % 5];
    EXPECT_EQ(encode_checked(tokenizer, text), naive_byte_pairs(data, text)) << text;
  }
}

TEST(Tokenizer, AnyBytesComeBack) {
  std::mt19937_64 random(test_seed());
  const Tokenizer tokenizer(embedded_model()->tokenizer, "built-in model");
  encode_checked(tokenizer, "");
  encode_checked(tokenizer, std::string("\0a\0\0b", 5));
  encode_checked(tokenizer,
                 "na\xc3\xafve \xf0\x9f\x98\x80 \xc3 \xe2\x82 \xed\xa0\x80 \xf8\x88\x80\x80\x80 \xc0\xaf\xff");
  for (int byte = 0; byte < 256; ++byte) encode_checked(tokenizer, std::string(1, static_cast<char>(byte)));
  for (int round = 0; round < 300; ++round) {
    const std::uint64_t mask = random() % 3 == 0 ? 0xff : random() % 2 == 0 ? 0x7f : 0xdf;
    std::string text;
    for (std::size_t size = random() % 3000; text.size() < size;) text += static_cast<char>(random() & mask);
    encode_checked(tokenizer, text);
  }
}

TEST(Tokenizer, SpelledSpecialTokensAreText) {
  const Tokenizer tokenizer(embedded_model()->tokenizer, "built-in model");
  for (const char* text : {"<|bos|>", "a<|bos|>b", "<|endoftext|><s></s>"}) {
    EXPECT_GT(encode_checked(tokenizer, text).size(), 1u);
  }
}

TEST(Tokenizer, EveryTokenOfTheDefaultModelComesBack) {
  const TokenizerData& data = embedded_model()->tokenizer;
  const Tokenizer tokenizer(data, "built-in model");
  ASSERT_EQ(tokenizer.vocabulary_size(), data.tokens.size());
  std::string all;
  for (TokenId id = 0; id < data.tokens.size(); ++id) {
    EXPECT_EQ(as_string_view(tokenizer.token_bytes(id)), data.tokens[id]);
    encode_checked(tokenizer, data.tokens[id]);
    all += data.tokens[id];
  }
  encode_checked(tokenizer, all);
}

TEST(Tokenizer, ResultDoesNotDependOnHistory) {
  std::mt19937_64 random(test_seed());
  const TokenizerData& data = embedded_model()->tokenizer;
  const Tokenizer used(data, "built-in model");
  // More different pieces than the cache has entries, so that they collide and push each other out.
  std::string words;
  for (int i = 0; i < 60000; ++i) {
    for (std::size_t size = 1 + random() % 9; size > 0; --size) words += static_cast<char>('a' + random() % 26);
    words += ' ';
  }
  const std::vector<TokenId> first = encode_checked(used, words);
  EXPECT_EQ(encode(used, words), first);
  const Tokenizer copy(used);
  EXPECT_EQ(encode(copy, words), first);
  // Each word alone, with a tokenizer that has not seen it, gives the tokens that the used one gives.
  const Tokenizer fresh(data, "built-in model");
  for (int i = 0; i < 2000; ++i) {
    const std::string word = words.substr(random() % words.size(), 1 + random() % 30);
    EXPECT_EQ(encode(fresh, word), encode(used, word));
  }
}

TEST(Tokenizer, LongMonotonousTextIsFast) {
  const Tokenizer tokenizer(embedded_model()->tokenizer, "built-in model");
  for (const char* unit : {"a", " ", "\n", "1", "\xff", "\xc3", " \n", "\xc3\xa9", "\xe4\xb8\xad"}) {
    std::string text;
    while (text.size() < (1 << 20)) text += unit;
    encode_checked(tokenizer, text);  // a quadratic step anywhere would take minutes: the test's time limit
  }
}

TEST(Tokenizer, HostilePatternEnds) {
  TokenizerData data = small_tokenizer();
  data.patterns = {"(a|aa|aaa)+(?!.)x|(a*)*y"};
  encode_checked(Tokenizer(data, "test"), std::string(1 << 16, 'a'));
  data.patterns = {"(?=(.))\\Ka|b*"};
  encode_checked(Tokenizer(data, "test"), "aabab aaab bbb ");
}

TEST(Tokenizer, AddedTokensAreTheLongestFromTheLeft) {
  TokenizerData data = small_tokenizer();
  data.tokens.insert(data.tokens.end(), {"<x>", "<x>>", "b<"});
  const auto first = static_cast<TokenId>(data.tokens.size() - 3);
  data.added_tokens = {first, first + 1, first + 2};
  const Tokenizer tokenizer(data, "test");
  const auto id = [&](const char* text) { return encode(tokenizer, text).at(0); };
  EXPECT_EQ(encode_checked(tokenizer, "<x>>>"), (std::vector<TokenId>{first + 1, id(">")}));
  EXPECT_EQ(encode_checked(tokenizer, "ab<x><x"),
            (std::vector<TokenId>{id("a"), first + 2, id("x"), id(">"), id("<"), id("x")}));
  EXPECT_EQ(encode_checked(tokenizer, "<x>"), (std::vector<TokenId>{first}));
}

TEST(Tokenizer, IgnoreMergesTakesWholePieces) {
  TokenizerData data = small_tokenizer();
  data.tokens.push_back("whole");  // no merge makes it
  EXPECT_EQ(encode_checked(Tokenizer(data, "test"), "whole").size(), 5u);
  data.ignore_merges = true;
  EXPECT_EQ(encode_checked(Tokenizer(data, "test"), "whole"),
            (std::vector<TokenId>{static_cast<TokenId>(data.tokens.size() - 1)}));
}

TEST(Tokenizer, RefusesInconsistentData) {
  const auto expect_refused = [](const std::function<void(TokenizerData&)>& damage, const std::string& words) {
    TokenizerData data = small_tokenizer();
    damage(data);
    try {
      Tokenizer(data, "file.fzm");
      ADD_FAILURE() << "accepted: " << words;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
      EXPECT_EQ(std::string(error.what()).rfind("file.fzm: ", 0), 0u) << error.what();
    }
  };
  expect_refused([](TokenizerData& data) { data.tokens[5].clear(); }, "no token for the single byte");
  expect_refused([](TokenizerData& data) { data.merges[0].left = 100000; }, "does not exist");
  expect_refused([](TokenizerData& data) { data.merges[0].result = data.merges[0].left; }, "merge 0");
  expect_refused([](TokenizerData& data) { data.merges[2].right = 0; }, "merge 2");
  expect_refused([](TokenizerData& data) { data.patterns[0] = "(unclosed"; }, "does not compile");
  expect_refused([](TokenizerData& data) { data.patterns[0] = ""; }, "a pattern of 0 bytes");
  expect_refused([](TokenizerData& data) { data.added_tokens = {0}; }, "added token 0");
  expect_refused([](TokenizerData& data) { data.added_tokens = {7, 7}; }, "added token 7");
  expect_refused([](TokenizerData& data) { data.tokens.emplace_back(2000, 'x'); }, "has 2000 bytes");
}

TEST(PreTokenizer, GapsAndInvalidBytesArePieces) {
  const PreTokenizer pre_tokenizer({"\\p{L}+", "b"}, "test");
  std::vector<std::size_t> ends;
  pre_tokenizer.cut(as_byte_span("12aba\xff\xfe"
                                 "3"),
                    ends);
  EXPECT_EQ(ends, (std::vector<std::size_t>{2, 3, 4, 5, 7, 8}));
  ends.clear();
  PreTokenizer({}, "test").cut(as_byte_span(std::string(5000, 'x')), ends);
  EXPECT_EQ(ends, (std::vector<std::size_t>{4096, 5000}));
}

TEST(PreTokenizer, FindsTheValidPrefix) {
  const auto prefix = [](const char* text) { return valid_utf8_prefix(as_byte_span(text)); };
  EXPECT_EQ(prefix("plain text, long enough"), 23u);
  EXPECT_EQ(prefix("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), 10u);
  EXPECT_EQ(prefix("a\xc3"), 1u);             // cut off
  EXPECT_EQ(prefix("ab\xc1\x81"), 2u);        // overlong
  EXPECT_EQ(prefix("\xe0\x80\x80"), 0u);      // overlong
  EXPECT_EQ(prefix("\xed\xa0\x80"), 0u);      // surrogate
  EXPECT_EQ(prefix("\xf4\x90\x80\x80"), 0u);  // above U+10FFFF
  EXPECT_EQ(prefix("12345678\x80"), 8u);
}

}  // namespace
}  // namespace fz::model
