#include "shard/language_model_codec.h"

#include <algorithm>
#include <bit>

#include "model/backend.h"
#include "model/engine.h"
#include "model/tokenizer.h"
#include "shard/lanes.h"
#include "shard/mixed_token_coder.h"
#include "shard/range_token_coder.h"
#include "shard/rank_token_coder.h"

namespace fz::shard {

struct LanguageModelCodec::State {
  State(std::shared_ptr<const model::Model> model, ThreadPool& pool, const std::string& backend)
      : tokenizer(model->tokenizer, model->name),
        engine(model, model::choose_kernels(backend), pool),
        alphabet(memory::Alphabet::of_tokens(model->config.vocabulary_size,
                                             [&](memory::Symbol token) { return tokenizer.token_bytes(token); })) {}
  model::Tokenizer tokenizer;
  model::Engine engine;
  memory::Alphabet alphabet;
};

LanguageModelCodec::LanguageModelCodec(std::shared_ptr<const model::Model> model, ThreadPool& pool,
                                       const std::string& backend)
    : state_(std::make_unique<State>(std::move(model), pool, backend)) {}

LanguageModelCodec::~LanguageModelCodec() = default;

Bytes LanguageModelCodec::encode(ByteSpan raw, TokenCoder coder) {
  const std::vector<model::TokenId> tokens = state_->tokenizer.encode(raw);
  const std::uint32_t lane_count = choose_lane_count(static_cast<std::uint32_t>(tokens.size()), model().config.context);
  ByteWriter writer;
  writer.write_varint(tokens.size());
  writer.write<std::uint8_t>(static_cast<std::uint8_t>(std::bit_width(lane_count) - 1));
  switch (coder) {
    case TokenCoder::kRange:
      writer.write_bytes(encode_with_ranges(state_->engine, tokens, lane_count));
      break;
    case TokenCoder::kRanks:
      writer.write_bytes(encode_with_ranks(state_->engine, tokens));
      break;
    case TokenCoder::kMixed:
      writer.write_bytes(encode_mixed(state_->engine, state_->alphabet, tokens, lane_count));
      break;
  }
  return writer.take();
}

Bytes LanguageModelCodec::decode(ByteSpan payload, std::uint32_t raw_bytes, TokenCoder coder,
                                 const std::string& source) {
  ByteReader reader(payload, source);
  const std::uint64_t token_count = reader.read_varint();
  if (token_count > raw_bytes) reader.corrupt(fmt::format("{} tokens for {} bytes", token_count, raw_bytes));
  const auto count = static_cast<std::uint32_t>(token_count);
  const std::uint32_t lane_count =
      read_lane_count(reader, (count + model().config.context - 1) / model().config.context);
  std::vector<model::TokenId> tokens;
  switch (coder) {
    case TokenCoder::kRange:
      tokens = decode_with_ranges(state_->engine, reader, count, lane_count);
      break;
    case TokenCoder::kRanks:
      tokens = decode_with_ranks(state_->engine, reader, count, lane_count);
      break;
    case TokenCoder::kMixed:
      tokens = decode_mixed(state_->engine, state_->alphabet, reader, count, lane_count);
      break;
  }
  Bytes raw;
  raw.reserve(raw_bytes);
  for (model::TokenId token : tokens) {
    const ByteSpan bytes = state_->tokenizer.token_bytes(token);
    if (bytes.size() > raw_bytes - raw.size()) reader.corrupt("tokens hold more bytes than the block");
    raw.insert(raw.end(), bytes.begin(), bytes.end());
  }
  if (raw.size() != raw_bytes) {
    reader.corrupt(fmt::format("tokens hold {} bytes, the block {}", raw.size(), raw_bytes));
  }
  return raw;
}

const model::Model& LanguageModelCodec::model() const {
  return state_->engine.model();
}
const char* LanguageModelCodec::backend_name() const {
  return state_->engine.kernels().name;
}

}  // namespace fz::shard
