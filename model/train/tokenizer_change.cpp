#include "model/train/tokenizer_change.h"

#include <unordered_map>
#include <vector>

#include "base/file.h"
#include "model/byte_pair_encoder.h"
#include "model/import.h"
#include "model/json_file.h"
#include "model/safetensors.h"
#include "model/train/model_directory.h"

namespace fz::model {
namespace {

/// For each new token the old ones whose rows it begins with.
using Spellings = std::vector<std::vector<TokenId>>;

Spellings spell(const TokenizerData& tokens, TokenId begin_token, const TokenizerData& old, TokenId old_begin_token) {
  std::unordered_map<std::string, TokenId> known;
  for (TokenId id = 0; id < old.tokens.size(); ++id) known.try_emplace(old.tokens[id], id);
  const BytePairEncoder encoder(old);
  BytePairEncoder::Scratch scratch;
  Spellings spellings(tokens.tokens.size());
  spellings[begin_token] = {old_begin_token};
  for (TokenId id = 0; id < spellings.size(); ++id) {
    const std::string& bytes = tokens.tokens[id];
    if (bytes.empty()) continue;
    if (const auto found = known.find(bytes); found != known.end()) {
      spellings[id] = {found->second};
    } else {
      encoder.encode(as_byte_span(bytes), scratch, spellings[id]);
    }
  }
  return spellings;
}

/// Rows that the checkpoint lacks (single bytes that were no tokens) are zeros, as for the importer.
NamedTensor respelled(const NamedTensor& old, const Spellings& spellings, std::size_t width, const std::string& path) {
  if (old.shape.size() != 2 || old.shape[1] != width)
    fail(ErrorCode::kCorrupt, "{}: tensor '{}' has not {} columns", path, old.name, width);
  const auto rows = static_cast<std::size_t>(old.shape[0]);
  NamedTensor result{old.name, {spellings.size(), width}, std::vector<float>(spellings.size() * width)};
  for (std::size_t row = 0; row < spellings.size(); ++row) {
    float* const target = result.values.data() + row * width;
    for (const TokenId id : spellings[row]) {
      if (id >= rows) continue;
      for (std::size_t i = 0; i < width; ++i) target[i] += old.values[id * width + i];
    }
    const auto parts = static_cast<float>(spellings[row].size());
    for (std::size_t i = 0; parts > 1 && i < width; ++i) target[i] /= parts;
  }
  return result;
}

bool is_by_token(const std::string& name) {
  return name == "model.embed_tokens.weight" || name == "lm_head.weight";
}

void respell_file(const std::filesystem::path& path, const Spellings& spellings, std::size_t width) {
  std::vector<NamedTensor> tensors;
  bool is_changed = false;
  const SafetensorsFile file(path.string());
  for (const auto& [name, tensor] : file.tensors()) is_changed = is_changed || is_by_token(name);
  if (!is_changed) return;
  for (const auto& [name, tensor] : file.tensors()) {
    NamedTensor values{name, tensor.shape, file.read_floats(name)};
    tensors.push_back(is_by_token(name) ? respelled(values, spellings, width, path.string()) : std::move(values));
  }
  replace_file(path, serialize_safetensors(tensors));
}

}  // namespace

void change_tokenizer(const std::filesystem::path& directory, const std::filesystem::path& tokenizer_path) {
  const Model model = import_model(directory.string());  // whole and within the limits
  const std::string config_path = directory / "config.json", old_path = directory / "tokenizer.json";
  const TokenizerData tokens = import_tokenizer(tokenizer_path);
  const TokenId begin_token = begin_token_of(tokens, tokenizer_path);
  const Spellings spellings =
      spell(tokens, begin_token, import_tokenizer(old_path), model.original_ids[model.config.begin_token]);
  for (const auto& item : std::filesystem::directory_iterator(directory)) {
    if (item.path().extension() == ".safetensors") respell_file(item.path(), spellings, model.config.width);
  }
  Json config = read_json(config_path);
  config["vocab_size"] = tokens.tokens.size();
  config["bos_token_id"] = begin_token;
  config["eos_token_id"] = nullptr;  // numbers of the old tokens mean others now
  const std::string text = config.dump(1);
  replace_file(config_path, as_byte_span(text));
  replace_file(old_path, read_file(tokenizer_path, kMaxJsonBytes));
}

}  // namespace fz::model
