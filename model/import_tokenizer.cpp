// tokenizer.json of Hugging Face `tokenizers` to TokenizerData. Only byte-level BPE: everything that could make
// tokenization lossy or that the encoder does not know is refused.
#include <algorithm>
#include <bitset>
#include <unordered_map>

#include "model/byte_level.h"
#include "model/import.h"
#include "model/json_file.h"
#include "model/validate.h"

namespace fz::model {
namespace {

/// GPT-2's pattern, which "ByteLevel" with use_regex stands for.
constexpr const char* kByteLevelPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

[[noreturn]] void unsupported(const std::string& path, const std::string& what) {
  fail(ErrorCode::kUnsupported, "{}: {}; only byte-level BPE tokenizers are read", path, display_text(what));
}

TokenId read_id(const Json& value, const std::string& path, const std::string& token) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() >= kMaxVocabulary) {
    unsupported(path, fmt::format("token '{}': its id is not a number below {}", token, kMaxVocabulary));
  }
  return value.get<TokenId>();
}

void read_pre_tokenizer(const Json& pre_tokenizer, const std::string& path, std::vector<std::string>& patterns) {
  const std::string type = string_member(pre_tokenizer, "type");
  if (type == "Sequence") {
    const Json& parts = member(pre_tokenizer, "pretokenizers");
    if (!parts.is_array()) unsupported(path, "pre_tokenizer: a Sequence without parts");
    for (const Json& part : parts) {
      if (string_member(part, "type") == "Sequence") unsupported(path, "pre_tokenizer: a Sequence inside a Sequence");
      read_pre_tokenizer(part, path, patterns);
    }
  } else if (type == "ByteLevel") {
    if (flag_member(pre_tokenizer, "add_prefix_space")) unsupported(path, "pre_tokenizer: add_prefix_space is set");
    const Json& use_regex = member(pre_tokenizer, "use_regex");  // files from before the field existed mean true
    if (use_regex.is_null() || use_regex == true) patterns.emplace_back(kByteLevelPattern);
  } else if (type == "Split") {
    const std::string pattern = string_member(member(pre_tokenizer, "pattern"), "Regex");
    if (pattern.empty()) unsupported(path, "pre_tokenizer: a Split without a Regex");
    if (string_member(pre_tokenizer, "behavior") != "Isolated" || flag_member(pre_tokenizer, "invert")) {
      unsupported(path, "pre_tokenizer: a Split that is inverted or whose behavior is not Isolated");
    }
    patterns.push_back(pattern);
  } else if (type == "Digits") {
    patterns.emplace_back(flag_member(pre_tokenizer, "individual_digits") ? "\\p{N}" : "\\p{N}+");
  } else {
    unsupported(path, fmt::format("pre_tokenizer of type '{}'", type));
  }
}

using VocabularyIds = std::unordered_map<std::string, TokenId>;

void read_merges(const Json& merges, const VocabularyIds& ids, const std::string& path, TokenizerData& tokenizer) {
  if (!merges.is_array() || merges.size() > kMaxMerges) unsupported(path, "model: no list of merges, or a huge one");
  tokenizer.merges.reserve(merges.size());
  for (const Json& merge : merges) {
    std::string left, right;
    if (merge.is_string()) {
      const std::string text = merge.get<std::string>();
      const std::size_t space = text.find(' ');
      left = text.substr(0, space);
      if (space != std::string::npos) right = text.substr(space + 1);
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      left = merge[0].get<std::string>();
      right = merge[1].get<std::string>();
    }
    const auto left_id = ids.find(left), right_id = ids.find(right), result_id = ids.find(left + right);
    if (left_id == ids.end() || right_id == ids.end() || result_id == ids.end()) {
      fail(ErrorCode::kCorrupt, "{}: merge {}: '{}' + '{}' is not of tokens in the vocabulary", path,
           tokenizer.merges.size(), display_text(left), display_text(right));
    }
    tokenizer.merges.push_back({left_id->second, right_id->second, result_id->second});
  }
}

/// Special tokens lose their bytes, so that no text yields them; the others are found in the text as they are written.
void read_added_tokens(const Json& added_tokens, const std::string& path, TokenizerData& tokenizer) {
  if (!added_tokens.is_array()) return;
  for (const Json& entry : added_tokens) {
    const std::string content = string_member(entry, "content");
    const TokenId id = read_id(member(entry, "id"), path, content);
    if (id >= tokenizer.tokens.size()) tokenizer.tokens.resize(id + 1);
    if (flag_member(entry, "special")) {
      tokenizer.tokens[id].clear();
      continue;
    }
    if (flag_member(entry, "single_word") || flag_member(entry, "lstrip") || flag_member(entry, "rstrip")) {
      unsupported(path, fmt::format("added token '{}' has single_word, lstrip or rstrip", content));
    }
    if (content.empty()) unsupported(path, fmt::format("added token {} is empty", id));
    tokenizer.tokens[id] = content;
    tokenizer.added_tokens.push_back(id);
  }
  std::sort(tokenizer.added_tokens.begin(), tokenizer.added_tokens.end());
}

/// Some vocabularies lack the bytes that valid UTF-8 never holds. Ours has to be total: they get new ids after the
/// last.
void add_missing_bytes(TokenizerData& tokenizer) {
  std::bitset<256> is_present;
  for (const std::string& token : tokenizer.tokens) {
    if (token.size() == 1) is_present.set(static_cast<std::uint8_t>(token[0]));
  }
  for (std::size_t byte = 0; byte < 256; ++byte) {
    if (!is_present[byte]) tokenizer.tokens.emplace_back(1, static_cast<char>(byte));
  }
}

}  // namespace

TokenizerData import_tokenizer(const std::string& path) {
  const Json json = read_json(path);
  const Json& model = member(json, "model");
  const std::string type = string_member(model, "type");
  if (!model.is_object() || (type != "BPE" && !(type.empty() && model.contains("merges")))) {
    unsupported(path, fmt::format("model of type '{}'", type));
  }
  if (flag_member(model, "byte_fallback")) unsupported(path, "model: byte_fallback is set");
  if (!string_member(model, "continuing_subword_prefix").empty() ||
      !string_member(model, "end_of_word_suffix").empty()) {
    unsupported(path, "model: continuing_subword_prefix or end_of_word_suffix is set");
  }
  // Unicode normalization would change the text. It is left out: that changes which tokens are chosen for text that is
  // not normalized, never the bytes that come back.
  const std::string normalizer = string_member(member(json, "normalizer"), "type");
  if (!normalizer.empty() && normalizer != "NFC") unsupported(path, fmt::format("normalizer '{}'", normalizer));

  TokenizerData tokenizer;
  tokenizer.ignore_merges = flag_member(model, "ignore_merges");
  const Json& vocabulary = member(model, "vocab");
  if (!vocabulary.is_object() || vocabulary.empty()) unsupported(path, "model: no vocabulary");
  VocabularyIds ids;
  ids.reserve(vocabulary.size());
  for (const auto& [text, value] : vocabulary.items()) {
    const TokenId id = read_id(value, path, text);
    if (id >= tokenizer.tokens.size()) tokenizer.tokens.resize(id + 1);
    if (!tokenizer.tokens[id].empty()) fail(ErrorCode::kCorrupt, "{}: two tokens have the id {}", path, id);
    // Entries outside the byte-level alphabet are tokens that no text yields, as special ones.
    if (!from_byte_level(text, tokenizer.tokens[id])) tokenizer.tokens[id].clear();
    ids.emplace(text, id);
  }
  read_added_tokens(member(json, "added_tokens"), path, tokenizer);
  read_merges(member(model, "merges"), ids, path, tokenizer);
  read_pre_tokenizer(member(json, "pre_tokenizer"), path, tokenizer.patterns);
  add_missing_bytes(tokenizer);
  validate_tokenizer(tokenizer, path);
  return tokenizer;
}

}  // namespace fz::model
