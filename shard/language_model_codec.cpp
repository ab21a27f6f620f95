#include "shard/language_model_codec.h"

#include <algorithm>
#include <bit>

#include "base/profile.h"
#include "memory/memory.h"
#include "model/backend.h"
#include "model/engine.h"
#include "model/tokenizer.h"
#include "shard/adapter_format.h"
#include "shard/forced_decisions.h"
#include "shard/mixed_token_coder.h"
#include "shard/range_token_coder.h"
#include "shard/rank_token_coder.h"
#include "shard/token_stepper.h"

namespace fz::shard {
namespace {

/// Weights that stay in a processor's last cache beside keys and values, whatever else a step reads.
constexpr std::size_t kCachedWeightBytes = std::size_t{16} << 20;
/// Lanes for each thread beyond which decoding hardly gets faster (docs/performance.md).
constexpr std::size_t kMostRows = 32;
/// Of a block's raw bytes: themselves, the payload, four bytes for each token, of which there may be one a byte.
constexpr std::uint64_t kBytesPerRawByte = 6;
/// Program, libraries, file table.
constexpr std::uint64_t kOtherBytes = std::uint64_t{48} << 20;

/// Of the context; more would make decoding slow without end.
constexpr std::uint32_t kLeastContextPerOverlap = 2;

/// Reads what comes before the streams; the block gets its lanes, and room for its tokens.
ByteReader read_head(const StoredPayload& stored, std::uint32_t context, TokenBlock& block) {
  ByteReader reader(stored.payload, stored.source);
  const std::uint64_t token_count = reader.read_varint();
  if (token_count > stored.raw_bytes)
    reader.corrupt(fmt::format("{} tokens for {} bytes", token_count, stored.raw_bytes));
  block.chunking.context = context;
  if (traits(stored.codec).overlaps) {
    const std::uint64_t overlap = reader.read_varint();
    if (overlap > context / kLeastContextPerOverlap)
      reader.corrupt(fmt::format("chunks overlap by {} tokens, the context has {}", overlap, context));
    block.chunking.overlap = static_cast<std::uint32_t>(overlap);
  }
  const auto count = static_cast<std::uint32_t>(token_count);
  const std::uint32_t chunk_size = block.chunking.chunk_size();
  const std::uint32_t lane_count = read_lane_count(reader, (count + chunk_size - 1) / chunk_size);
  block.tokens.resize(count);
  block.lanes = divide_into_lanes(count, chunk_size, lane_count);
  return reader;
}

}  // namespace

struct LanguageModelCodec::State {
  State(std::shared_ptr<const model::Model> model, std::shared_ptr<ThreadPool> thread_pool, const std::string& backend)
      : weights(model),
        pool(std::move(thread_pool)),
        tokenizer(model->tokenizer, model->name),
        engine(std::make_unique<model::Engine>(model, model::choose_kernels(backend), *pool)),
        alphabet(memory::Alphabet::of_tokens(model->config.vocabulary_size,
                                             [&](memory::Symbol token) { return tokenizer.token_bytes(token); })) {}

  TokenBlock tokenize(ByteSpan raw, const EncodeSettings& settings) const {
    const StageScope stage(Stage::kTokenize);
    const model::Tokenizer own = tokenizer;  // one for each thread; it shares the tables
    Chunking chunking = Chunking::of_context(engine->model().config.context);
    if (settings.overlap) chunking.overlap = *settings.overlap;
    return cut_tokens(own.encode(raw), chunking, settings.lane_limit);
  }

  std::vector<Bytes> encode(std::span<const TokenBlock> blocks, const EncodeSettings& settings) {
    switch (settings.coder) {
      case TokenCoder::kRange:
        return encode_with_ranges(*engine, blocks, settings.checkpoints);
      case TokenCoder::kRanks:
        return encode_with_ranks(*engine, blocks, settings.checkpoints);
      case TokenCoder::kMixed:
        return encode_mixed(*engine, alphabet, blocks, settings.checkpoints);
    }
    FZ_CHECK(false && "every coder has an encoder");
    return {};
  }

  std::unique_ptr<TokenDecoder> make_decoder(Codec codec, ByteReader& reader, const std::vector<Lane>& lanes) {
    switch (token_coder(codec)) {
      case TokenCoder::kRange:
        return make_range_decoder(*engine, reader, lanes.size());
      case TokenCoder::kRanks:
        return make_rank_decoder(*engine, reader, lanes);
      case TokenCoder::kMixed:
        return make_mixed_decoder(*engine, alphabet, reader, lanes, codec);
    }
    FZ_CHECK(false && "every coder has a decoder");
    return nullptr;
  }

  /// Lanes for each thread: a step reads all weights once for all of them, and keys and values once for each. Where the
  /// weights come from memory, more are of use while they are the larger part.
  std::uint32_t useful_rows() const {
    const std::size_t least = engine->kernels().efficient_rows;
    if (engine->weight_bytes() <= kCachedWeightBytes) return static_cast<std::uint32_t>(least);
    const std::size_t cache_bytes = model::KvShape(engine->model().config).cache_bytes / 2;  // half full on average
    const std::size_t rows = engine->weight_bytes() / cache_bytes;
    return static_cast<std::uint32_t>(std::clamp(rows, least, std::max(least, kMostRows)));
  }

  Bytes detokenize(const TokenBlock& block, const StoredPayload& stored) const {
    const StageScope stage(Stage::kTokenize);
    Bytes raw;
    raw.reserve(stored.raw_bytes);
    for (const model::TokenId token : block.tokens) {
      const ByteSpan bytes = tokenizer.token_bytes(token);
      if (bytes.size() > stored.raw_bytes - raw.size()) {
        fail(ErrorCode::kCorrupt, "{}: tokens hold more bytes than the block", stored.source);
      }
      raw.insert(raw.end(), bytes.begin(), bytes.end());
    }
    if (raw.size() != stored.raw_bytes) {
      fail(ErrorCode::kCorrupt, "{}: tokens hold {} bytes, the block {}", stored.source, raw.size(), stored.raw_bytes);
    }
    return raw;
  }

  std::shared_ptr<const model::Model> weights;
  std::shared_ptr<ThreadPool> pool;
  model::Tokenizer tokenizer;
  std::unique_ptr<model::Engine> engine;  // with the adapter in use
  bool has_adapter = false;
  memory::Alphabet alphabet;
};

LanguageModelCodec::LanguageModelCodec(std::shared_ptr<const model::Model> model, std::shared_ptr<ThreadPool> pool,
                                       const std::string& backend)
    : state_(std::make_unique<State>(std::move(model), std::move(pool), backend)) {}

LanguageModelCodec::~LanguageModelCodec() = default;

std::vector<Bytes> LanguageModelCodec::encode(std::span<const ByteSpan> raws, const EncodeSettings& settings) {
  State& state = *state_;
  std::vector<TokenBlock> blocks(raws.size());
  state.pool->parallel_for(raws.size(), [&](std::size_t i, int) { blocks[i] = state.tokenize(raws[i], settings); });
  const std::vector<Bytes> bodies = state.encode(blocks, settings);
  std::vector<Bytes> payloads;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    ByteWriter writer;
    writer.write_varint(blocks[i].tokens.size());
    writer.write_varint(blocks[i].chunking.overlap);
    writer.write<std::uint8_t>(static_cast<std::uint8_t>(std::bit_width(blocks[i].lanes.size()) - 1));
    writer.write_bytes(bodies[i]);
    payloads.push_back(writer.take());
  }
  return payloads;
}

std::vector<Bytes> LanguageModelCodec::decode(std::span<const StoredPayload> payloads, const Checkpoints& checkpoints) {
  State& state = *state_;
  const std::uint32_t context = model().config.context;
  std::vector<TokenBlock> blocks(payloads.size());
  std::vector<std::unique_ptr<TokenDecoder>> decoders;
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    ByteReader reader = read_head(payloads[i], context, blocks[i]);
    decoders.push_back(state.make_decoder(payloads[i].codec, reader, blocks[i].lanes));
  }
  step_through_blocks(*state.engine, blocks, decoders, checkpoints);
  std::vector<Bytes> raws;
  for (std::size_t i = 0; i < payloads.size(); ++i) raws.push_back(state.detokenize(blocks[i], payloads[i]));
  return raws;
}

void LanguageModelCodec::use_adapter(ByteSpan serialized, const std::string& source) {
  State& state = *state_;
  std::shared_ptr<const model::Adapter> adapter;
  if (!serialized.empty()) {
    adapter = parse_adapter(serialized, state.weights->config, state.weights->weights_hash, source);
  }
  if (!adapter && !state.has_adapter) return;
  const model::Kernels& kernels = state.engine->kernels();
  state.engine.reset();  // two at a time would be much memory
  state.has_adapter = adapter != nullptr;
  state.engine = std::make_unique<model::Engine>(state.weights, kernels, *state.pool, std::move(adapter));
}

ModelIdentity identity_of(const model::Model& model) {
  return {model::kNumericsVersion, model.config.context, model.weights_hash, model.tokenizer_hash};
}

ModelIdentity LanguageModelCodec::identity() const {
  return identity_of(model());
}

Footprint LanguageModelCodec::footprint(Direction direction, std::uint32_t block_bytes) const {
  const model::ModelConfig& config = model().config;
  const auto threads = static_cast<std::uint32_t>(state_->pool->threads());
  // A block may have one token for each byte, but the tables stop growing long before.
  const std::uint64_t block =
      kBytesPerRawByte * block_bytes + memory::Memory::table_bytes(state_->alphabet, block_bytes);
  Footprint footprint;
  footprint.fixed_bytes = kOtherBytes + state_->engine->memory_bytes();
  if (direction == Direction::kEncode) {
    footprint.bytes_per_block = block + kUsualLanes * ForcedDecisions::bytes_per_lane(config);
    footprint.useful_blocks = threads;
  } else {
    footprint.bytes_per_block = block + kUsualLanes * model::KvShape(config).cache_bytes;
    const auto rows = state_->useful_rows();
    footprint.useful_blocks = (threads * rows + kUsualLanes - 1) / kUsualLanes;
  }
  return footprint;
}

std::uint32_t LanguageModelCodec::lane_limit(std::uint64_t limit_bytes) const {
  // The memory's tables and the rest want the other half.
  const std::uint64_t lanes = limit_bytes / 2 / model::KvShape(model().config).cache_bytes;
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(lanes, 1, kMaxLanes));
}

const model::Model& LanguageModelCodec::model() const {
  return state_->engine->model();
}
const char* LanguageModelCodec::backend_name() const {
  return state_->engine->kernels().name;
}

}  // namespace fz::shard
