// The trainer on LibTorch beside the exact engine: the same model, the same losses, and an adapter that helps both.
// With the model inside the program. Skipped where the module with LibTorch is missing, and on a GPU where there is
// none.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>

#include "model/adapter_quantize.h"
#include "model/backend.h"
#include "model/embedded_model.h"
#include "model/engine.h"
#include "model/tokenizer.h"
#include "model/train/load_trainer.h"
#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace fz::model {

/// For the names of tests.
static void PrintTo(TrainingDevice device, std::ostream* out) {
  *out << (device == TrainingDevice::kGpu ? "GPU" : "CPU");
}

namespace {

using Tokens = std::vector<TokenId>;

class TorchTrainerTest : public testing::TestWithParam<TrainingDevice> {
 protected:
  void SetUp() override {
    if (!has_trainer()) GTEST_SKIP() << "libfz_train.so is not beside the tests: this build has no LibTorch";
    model_ = embedded_model();
    if (is_on_gpu()) {
      try {
        make({.rank = 1});
      } catch (const Error& error) {
        GTEST_SKIP() << error.what();
      }
    }
    const Tokenizer tokenizer(model_->tokenizer, "embedded model");
    const std::string text = test::read_text(FZ_TEST_DATA_DIR "/../../docs/format.md");
    const Tokens tokens = tokenizer.encode(as_byte_span(text));
    for (std::size_t i = 0; i < 4; ++i) {
      const auto begin = tokens.begin() + static_cast<std::ptrdiff_t>(i * kChunkTokens);
      chunks_.emplace_back(begin, begin + kChunkTokens);
    }
  }

  static bool is_on_gpu() { return GetParam() == TrainingDevice::kGpu; }
  /// Of the products in bf16, which the trainer uses on GPUs and some processors: 8 bits of mantissa.
  static bool computes_in_bf16() { return is_on_gpu() || __builtin_cpu_supports("avx512bf16"); }

  std::unique_ptr<Trainer> make(TrainerSettings settings = {}) const {
    settings.device = GetParam();
    return make_trainer(*model_, settings);
  }
  static LossSum evaluate(Trainer& trainer, const std::vector<Tokens>& chunks) {
    const std::vector<ChunkTokens> spans(chunks.begin(), chunks.end());
    return trainer.evaluate(spans);
  }
  static LossSum add_gradients(Trainer& trainer, const std::vector<Tokens>& chunks) {
    const std::vector<ChunkTokens> spans(chunks.begin(), chunks.end());
    return trainer.add_gradients(spans);
  }
  static void train(Trainer& trainer, const std::vector<Tokens>& chunks, int steps) {
    for (int i = 0; i < steps; ++i) {
      const LossSum loss = add_gradients(trainer, chunks);
      EXPECT_TRUE(std::isfinite(trainer.update(5e-3, loss.tokens)));
    }
  }

  /// What the exact engine would code the chunks with.
  double engine_bits(const std::vector<Tokens>& chunks, std::shared_ptr<const Adapter> adapter = nullptr) const {
    ThreadPool pool(1);
    Engine engine(model_, choose_kernels(), pool, std::move(adapter));
    std::vector<PrefillChunk> whole;
    for (const Tokens& chunk : chunks) whole.push_back({chunk});
    double bits = 0;
    engine.prefill(whole, [&](std::size_t chunk, std::size_t position, int, const float* logits) {
      double sum = 0;
      for (std::uint32_t i = 0; i < model_->config.vocabulary_size; ++i) sum += std::exp2(double{logits[i]});
      bits += std::log2(sum) - double{logits[chunks[chunk][position]]};
    });
    return bits;
  }
  std::shared_ptr<const Adapter> quantized(Trainer& trainer, const TrainerSettings& settings) const {
    auto adapter = std::make_shared<Adapter>();
    adapter->weights_hash = model_->weights_hash;
    adapter->rank = settings.rank;
    adapter->targets = settings.products_mask;
    adapter->layers.resize(model_->config.layers);
    const std::vector<TrainedProduct> products = trainer.adapter();
    EXPECT_EQ(products.size(), model_->config.layers * kAdaptedProducts);
    for (std::size_t i = 0; i < products.size(); ++i) {
      const AdapterTarget target = kAdapterTargets[i % kAdaptedProducts];
      EXPECT_EQ(products[i].a.empty(), !adapter->has(target));
      if (!adapter->has(target)) continue;
      adapter->layers[i / kAdaptedProducts][index_of(target)] = quantize_adapter_site(
          {products[i].a, products[i].b}, settings.rank, adapter_shape(model_->config, target), 0.5);
    }
    validate_adapter(*adapter, model_->config, "trained adapter");
    return adapter;
  }

  /// What all ranks together would make of the sums, which one rank may do alone.
  static void change_sums(Trainer& trainer, const std::function<void(std::span<float>)>& change) {
    trainer.sum_over_ranks({change, {}});
  }
  static std::vector<float> all_sums(Trainer& trainer) {
    std::vector<float> result;
    change_sums(trainer, [&](std::span<float> sums) { result.assign(sums.begin(), sums.end()); });
    return result;
  }
  static std::vector<float> gradients(Trainer& trainer) {
    std::vector<float> result = all_sums(trainer);
    result.resize(result.size() - Trainer::kExtraSums);
    return result;
  }

  /// A part of the parameters.
  struct Part {
    std::string name;
    std::size_t offset;
    std::size_t count;
  };
  /// Compares the gradient with differences of the loss, along the gradient of a part alone.
  void expect_gradient(Trainer& trainer, const std::vector<Part>& parts) const {
    const std::vector<Tokens> chunks(chunks_.begin(), chunks_.begin() + 1);
    change_sums(trainer, [](std::span<float> sums) { std::fill(sums.begin(), sums.end(), 0.0f); });
    const double loss = add_gradients(trainer, chunks).nats;
    const std::vector<float> gradient = gradients(trainer);
    const Bytes state = trainer.save_state();
    for (const Part& part : parts) {
      ASSERT_LE(part.offset + part.count, gradient.size());
      double squares = 0;
      for (std::size_t i = 0; i < part.count; ++i)
        squares += double{gradient[part.offset + i]} * gradient[part.offset + i];
      ASSERT_GT(squares, 0) << part.name;
      const double step = 0.003 * loss / squares;  // changes the loss by 0.3 %
      const auto loss_at = [&](double steps) {
        Bytes moved = state;
        for (std::size_t i = 0; i < part.count; ++i) {
          float value = 0;
          std::uint8_t* const place = moved.data() + kStateHeadBytes + (part.offset + i) * sizeof(float);
          std::memcpy(&value, place, sizeof value);
          value += static_cast<float>(steps * step * gradient[part.offset + i]);
          std::memcpy(place, &value, sizeof value);
        }
        trainer.restore_state(moved, "moved");
        return evaluate(trainer, chunks).nats;
      };
      EXPECT_NEAR((loss_at(1) - loss_at(-1)) / (2 * step * squares), 1, computes_in_bf16() ? 0.25 : 0.05) << part.name;
    }
    trainer.restore_state(state, "as it was");
  }

  /// More than one block of the attention's rows.
  static constexpr std::ptrdiff_t kChunkTokens = 160;
  /// Of a saved state: number of parameters and steps.
  static constexpr std::size_t kStateHeadBytes = 16;

  std::shared_ptr<const Model> model_;
  std::vector<Tokens> chunks_;  ///< Different real text.
};

TEST_P(TorchTrainerTest, ComputesTheLossOfTheEngine) {
  const double expected = engine_bits(chunks_);
  for (const Trained trained : {Trained::kAdapter, Trained::kWeights}) {
    const LossSum loss = evaluate(*make({.trained = trained}), chunks_);
    EXPECT_EQ(loss.tokens, 4 * kChunkTokens);
    EXPECT_NEAR(loss.bits_per_token() * loss.tokens, expected, 0.01 * expected);
  }
}

TEST_P(TorchTrainerTest, WithFourBitsTheLossIsNearlyTheSame) {
  const double eight = evaluate(*make({.base_bits = 8}), chunks_).nats;
  const double four = evaluate(*make({.base_bits = 4}), chunks_).nats;
  EXPECT_NE(four, eight);
  EXPECT_NEAR(four, eight, 0.05 * eight);
}

TEST_P(TorchTrainerTest, ChunksOfDifferentLengthsDoNotDisturbEachOther) {
  std::vector<Tokens> chunks = chunks_;
  chunks[1].resize(50);
  chunks[2].resize(1);
  const std::unique_ptr<Trainer> trainer = make();
  LossSum one_by_one;
  for (const Tokens& chunk : chunks) {
    const LossSum loss = evaluate(*trainer, {chunk});
    one_by_one.nats += loss.nats;
    one_by_one.tokens += loss.tokens;
  }
  const LossSum together = evaluate(*trainer, chunks);
  EXPECT_EQ(together.tokens, 2 * kChunkTokens + 51);
  EXPECT_EQ(together.tokens, one_by_one.tokens);
  EXPECT_NEAR(together.nats, one_by_one.nats, (computes_in_bf16() ? 1e-2 : 1e-4) * one_by_one.nats);
  // Nor do their gradients.
  const LossSum added = add_gradients(*trainer, chunks);
  EXPECT_NEAR(added.nats, together.nats, 1e-4 * together.nats);
  const std::vector<float> expected = gradients(*trainer);
  trainer->update(0, 1);
  for (const Tokens& chunk : chunks) add_gradients(*trainer, {chunk});
  const std::vector<float> found = gradients(*trainer);
  double squares = 0, difference = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    squares += double{expected[i]} * expected[i];
    difference += std::pow(double{expected[i]} - found[i], 2);
  }
  EXPECT_GT(squares, 0);
  EXPECT_LT(difference, (computes_in_bf16() ? 1e-3 : 1e-6) * squares);
}

TEST_P(TorchTrainerTest, AnAdaptersGradientIsThatOfTheLoss) {
  const TrainerSettings settings = {.rank = 4};
  const std::unique_ptr<Trainer> trainer = make(settings);
  train(*trainer, {chunks_[1]}, 2);  // B is no longer zero, so A matters
  std::vector<Part> parts;
  std::size_t offset = 0;
  for (std::size_t layer = 0; layer < model_->config.layers; ++layer) {
    for (const AdapterTarget target : kAdapterTargets) {
      const AdapterShape shape = adapter_shape(model_->config, target);
      const std::string place = fmt::format("layer {}, target {}", layer, index_of(target));
      if (layer % 5 == 0) {
        parts.push_back({place + ", A", offset, settings.rank * shape.inputs});
        parts.push_back({place + ", B", offset + settings.rank * shape.inputs, settings.rank * shape.outputs});
      }
      offset += settings.rank * (shape.inputs + shape.outputs);
    }
  }
  EXPECT_EQ(trainer->parameters().size(), offset);
  EXPECT_EQ(all_sums(*trainer).size(), offset + Trainer::kExtraSums);
  expect_gradient(*trainer, parts);
}

TEST_P(TorchTrainerTest, TheGradientOfWeightsIsThatOfTheLoss) {
  const std::unique_ptr<Trainer> trainer = make({.trained = Trained::kWeights});
  std::vector<Part> parts;
  std::size_t offset = 0;
  std::size_t number = 0;
  // In the order of a layer's tensors, as one of the names of each product stands for all of it.
  for (const NamedTensor& tensor : trainer->weights()) {
    if (number % 7 == 0 || tensor.name == "model.norm.weight" || tensor.name.ends_with("0.input_layernorm.weight") ||
        tensor.name.ends_with("5.mlp.up_proj.weight")) {
      const auto place = std::search(trainer->parameters().begin(), trainer->parameters().end(), tensor.values.begin(),
                                     tensor.values.begin() + 64);
      ASSERT_NE(place, trainer->parameters().end()) << tensor.name;
      parts.push_back(
          {tensor.name, static_cast<std::size_t>(place - trainer->parameters().begin()), tensor.values.size()});
    }
    ++number;
    offset += tensor.values.size();
  }
  EXPECT_EQ(trainer->parameters().size(), offset);
  EXPECT_GE(parts.size(), 6u);
  expect_gradient(*trainer, parts);
}

TEST_P(TorchTrainerTest, ATrainedAdapterHelpsTheEngine) {
  for (const std::uint32_t targets : {0xfu, 0x5u}) {
    const TrainerSettings settings = {.rank = 4, .alpha = 8, .products_mask = targets};
    const std::unique_ptr<Trainer> trainer = make(settings);
    const std::vector<Tokens> chunks = {chunks_[0], chunks_[1]};
    const double before = evaluate(*trainer, chunks).nats;
    train(*trainer, chunks, 8);
    const double after = evaluate(*trainer, chunks).nats;
    EXPECT_LT(after, 0.9 * before) << targets;
    const double engine_before = engine_bits(chunks);
    const double engine_after = engine_bits(chunks, quantized(*trainer, settings));
    // The integers are not what was trained; they have most of it.
    EXPECT_LT(engine_after / engine_before, 1 - 0.7 * (1 - after / before)) << targets;
  }
}

TEST_P(TorchTrainerTest, AnUntrainedAdapterChangesNothing) {
  const TrainerSettings settings = {.rank = 4};
  EXPECT_EQ(engine_bits({chunks_[0]}, quantized(*make(settings), settings)), engine_bits({chunks_[0]}));
}

TEST_P(TorchTrainerTest, ComponentsOfAnAdapterAreOrderedBySize) {
  constexpr std::uint32_t kRank = 4;
  const std::unique_ptr<Trainer> trainer = make({.rank = kRank});
  train(*trainer, {chunks_[0], chunks_[1]}, 4);
  for (const TrainedProduct& product : trainer->adapter()) {
    const std::size_t inputs = product.a.size() / kRank;
    // Rows of A: orthogonal, and none is larger than the one before.
    const auto dot = [&](std::size_t first, std::size_t second) {
      return std::inner_product(product.a.begin() + static_cast<std::ptrdiff_t>(first * inputs),
                                product.a.begin() + static_cast<std::ptrdiff_t>((first + 1) * inputs),
                                product.a.begin() + static_cast<std::ptrdiff_t>(second * inputs), 0.0);
    };
    EXPECT_GT(dot(0, 0), 0);
    for (std::size_t r = 1; r < kRank; ++r) {
      EXPECT_LE(dot(r, r), dot(r - 1, r - 1));
      EXPECT_NEAR(dot(r, r - 1), 0, 1e-5 * dot(0, 0));
    }
  }
}

TEST_P(TorchTrainerTest, TheSeedDecidesTheInitialValues) {
  const auto parameters = [&](std::uint64_t seed) {
    const std::unique_ptr<Trainer> trainer = make({.seed = seed});
    return std::vector<float>(trainer->parameters().begin(), trainer->parameters().end());
  };
  EXPECT_EQ(parameters(1), parameters(1));
  EXPECT_NE(parameters(1), parameters(2));
}

TEST_P(TorchTrainerTest, AnUpdateWithoutTokensOrWithANanChangesNothing) {
  const std::unique_ptr<Trainer> trainer = make({.rank = 2});
  train(*trainer, {chunks_[0]}, 1);
  const Bytes before = trainer->save_state();
  EXPECT_EQ(trainer->update(1e-2, 0), 0);
  EXPECT_EQ(trainer->save_state(), before);
  add_gradients(*trainer, {chunks_[0]});
  change_sums(*trainer, [](std::span<float> sums) { sums[3] = std::numeric_limits<float>::quiet_NaN(); });
  EXPECT_FALSE(std::isfinite(trainer->update(1e-2, kChunkTokens)));
  EXPECT_EQ(trainer->save_state(), before);
  for (const float sum : all_sums(*trainer)) ASSERT_EQ(sum, 0);
}

TEST_P(TorchTrainerTest, ExtraNumbersAreSummedWithTheGradients) {
  const std::unique_ptr<Trainer> trainer = make({.rank = 2});
  add_gradients(*trainer, {chunks_[0]});
  const std::vector<float> own = gradients(*trainer);
  trainer->extra_sums()[2] = 5;
  change_sums(*trainer, [](std::span<float> sums) {
    for (float& sum : sums) sum *= 3;  // as if all of three ranks had the same
  });
  EXPECT_EQ(trainer->extra_sums()[2], 15);
  const std::vector<float> summed = gradients(*trainer);
  for (std::size_t i = 0; i < own.size(); ++i) ASSERT_EQ(summed[i], 3 * own[i]);
  trainer->update(1e-3, 3 * kChunkTokens);
  for (const float sum : trainer->extra_sums()) EXPECT_EQ(sum, 0);
}

TEST_P(TorchTrainerTest, ComputesWhereItIsTold) {
  EXPECT_EQ(make({.rank = 2})->gpu().has_value(), is_on_gpu());
}

TEST_P(TorchTrainerTest, GoesOnFromASavedState) {
  for (TrainerSettings settings :
       {TrainerSettings{.rank = 2}, TrainerSettings{.trained = Trained::kWeights, .optimizer = Optimizer::kMuon}}) {
    const std::unique_ptr<Trainer> trainer = make(settings);
    train(*trainer, {chunks_[0]}, 2);
    const Bytes state = trainer->save_state();
    train(*trainer, {chunks_[1]}, 2);
    settings.seed = 9;
    const std::unique_ptr<Trainer> other = make(settings);
    other->restore_state(state, "state");
    EXPECT_EQ(other->save_state(), state);
    train(*other, {chunks_[1]}, 2);
    EXPECT_EQ(other->save_state(), trainer->save_state());
  }
}

/// The largest factor by which the matrix makes a vector longer, by power iteration.
double spectral_norm(const std::vector<double>& matrix, std::size_t rows, std::size_t columns) {
  std::vector<double> x(columns, 1), y(rows);
  double norm = 0;
  for (int i = 0; i < 30; ++i) {
    double squares = 0;
    for (const double value : x) squares += value * value;
    norm = std::sqrt(std::sqrt(squares));  // x is AᵀA times a vector of length 1
    for (double& value : x) value /= std::sqrt(squares);
    for (std::size_t r = 0; r < rows; ++r)
      y[r] = std::inner_product(x.begin(), x.end(), matrix.begin() + static_cast<std::ptrdiff_t>(r * columns), 0.0);
    std::fill(x.begin(), x.end(), 0);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < columns; ++c) x[c] += y[r] * matrix[r * columns + c];
    }
  }
  return norm;
}

TEST_P(TorchTrainerTest, MuonMovesMatricesByOrthogonalSteps) {
  constexpr double kRate = 1e-3;
  const std::unique_ptr<Trainer> trainer = make({.trained = Trained::kWeights, .optimizer = Optimizer::kMuon});
  const std::vector<NamedTensor> before = trainer->weights();
  trainer->update(kRate, add_gradients(*trainer, chunks_).tokens);
  const std::vector<NamedTensor> after = trainer->weights();
  std::size_t matrices = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    std::vector<double> moved(before[i].values.size());
    for (std::size_t j = 0; j < moved.size(); ++j) moved[j] = double{after[i].values[j]} - before[i].values[j];
    const bool is_orthogonal = before[i].name.find("_proj") != std::string::npos;
    if (!is_orthogonal) {  // AdamW's first step is as long for each parameter that has a gradient
      for (const double value : moved) ASSERT_LE(std::abs(value), 1.01 * kRate + 1e-6) << before[i].name;
      continue;
    }
    if (++matrices % 5 != 1) continue;
    const std::size_t rows = before[i].shape[0], columns = before[i].shape[1];
    const double scale = 0.2 * kRate * std::sqrt(static_cast<double>(std::max(rows, columns)));
    double squares = 0;
    for (double& value : moved) {
      value /= scale;
      squares += value * value;
    }
    EXPECT_LT(spectral_norm(moved, rows, columns), 1.3) << before[i].name;
    EXPECT_GT(squares / static_cast<double>(std::min(rows, columns)), 0.4) << before[i].name;
  }
  EXPECT_EQ(matrices, 7 * model_->config.layers);
}

TEST_P(TorchTrainerTest, BothOptimizersLearn) {
  for (const Optimizer optimizer : {Optimizer::kAdamW, Optimizer::kMuon}) {
    const std::unique_ptr<Trainer> trainer = make({.trained = Trained::kWeights, .optimizer = optimizer});
    const double before = evaluate(*trainer, chunks_).nats;
    for (int i = 0; i < 8; ++i) trainer->update(1e-3, add_gradients(*trainer, chunks_).tokens);
    EXPECT_LT(evaluate(*trainer, chunks_).nats, 0.8 * before) << static_cast<int>(optimizer);
  }
}

TEST_P(TorchTrainerTest, ADamagedStateIsRefused) {
  const std::unique_ptr<Trainer> trainer = make({.rank = 2});
  const Bytes state = trainer->save_state();
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{7}, std::size_t{12}, kStateHeadBytes, state.size() / 2, state.size() - 1}) {
    test::expect_error(ErrorCode::kCorrupt, "state-file",
                       [&] { trainer->restore_state(ByteSpan(state).first(size), "state-file"); });
  }
  Bytes longer = state;
  longer.push_back(0);
  test::expect_error(ErrorCode::kCorrupt, "state-file", [&] { trainer->restore_state(longer, "state-file"); });
  test::expect_error(ErrorCode::kCorrupt, "another model",
                     [&] { make({.rank = 3})->restore_state(state, "state-file"); });
}

INSTANTIATE_TEST_SUITE_P(Devices, TorchTrainerTest, testing::Values(TrainingDevice::kCpu, TrainingDevice::kGpu),
                         [](const auto& info) { return info.param == TrainingDevice::kGpu ? "Gpu" : "Cpu"; });

}  // namespace
}  // namespace fz::model
