#include "model/train/export_tokenizer.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/byte_level.h"
#include "model/train/bpe_trainer.h"

namespace fz::model {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

std::string export_tokenizer(const TokenizerData& tokenizer, TokenId begin_token) {
  FZ_CHECK(tokenizer.added_tokens.empty());
  std::vector<std::string> texts;
  for (TokenId id = 0; id < tokenizer.tokens.size(); ++id) {
    FZ_CHECK(tokenizer.tokens[id].empty() == (id == begin_token));
    texts.push_back(id == begin_token ? kBeginTokenText : to_byte_level(tokenizer.tokens[id]));
  }
  Json pre_tokenizers = Json::array();
  for (const std::string& pattern : tokenizer.patterns) {
    pre_tokenizers.push_back(
        {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}});
  }
  pre_tokenizers.push_back(
      {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}});
  Json vocabulary = Json::object();
  auto& entries = vocabulary.get_ref<Json::object_t&>();
  // Not by key: each would be looked for among all before.
  for (TokenId id = 0; id < texts.size(); ++id) entries.emplace_back(texts[id], id);
  Json merges = Json::array();
  for (const auto& [left, right, result] : tokenizer.merges) {
    merges.push_back(Json::array({texts[left], texts[right]}));
  }
  const Json whole = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", Json::array({{{"id", begin_token},
                                     {"content", kBeginTokenText},
                                     {"single_word", false},
                                     {"lstrip", false},
                                     {"rstrip", false},
                                     {"normalized", false},
                                     {"special", true}}})},
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
  return whole.dump(1) + '\n';
}

}  // namespace fz::model
