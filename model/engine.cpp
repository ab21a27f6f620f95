#include "model/engine.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/profile.h"
#include "model/adapter_path.h"
#include "model/attention.h"
#include "model/kernels/numerics_constants.h"
#include "model/packed_layers.h"

namespace fz::model {
namespace {

/// Rows that go through a layer together: their intermediate sums stay in the second-level cache.
constexpr std::size_t kBlockRows = 48;
/// Lanes that are stepped together: more would share the weights' way from memory further, but leave threads idle at
/// the end of a step.
constexpr std::size_t kStepRows = 32;
/// Rows that go through the head together.
constexpr std::size_t kHeadRows = 24;

/// One token on its way through the layers.
struct Row {
  KvCache* cache;
  std::size_t position;
};

std::size_t largest_depth(const std::vector<PackedLayer>& layers, const LinearMap& head) {
  std::size_t depth = head.matrix.depth();
  for (const PackedLayer& layer : layers) {
    for (const LinearMap* map : layer.maps()) depth = std::max(depth, map->matrix.depth());
  }
  return depth;
}

std::size_t largest_outputs(const std::vector<PackedLayer>& layers) {
  std::size_t outputs = 0;
  for (const PackedLayer& layer : layers) {
    for (const LinearMap* map : layer.maps()) outputs = std::max(outputs, map->matrix.padded_outputs());
  }
  return outputs;
}

/// Buffers of one thread.
struct Scratch {
  Scratch(const ModelConfig& config, std::size_t depth, std::size_t result_size)
      : attention(config),
        cache(config, 1),
        residual(config.context * config.width),
        quantized(kBlockRows * depth),
        product(product_scratch_bytes(kBlockRows, depth)),
        result(result_size),
        queries(kBlockRows * config.heads * config.head_width),
        wide(std::max<std::size_t>({config.width, std::size_t{2} * config.feed_forward_width,
                                    std::size_t{config.heads + 2 * config.kv_heads} * config.head_width})),
        hidden(config.feed_forward_width),
        attended(kBlockRows * config.heads * config.head_width),
        head_values(2 * config.head_width),
        query_scales(kBlockRows * config.heads),
        logits(config.vocabulary_size) {}

  AttentionScratch attention;
  KvCachePool cache;                      // of the chunk that this thread prefills
  AlignedArray<float> residual;           // [rows, width]
  AlignedArray<std::int8_t> quantized;    // [kBlockRows, depth], zero beyond the true depth
  AlignedArray<std::uint8_t> product;     // scratch of product_s8
  AlignedArray<std::int32_t> result;      // [kBlockRows or kHeadRows, padded outputs]
  AlignedArray<std::int16_t> queries;     // [kBlockRows, heads, head_width]
  AlignedArray<float> wide;               // one row of a product's result
  AlignedArray<float> hidden;             // [feed_forward_width]
  AlignedArray<float> attended;           // [kBlockRows, heads · head_width]
  AlignedArray<std::int8_t> head_values;  // a key and a value
  std::vector<float> query_scales;        // [kBlockRows, heads]
  AlignedArray<float> logits;             // [vocabulary_size]
  float scales[kBlockRows];               // of the rows in `quantized`
  std::vector<Row> rows;
  AdapterScratch adapter;  // empty without an adapter
};

}  // namespace

struct Engine::State {
  std::shared_ptr<const Model> model;
  const Kernels& kernels;
  ThreadPool& pool;
  std::unique_ptr<const AdapterPath> adapter;  // null: none
  std::vector<PackedLayer> layers;
  LinearMap head;
  std::vector<std::unique_ptr<Scratch>> scratch;  // one for each thread
  std::size_t result_size;                        // of a scratch's largest product
  float score_scale;                              // log2(e) / √head_width

  State(std::shared_ptr<const Model> model_in, const Kernels& kernels_in, ThreadPool& pool_in,
        std::shared_ptr<const Adapter> adapter_in)
      : model(std::move(model_in)),
        kernels(kernels_in),
        pool(pool_in),
        adapter(adapter_in ? std::make_unique<AdapterPath>(adapter_in, model->config) : nullptr),
        layers(pack_layers(*model, adapter.get())),
        head({&model->output_head()}, nullptr),
        result_size(std::max(kHeadRows * head.matrix.padded_outputs(), kBlockRows * largest_outputs(layers))),
        score_scale(numerics::kLog2E / std::sqrt(static_cast<float>(model->config.head_width))) {
    const std::size_t depth = largest_depth(layers, head);
    for (int thread = 0; thread < pool.threads(); ++thread) {
      scratch.push_back(std::make_unique<Scratch>(model->config, depth, result_size));
      if (adapter) scratch.back()->adapter = AdapterScratch(*adapter_in, kBlockRows, largest_outputs(layers));
    }
  }

  const ModelConfig& config() const { return model->config; }

  void embed(TokenId token, float* x) const {
    const std::int8_t* weights = model->embedding.weights.data() + std::size_t{token} * config().width;
    const float scale = model->embedding.scales[token];
    for (std::size_t i = 0; i < config().width; ++i) x[i] = static_cast<float>(weights[i]) * scale;
  }

  /// Quantizes values[width] as row `row` of the left operand, padding it with zeros to `depth`.
  void quantize_row(Scratch& s, std::size_t row, const float* values, std::size_t width, std::size_t depth) const {
    std::int8_t* target = s.quantized.data() + row * depth;
    s.scales[row] = kernels.quantize(values, width, target);
    std::fill(target + width, target + depth, std::int8_t{0});
  }

  /// The quantized rows times the matrix; what the adapter adds waits in its own scratch.
  void multiply(Scratch& s, std::size_t rows, const LinearMap& map) const {
    const PackedMatrix& matrix = map.matrix;
    {
      const StageScope stage(Stage::kProduct);
      Profile::add_product_operations(2 * rows * matrix.outputs() * matrix.depth());
      kernels.product_s8(s.quantized.data(), rows, matrix.operand(), s.result.data(), matrix.padded_outputs(),
                         s.product.data());
    }
    if (map.adapter != nullptr) {
      adapter->multiply(kernels, *map.adapter, s.quantized.data(), s.scales, rows, s.product.data(), s.adapter);
    }
  }

  /// Norm, quantize, multiply: the beginning of both halves of a layer and of the head.
  void normed_product(Scratch& s, const float* x, std::size_t rows, const std::vector<float>& gain,
                      const LinearMap& map) const {
    const std::size_t width = config().width;
    for (std::size_t row = 0; row < rows; ++row) {
      kernels.rms_norm(x + row * width, gain.data(), config().norm_epsilon, width, s.wide.data());
      quantize_row(s, row, s.wide.data(), width, map.matrix.depth());
    }
    multiply(s, rows, map);
  }

  /// A row of what multiply() gave, into s.wide.
  void dequantize_row(Scratch& s, std::size_t row, const LinearMap& map) const {
    kernels.dequantize(s.result.data() + row * map.matrix.padded_outputs(), s.scales[row], map.matrix.scales(),
                       map.matrix.outputs(), s.wide.data());
    if (map.adapter != nullptr) adapter->add_row(kernels, *map.adapter, s.adapter, row, s.wide.data());
  }

  /// Multiplies the quantized rows and adds the result to the residual stream.
  void product_to_residual(Scratch& s, float* x, std::size_t rows, const LinearMap& map) const {
    multiply(s, rows, map);
    for (std::size_t row = 0; row < rows; ++row) {
      float* const y = x + row * config().width;
      kernels.dequantize_add(s.result.data() + row * map.matrix.padded_outputs(), s.scales[row], map.matrix.scales(),
                             config().width, y);
      if (map.adapter != nullptr) adapter->add_row(kernels, *map.adapter, s.adapter, row, y);
    }
  }

  /// Splits a row of the query-key-value product: rotates, quantizes, keeps the queries and writes keys and values.
  void write_heads(Scratch& s, std::size_t layer, std::size_t row, const Row& token) const {
    const std::size_t head_width = config().head_width;
    const std::size_t pairs = head_width / 2;
    dequantize_row(s, row, layers[layer].query_key_value);
    const float* cosine = model->rope_cosine.data() + token.position * pairs;
    const float* sine = model->rope_sine.data() + token.position * pairs;
    float* queries = s.wide.data();
    float* keys = queries + config().heads * head_width;
    float* values = keys + config().kv_heads * head_width;
    std::int8_t* first = s.head_values.data();
    std::int8_t* second = first + head_width;
    for (std::size_t head = 0; head < config().heads; ++head) {
      kernels.rope(queries + head * head_width, cosine, sine, pairs);
      const std::size_t index = row * config().heads + head;
      s.query_scales[index] = kernels.quantize(queries + head * head_width, head_width, first) * score_scale;
      std::copy_n(first, head_width, s.queries.data() + index * head_width);
    }
    for (std::size_t head = 0; head < config().kv_heads; ++head) {
      kernels.rope(keys + head * head_width, cosine, sine, pairs);
      const float key_scale = kernels.quantize(keys + head * head_width, head_width, first);
      const float value_scale = kernels.quantize(values + head * head_width, head_width, second);
      token.cache->write(layer, head, token.position, first, key_scale, second, value_scale);
    }
  }

  void write_all_heads(Scratch& s, std::size_t layer, std::span<const Row> rows, const float* x) const {
    normed_product(s, x, rows.size(), model->layers[layer].attention_norm, layers[layer].query_key_value);
    for (std::size_t row = 0; row < rows.size(); ++row) write_heads(s, layer, row, rows[row]);
  }

  void attention_half(Scratch& s, std::size_t layer, std::span<const Row> rows, float* x) const {
    const std::size_t attended_width = std::size_t{config().heads} * config().head_width;
    write_all_heads(s, layer, rows, x);
    for (std::size_t begin = 0, end; begin < rows.size(); begin = end) {
      const StageScope stage(Stage::kAttention);
      end = begin + 1;
      while (end < rows.size() && rows[end].cache == rows[begin].cache) ++end;
      attend(config(), kernels, *rows[begin].cache, layer, rows[begin].position, end - begin,
             s.queries.data() + begin * attended_width, s.query_scales.data() + begin * config().heads, s.attention,
             s.attended.data() + begin * attended_width, attended_width);
    }
    const LinearMap& output = layers[layer].attention_output;
    for (std::size_t row = 0; row < rows.size(); ++row) {
      quantize_row(s, row, s.attended.data() + row * attended_width, attended_width, output.matrix.depth());
    }
    product_to_residual(s, x, rows.size(), output);
  }

  void feed_forward_half(Scratch& s, std::size_t layer, std::size_t rows, float* x) const {
    const std::size_t hidden_width = config().feed_forward_width;
    const LinearMap& gate_up = layers[layer].gate_up;
    const LinearMap& down = layers[layer].down;
    normed_product(s, x, rows, model->layers[layer].feed_forward_norm, gate_up);
    for (std::size_t row = 0; row < rows; ++row) {
      dequantize_row(s, row, gate_up);
      kernels.gated_unit(s.wide.data(), s.wide.data() + hidden_width, hidden_width, s.hidden.data());
      quantize_row(s, row, s.hidden.data(), hidden_width, down.matrix.depth());
    }
    product_to_residual(s, x, rows, down);
  }

  /// All of s.rows, embedded in s.residual, through the layers. Rows of one cache are consecutive and in order. The
  /// results of the first `known` rows are not wanted.
  void run_layers(Scratch& s, std::size_t known) const {
    const StageScope stage(Stage::kElementwise);
    for (std::size_t layer = 0; layer < layers.size(); ++layer) {
      for (std::size_t begin = 0; begin < s.rows.size(); begin += kBlockRows) {
        const std::size_t count = std::min(kBlockRows, s.rows.size() - begin);
        const std::span<const Row> rows = std::span(s.rows).subspan(begin, count);
        float* x = s.residual.data() + begin * config().width;
        if (layer + 1 == layers.size() && begin + count <= known) {
          write_all_heads(s, layer, rows, x);
        } else {
          attention_half(s, layer, rows, x);
          feed_forward_half(s, layer, count, x);
        }
      }
    }
  }

  template <typename Visit>  // void(std::size_t row, const float* logits)
  void run_head(Scratch& s, std::size_t first_row, const Visit& visit) const {
    const StageScope stage(Stage::kTable);
    for (std::size_t begin = first_row; begin < s.rows.size(); begin += kHeadRows) {
      const std::size_t count = std::min(kHeadRows, s.rows.size() - begin);
      normed_product(s, s.residual.data() + begin * config().width, count, model->final_norm, head);
      for (std::size_t row = 0; row < count; ++row) {
        kernels.dequantize(s.result.data() + row * head.matrix.padded_outputs(), s.scales[row] * numerics::kLog2E,
                           head.matrix.scales(), config().vocabulary_size, s.logits.data());
        visit(begin + row, s.logits.data());
      }
    }
  }
};

Engine::Engine(std::shared_ptr<const Model> model, const Kernels& kernels, ThreadPool& pool,
               std::shared_ptr<const Adapter> adapter)
    : state_(std::make_unique<State>(std::move(model), kernels, pool, std::move(adapter))) {}

Engine::~Engine() = default;

void Engine::prefill(std::span<const PrefillChunk> chunks, const ChunkVisitor& visitor) {
  State& state = *state_;
  state.pool.parallel_for(chunks.size(), [&](std::size_t chunk, int thread) {
    const std::span<const TokenId> tokens = chunks[chunk].tokens;
    FZ_CHECK(tokens.size() <= state.config().context);
    Scratch& s = *state.scratch[thread];
    KvCache& cache = chunks[chunk].cache != nullptr ? *chunks[chunk].cache : s.cache[0];
    cache.position = tokens.size();
    s.rows.clear();
    for (std::size_t position = 0; position < tokens.size(); ++position) {
      const TokenId input = position == 0 ? state.config().begin_token : tokens[position - 1];
      state.embed(input, s.residual.data() + position * state.config().width);
      s.rows.push_back({&cache, position});
    }
    state.run_layers(s, chunks[chunk].known);
    state.run_head(s, chunks[chunk].known,
                   [&](std::size_t row, const float* logits) { visitor(chunk, row, thread, logits); });
  });
}

void Engine::step(std::span<const StepInput> inputs, const StepVisitor& visitor) {
  State& state = *state_;
  // Groups are as even as threads allow, and no larger than the residual buffer holds.
  const std::size_t threads = static_cast<std::size_t>(state.pool.threads());
  const std::size_t per_thread = (inputs.size() + threads - 1) / threads;
  const std::size_t group_size =
      std::clamp<std::size_t>(per_thread, 1, std::min<std::size_t>(kStepRows, state.config().context));
  const std::size_t groups = (inputs.size() + group_size - 1) / group_size;
  state.pool.parallel_for(groups, [&](std::size_t group, int thread) {
    Scratch& s = *state.scratch[thread];
    s.rows.clear();
    const std::size_t begin = group * group_size;
    const std::size_t end = std::min(begin + group_size, inputs.size());
    for (std::size_t i = begin; i < end; ++i) {
      KvCache& cache = *inputs[i].cache;
      if (inputs[i].restarts) cache.position = 0;
      FZ_CHECK(cache.position < state.config().context);
      const TokenId token = inputs[i].restarts ? state.config().begin_token : inputs[i].token;
      state.embed(token, s.residual.data() + (i - begin) * state.config().width);
      s.rows.push_back({&cache, cache.position++});
    }
    state.run_layers(s, 0);
    state.run_head(s, 0, [&](std::size_t row, const float* logits) { visitor(begin + row, thread, logits); });
  });
}

const Model& Engine::model() const {
  return *state_->model;
}
const Kernels& Engine::kernels() const {
  return state_->kernels;
}
ThreadPool& Engine::pool() const {
  return state_->pool;
}
std::size_t Engine::weight_bytes() const {
  std::size_t packed = state_->head.matrix.size_bytes();
  for (const PackedLayer& layer : state_->layers) {
    for (const LinearMap* map : layer.maps()) packed += map->matrix.size_bytes();
  }
  return packed + (state_->adapter ? state_->adapter->size_bytes() : 0);
}
std::size_t Engine::memory_bytes() const {
  const ModelConfig& config = state_->config();
  const std::size_t scratch = KvShape(config).cache_bytes + sizeof(float) * config.context * config.width +
                              sizeof(std::int32_t) * state_->result_size + state_->scratch[0]->adapter.size_bytes();
  // The model holds the weights once more, in rows, and so does the adapter.
  return 2 * weight_bytes() + scratch * state_->scratch.size();
}

}  // namespace fz::model
