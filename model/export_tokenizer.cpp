#include "model/export_tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "base/error.h"
#include "model/byte_level.h"

namespace fz::model {
namespace {

using Json = nlohmann::ordered_json;

bool is_added(const TokenizerData& tokenizer, TokenId id) {
  return std::binary_search(tokenizer.added_tokens.begin(), tokenizer.added_tokens.end(), id);
}

/// What each token is called. Added tokens stand in their own list as they are, all others in the byte-level alphabet.
std::vector<std::string> texts_of(const TokenizerData& tokenizer, TokenId begin_token) {
  std::vector<std::string> texts(tokenizer.tokens.size());
  std::set<std::string> taken;
  for (TokenId id = 0; id < texts.size(); ++id) {
    if (tokenizer.tokens[id].empty()) continue;
    texts[id] = is_added(tokenizer, id) ? tokenizer.tokens[id] : to_byte_level(tokenizer.tokens[id]);
    taken.insert(texts[id]);
  }
  for (TokenId id = 0; id < texts.size(); ++id) {
    if (!texts[id].empty()) continue;
    texts[id] = id == begin_token ? kBeginTokenText : fmt::format("<|special-{}|>", id);
    while (!taken.insert(texts[id]).second) texts[id] += '_';
  }
  return texts;
}

Json added_token(TokenId id, const std::string& text, bool is_special) {
  return {{"id", id},        {"content", text},     {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", is_special}};
}

}  // namespace

std::string export_tokenizer(const TokenizerData& tokenizer, TokenId begin_token) {
  FZ_CHECK(begin_token < tokenizer.tokens.size() && tokenizer.tokens[begin_token].empty());
  const std::vector<std::string> texts = texts_of(tokenizer, begin_token);
  Json pre_tokenizers = Json::array();
  for (const std::string& pattern : tokenizer.patterns) {
    pre_tokenizers.push_back(
        {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}});
  }
  pre_tokenizers.push_back(
      {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}});
  Json vocabulary = Json::object();
  Json added_tokens = Json::array();
  auto& entries = vocabulary.get_ref<Json::object_t&>();
  for (TokenId id = 0; id < texts.size(); ++id) {
    const bool is_special = tokenizer.tokens[id].empty();
    if (is_special || is_added(tokenizer, id)) added_tokens.push_back(added_token(id, texts[id], is_special));
    // Not by key: each would be looked for among all before.
    if (!is_added(tokenizer, id)) entries.emplace_back(texts[id], id);
  }
  Json merges = Json::array();
  for (const auto& [left, right, result] : tokenizer.merges) {
    merges.push_back(Json::array({texts[left], texts[right]}));
  }
  const Json whole = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added_tokens},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", pre_tokenizers}}},
      {"post_processor", nullptr},
      {"decoder", {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}}},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", nullptr},
        {"continuing_subword_prefix", nullptr},
        {"end_of_word_suffix", nullptr},
        {"fuse_unk", false},
        {"byte_fallback", false},
        {"ignore_merges", tokenizer.ignore_merges},
        {"vocab", vocabulary},
        {"merges", merges}}}};
  return whole.dump(1, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace fz::model
