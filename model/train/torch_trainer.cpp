// The trainer on LibTorch: batches, gradients, steps, saved states. Built as a module of its own, which load_trainer.h
// opens when a trainer is wanted, so that other runs never load LibTorch.
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <malloc.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "base/error.h"
#include "model/train/load_trainer.h"
#include "model/train/torch_device.h"
#include "model/train/torch_network.h"
#include "model/train/torch_optimizer.h"

/// Of the OpenMP library that LibTorch brings; null where it is built without one.
extern "C" [[gnu::weak]] int omp_get_thread_limit();

namespace fz::model {
namespace {

using at::Tensor;

/// bf16 only where the processor multiplies it; elsewhere it is emulated, slowly.
at::ScalarType fastest_type(at::Device device) {
  if (device.is_cuda()) return at::kBFloat16;
  return __builtin_cpu_supports("avx512bf16") ? at::kBFloat16 : at::kFloat;
}

/// With more threads than OMP_THREAD_LIMIT allows, a part of a product is left undone, and nothing says so.
int allowed_threads(int wanted) {
  return omp_get_thread_limit != nullptr ? std::min(wanted, omp_get_thread_limit()) : wanted;
}

/// Large buffers come and go in each step; given back to the system each time, they cost more than the arithmetic.
void keep_freed_memory(int up_to_bytes) {
  ::mallopt(M_MMAP_THRESHOLD, up_to_bytes);
  ::mallopt(M_TRIM_THRESHOLD, up_to_bytes);
}
constexpr int kKeptInTrainingBytes = 1 << 30;
/// What the C library does by itself.
constexpr int kKeptOtherwiseBytes = 128 << 10;

std::span<float> span_of(const Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

/// On a CPU with 4,096 tokens a step takes 0.85 of the time that it takes with 8,192 (6.9 M parameters, Zen 4). A GPU
/// wants many at a time (not measured).
constexpr std::size_t kTokensOfPart = 4096;
constexpr std::size_t kTokensOfGpuPart = 32768;

/// LibTorch's errors as ours: their first line, without the stack that follows. Memory is what mostly runs out.
template <typename Work>
auto translated(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const c10::Error& error) {
    fail(ErrorCode::kUnsupported, "LibTorch: {}", error.what_without_backtrace());
  }
}

class TorchTrainer final : public Trainer {
 public:
  TorchTrainer(const Model& model, const TrainerSettings& settings)
      : settings_(settings),
        begin_token_(model.config.begin_token),
        device_(training_device(settings)),
        type_(fastest_type(device_)),
        network_(model, settings, device_, type_),
        optimizer_(settings, network_, type_) {
    keep_freed_memory(kKeptInTrainingBytes);
  }

  /// What comes after training has a limit of its own.
  ~TorchTrainer() override {
    keep_freed_memory(kKeptOtherwiseBytes);
    ::malloc_trim(0);
  }

  LossSum add_gradients(std::span<const ChunkTokens> chunks) override {
    return sum_over_parts(chunks, [](Tensor& loss) { loss.backward(); });
  }

  LossSum evaluate(std::span<const ChunkTokens> chunks) override {
    const at::NoGradGuard guard;
    return sum_over_parts(chunks, [](Tensor&) {});
  }

  std::optional<int> gpu() const override {
    return device_.is_cuda() ? std::optional<int>(device_.index()) : std::nullopt;
  }

  std::span<float> extra_sums() override { return extra_sums_; }
  void sum_over_ranks(const RankSum& sum) override {
    translated([&] {
      const at::NoGradGuard guard;
      const Tensor& sums = network_.gradients();
      const Tensor own = at::from_blob(extra_sums_.data(), {kExtraSums});
      Tensor extra = sums.slice(0, sums.numel() - own.numel());
      extra.copy_(own);
      if (sums.is_cuda() && sum.on_gpu) {
        sum.on_gpu(sums.data_ptr<float>(), static_cast<std::size_t>(sums.numel()));
      } else {
        const Tensor in_memory = sums.cpu();  // the same one on a CPU
        sum.in_memory(span_of(in_memory));
        sums.copy_(in_memory);
      }
      own.copy_(extra);
    });
  }

  std::span<const float> parameters() override {
    return translated([&] {
      parameters_ = network_.parameters().cpu();
      return span_of(parameters_);
    });
  }

  double update(double learning_rate, double tokens) override {
    return translated([&] {
      const at::NoGradGuard guard;
      Tensor gradient = network_.gradients().slice(0, 0, network_.parameters().numel());
      const double norm = tokens > 0 ? gradient.norm().item<double>() / tokens : 0;
      if (tokens > 0 && std::isfinite(norm)) {
        gradient.mul_(std::min(1.0, settings_.clip_norm / std::max(norm, 1e-12)) / tokens);
        optimizer_.step(gradient, learning_rate);
      }
      network_.gradients().zero_();
      extra_sums_.fill(0);
      return norm;
    });
  }

  void be_quantization_aware() override { network_.be_quantization_aware(); }

  std::vector<TrainedProduct> adapter() override {
    return translated([&] { return network_.adapter(); });
  }
  std::vector<NamedTensor> weights() override {
    return translated([&] { return network_.weights(); });
  }

  Bytes save_state() override {
    return translated([&] {
      ByteWriter writer;
      writer.write<std::uint64_t>(static_cast<std::uint64_t>(network_.parameters().numel()));
      writer.write<std::uint64_t>(optimizer_.steps());
      for (const Tensor& tensor : state()) {
        const Tensor in_memory = tensor.cpu();
        const auto* values = reinterpret_cast<const std::uint8_t*>(in_memory.data_ptr<float>());
        writer.write_bytes({values, in_memory.nbytes()});
      }
      return writer.take();
    });
  }

  void restore_state(ByteSpan bytes, const std::string& source) override {
    translated([&] {
      ByteReader reader(bytes, source);
      const auto count = static_cast<std::uint64_t>(network_.parameters().numel());
      if (reader.read<std::uint64_t>() != count) reader.corrupt("holds the state of another model");
      const auto steps = reader.read<std::uint64_t>();
      std::uint64_t state_bytes = 0;
      for (const Tensor& tensor : state()) state_bytes += tensor.nbytes();
      if (reader.remaining() != state_bytes) reader.corrupt("the state is not whole");
      optimizer_.set_steps(steps);
      for (const Tensor& tensor : state()) {
        const Tensor in_memory = at::empty(tensor.sizes());
        const ByteSpan values = reader.take(in_memory.nbytes());
        std::memcpy(in_memory.data_ptr<float>(), values.data(), values.size());
        tensor.copy_(in_memory);
      }
      reader.expect_end();
    });
  }

 private:
  struct Batch {
    Tensor inputs, targets;
    double tokens = 0;
  };

  /// A few chunks at a time, for their activations to stay in the caches: use(loss) is called for each part.
  template <typename Use>
  LossSum sum_over_parts(std::span<const ChunkTokens> chunks, const Use& use) {
    return translated([&] {
      LossSum sum;
      while (!chunks.empty()) {
        std::size_t count = 0;
        const std::size_t most = device_.is_cuda() ? kTokensOfGpuPart : kTokensOfPart;
        for (std::size_t tokens = 0; count < chunks.size() && tokens < most;) tokens += chunks[count++].size();
        const Batch batch = make_batch(chunks.first(count));
        Tensor loss = network_.loss(batch.inputs, batch.targets);
        use(loss);
        sum.nats += loss.item<double>();
        sum.tokens += batch.tokens;
        chunks = chunks.subspan(count);
      }
      return sum;
    });
  }

  std::vector<Tensor> state() const {
    std::vector<Tensor> tensors = optimizer_.moments();
    tensors.insert(tensors.begin(), network_.parameters());
    return tensors;
  }

  /// Shorter chunks are filled up at their ends, where nothing before them sees it.
  Batch make_batch(std::span<const ChunkTokens> chunks) const {
    std::size_t longest = 1;
    for (const ChunkTokens& chunk : chunks) longest = std::max(longest, chunk.size());
    const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(chunks.size()),
                                             static_cast<std::int64_t>(longest)};
    Batch batch{at::full(shape, begin_token_, at::kLong), at::full(shape, -1, at::kLong), 0};
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      std::int64_t* inputs = batch.inputs.data_ptr<std::int64_t>() + i * longest;
      std::int64_t* targets = batch.targets.data_ptr<std::int64_t>() + i * longest;
      std::copy(chunks[i].begin(), chunks[i].end(), targets);
      if (!chunks[i].empty()) std::copy(chunks[i].begin(), chunks[i].end() - 1, inputs + 1);
      batch.tokens += static_cast<double>(chunks[i].size());
    }
    batch.inputs = batch.inputs.to(device_);
    batch.targets = batch.targets.to(device_);
    return batch;
  }

  TrainerSettings settings_;
  std::int64_t begin_token_;
  at::Device device_;
  at::ScalarType type_;  // of products
  TorchNetwork network_;
  TorchOptimizer optimizer_;
  std::array<float, kExtraSums> extra_sums_ = {};
  Tensor parameters_;  // for those who ask for them
};

}  // namespace
}  // namespace fz::model

// What LibTorch throws stays here; what it says is passed on.
extern "C" fz::model::Trainer* fz_make_trainer(const fz::model::Model* model,
                                               const fz::model::TrainerSettings* settings, char* error,
                                               std::size_t error_bytes) try {
  at::set_num_threads(fz::model::allowed_threads(settings->threads));
  return new fz::model::TorchTrainer(*model, *settings);
} catch (const std::exception& exception) {
  std::snprintf(error, error_bytes, "%s", exception.what());
  return nullptr;
}
