// Exact inference: from tokens to the logits of the next token, the same bits on every backend, batch, thread count and
// split between prefill and steps (docs/numerics.md). Owns packed weights and scratch; one caller at a time, parallel
// inside over the given pool.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "model/adapter.h"
#include "model/kernels/kernels.h"
#include "model/kv_cache.h"
#include "model/model.h"

namespace fz::model {

/// One lane's part of a step: the cache knows its position.
struct StepInput {
  KvCache* cache = nullptr;
  TokenId token = 0;      ///< The token before the one to predict; ignored where `restarts` is set.
  bool restarts = false;  ///< Begins a new chunk: the begin token at position 0.
};

/// Consecutive tokens from a chunk's beginning on, at most as many as the context.
struct PrefillChunk {
  std::span<const TokenId> tokens;
  std::size_t known = 0;     ///< So many of them are only read.
  KvCache* cache = nullptr;  ///< Keys and values stay there, for steps that follow; null: nowhere.
};

class Engine {
 public:
  /// Receives base-2 logits [vocabulary_size] of one prediction; may be called from several threads at once, once for
  /// each prediction, `thread` in [0, pool.threads()).
  using ChunkVisitor = std::function<void(std::size_t chunk, std::size_t position, int thread, const float* logits)>;
  using StepVisitor = std::function<void(std::size_t input, int thread, const float* logits)>;

  /// `adapter`, if any, is one for this model that validate_adapter has passed.
  Engine(std::shared_ptr<const Model> model, const Kernels& kernels, ThreadPool& pool,
         std::shared_ptr<const Adapter> adapter = nullptr);
  ~Engine();

  /// Teacher forcing: for every chunk and position p from `known` on, the logits of tokens[p] given the begin token
  /// and tokens[0 … p-1]. The next step of a chunk's cache takes its last token.
  void prefill(std::span<const PrefillChunk> chunks, const ChunkVisitor& visitor);

  /// One token for each lane: the logits of the token after `token`. A lane may take at most context steps between
  /// restarts, and may occur once in `inputs`.
  void step(std::span<const StepInput> inputs, const StepVisitor& visitor);

  const Model& model() const;
  const Kernels& kernels() const;
  ThreadPool& pool() const;
  /// Bytes of the weights, an adapter's included, as a pass reads them.
  std::size_t weight_bytes() const;
  /// Bytes of model, adapter, packed weights and scratch.
  std::size_t memory_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fz::model
