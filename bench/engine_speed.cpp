// Tokens a second of the exact engine, frequency table included, on the default model or a synthetic one of a larger
// shape: teacher forcing (encode) and steps (decode), over lanes and context.
//   engine MODEL encode|decode LANES CONTEXT [THREADS]      MODEL: default, 30m, 100m or 1b
// Prints one JSON object; {} where the caches of so many lanes would not fit. Decoding is measured in the middle of the
// chunk, where attention costs what it costs on average.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/machine.h"
#include "base/profile.h"
#include "bench/bench_main.h"
#include "model/backend.h"
#include "model/embedded_model.h"
#include "model/engine.h"
#include "model/frequency_table.h"

namespace {

using fz::model::ModelConfig;

constexpr double kSecondsOfRun = 1.0;
constexpr int kRuns = 3;
constexpr std::uint64_t kMostCacheBytes = std::uint64_t{4} << 30;

struct Shape {
  const char* name;
  ModelConfig config;
};

/// vocabulary, width, layers, heads, key/value heads, head width, feed-forward width
constexpr Shape kShapes[] = {{"30m", {16384, 512, 8, 8, 8, 64, 1408}},
                             {"100m", {32000, 768, 12, 12, 4, 64, 2048}},
                             {"1b", {32000, 2048, 16, 32, 8, 64, 8192}}};

fz::model::QuantizedMatrix noise_matrix(std::uint32_t rows, std::uint32_t columns, std::uint64_t& state) {
  fz::model::QuantizedMatrix matrix{rows, columns, std::vector<std::int8_t>(std::size_t{rows} * columns),
                                    std::vector<float>(rows, 0.02f / std::sqrt(static_cast<float>(columns)))};
  for (std::int8_t& weight : matrix.weights) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    weight = static_cast<std::int8_t>(static_cast<int>((state >> 40) % 255) - 127);
  }
  return matrix;
}

std::shared_ptr<fz::model::Model> make_model(const std::string& name, std::uint32_t context) {
  auto model = std::make_shared<fz::model::Model>();
  if (name == "default") {
    *model = *fz::model::embedded_model();
  } else {
    const auto* shape =
        std::find_if(std::begin(kShapes), std::end(kShapes), [&](const Shape& s) { return name == s.name; });
    if (shape == std::end(kShapes)) return nullptr;
    model->config = shape->config;
    ModelConfig& config = model->config;
    config.tied_head = true;
    config.norm_epsilon = 1e-5f;
    std::uint64_t state = 1;
    model->embedding = noise_matrix(config.vocabulary_size, config.width, state);
    for (std::uint32_t i = 0; i < config.layers; ++i) {
      const std::uint32_t query_width = config.heads * config.head_width;
      const std::uint32_t key_width = config.kv_heads * config.head_width;
      model->layers.push_back({std::vector<float>(config.width, 1.0f), noise_matrix(query_width, config.width, state),
                               noise_matrix(key_width, config.width, state),
                               noise_matrix(key_width, config.width, state),
                               noise_matrix(config.width, query_width, state), std::vector<float>(config.width, 1.0f),
                               noise_matrix(config.feed_forward_width, config.width, state),
                               noise_matrix(config.feed_forward_width, config.width, state),
                               noise_matrix(config.width, config.feed_forward_width, state)});
    }
    model->final_norm.assign(config.width, 1.0f);
  }
  model->config.context = context;
  model->rope_cosine.clear();
  model->rope_sine.clear();
  for (std::uint32_t position = 0; position < context; ++position) {
    for (std::uint32_t pair = 0; pair < model->config.head_width / 2; ++pair) {
      const double angle = position * std::pow(10000.0, -2.0 * pair / model->config.head_width);
      model->rope_cosine.push_back(static_cast<float>(std::cos(angle)));
      model->rope_sine.push_back(static_cast<float>(std::sin(angle)));
    }
  }
  return model;
}

double matrix_operations_a_token(const ModelConfig& c) {
  const double attention = 2.0 * c.width * c.head_width * (c.heads + c.kv_heads);
  return 2 * (c.layers * (attention + 3.0 * c.width * c.feed_forward_width) + 1.0 * c.vocabulary_size * c.width);
}

/// Scores and weighted sums over half a chunk of keys.
double attention_operations_a_token(const ModelConfig& c) {
  return 4.0 * c.layers * c.heads * c.head_width * c.context / 2;
}

struct Measured {
  double tokens_a_second = 0;
  double product_operations_a_second = 0;  // of one thread, in the weight products alone
};

/// The best of some runs of `round`, which does so many tokens; the first only warms up, unless it is long enough
/// alone.
template <typename Round>
Measured measure(double tokens_of_round, const Round& round) {
  Measured best;
  for (int run = 0; run <= kRuns; ++run) {
    const fz::ProfileTotals before = fz::Profile::totals();
    const auto start = std::chrono::steady_clock::now();
    double seconds = 0, tokens = 0;
    do {
      round();
      tokens += tokens_of_round;
      seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    } while (seconds < (run == 0 ? 0 : kSecondsOfRun));
    const bool is_long = run == 0 && seconds > kRuns * kSecondsOfRun;
    if (run == 0 && !is_long) continue;
    const fz::ProfileTotals after = fz::Profile::totals();
    constexpr auto kProduct = static_cast<std::size_t>(fz::Stage::kProduct);
    const double rate =
        (after.product_operations - before.product_operations) / (after.seconds[kProduct] - before.seconds[kProduct]);
    best.tokens_a_second = std::max(best.tokens_a_second, tokens / seconds);
    best.product_operations_a_second = std::max(best.product_operations_a_second, rate);
    if (is_long) break;
  }
  return best;
}

int run(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: engine default|30m|100m|1b encode|decode LANES CONTEXT [THREADS]\n");
    return 2;
  }
  const auto lanes = static_cast<std::size_t>(std::max(1, std::atoi(argv[3])));
  const auto context = static_cast<std::uint32_t>(std::max(16, std::atoi(argv[4])));
  const auto model = make_model(argv[1], context);
  if (model == nullptr) return 2;
  const bool is_decode = std::strcmp(argv[2], "decode") == 0;
  const ModelConfig& config = model->config;
  if (is_decode && fz::model::KvShape(config).cache_bytes * lanes > kMostCacheBytes) {
    std::printf("{}\n");
    return 0;
  }
  fz::Profile::enable();
  fz::ThreadPool pool(argc > 5 ? std::max(1, std::atoi(argv[5])) : fz::count_cores(fz::allowed_cores()));
  fz::model::Engine engine(model, fz::model::choose_kernels(""), pool);
  std::vector<fz::model::FrequencyTable> tables;
  for (int thread = 0; thread < pool.threads(); ++thread) tables.emplace_back(config.vocabulary_size);
  const auto fill = [&](int thread, const float* logits) { tables[thread].fill(engine.kernels(), logits); };

  Measured measured;
  if (is_decode) {
    fz::model::KvCachePool caches(config, lanes);
    std::vector<fz::model::StepInput> inputs;
    for (std::size_t lane = 0; lane < lanes; ++lane) inputs.push_back({&caches[lane], 7, false});
    measured = measure(static_cast<double>(lanes), [&] {
      for (std::size_t lane = 0; lane < lanes; ++lane) caches[lane].position = context / 2;
      engine.step(inputs, [&](std::size_t, int thread, const float* logits) { fill(thread, logits); });
    });
  } else {
    std::vector<fz::model::TokenId> tokens(context, 7);
    const std::vector<fz::model::PrefillChunk> chunks(lanes, {tokens});
    measured = measure(static_cast<double>(lanes * context), [&] {
      engine.prefill(chunks, [&](std::size_t, std::size_t, int thread, const float* logits) { fill(thread, logits); });
    });
  }
  std::printf(
      "{\"model\": \"%s\", \"direction\": \"%s\", \"lanes\": %zu, \"context\": %u, \"threads\": %d, \"backend\": "
      "\"%s\", "
      "\"tokens\": %.5g, \"matrix\": %.5g, \"attention\": %.5g, \"products\": %.4g}\n",
      argv[1], argv[2], lanes, context, pool.threads(), engine.kernels().name, measured.tokens_a_second,
      matrix_operations_a_token(config), attention_operations_a_token(config), measured.product_operations_a_second);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return fz::bench::bench_main("engine", run, argc, argv);
}
