// The exactness contract on whole models: every backend, number of threads, batch and split between prefill and steps
// gives the frequency tables that the scalar backend gives; golden hashes pin the numerics version.
#include "model/engine.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "model/backend.h"
#include "model/embedded_model.h"
#include "model/frequency_table.h"
#include "tests/exact/random_adapter.h"

namespace fz::model {
namespace {

using test::random_adapter;
using test::random_model;
using test::test_seed;

/// One hash for the table of each prediction, by chunk and position.
using TableHashes = std::vector<std::vector<Hash>>;
using Chunks = std::vector<std::vector<TokenId>>;

Hash hash_table(const Kernels& kernels, const float* logits, std::uint32_t vocabulary_size) {
  FrequencyTable table(vocabulary_size);
  table.fill(kernels, logits);
  return hash_bytes(
      {reinterpret_cast<const std::uint8_t*>(table.frequencies()), vocabulary_size * sizeof(std::uint32_t)});
}

TableHashes prefill_hashes(Engine& engine, const Chunks& chunks) {
  TableHashes hashes;
  std::vector<PrefillChunk> whole;
  for (const auto& chunk : chunks) {
    hashes.emplace_back(chunk.size());
    whole.push_back({chunk});
  }
  engine.prefill(whole, [&](std::size_t chunk, std::size_t position, int, const float* logits) {
    hashes[chunk][position] = hash_table(engine.kernels(), logits, engine.model().config.vocabulary_size);
  });
  return hashes;
}

/// Every lane takes the chunks i, i + lanes, i + 2·lanes … one after another; lane i starts i steps late, so that a
/// batch mixes positions.
TableHashes step_hashes(Engine& engine, const Chunks& chunks, std::size_t lanes) {
  TableHashes hashes;
  for (const auto& chunk : chunks) hashes.emplace_back(chunk.size());
  struct LaneState {
    KvCache* cache;
    std::size_t chunk;
    std::size_t position = 0;
  };
  KvCachePool caches(engine.model().config, lanes);
  std::vector<LaneState> states;
  for (std::size_t lane = 0; lane < lanes; ++lane) states.push_back({&caches[lane], lane});
  for (std::size_t t = 0;; ++t) {
    std::vector<StepInput> inputs;
    std::vector<LaneState*> active;
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      LaneState& state = states[lane];
      if (t < lane || state.chunk >= chunks.size()) continue;
      const bool restarts = state.position == 0;
      inputs.push_back({state.cache, restarts ? 0 : chunks[state.chunk][state.position - 1], restarts});
      active.push_back(&state);
    }
    if (inputs.empty() && t >= lanes) return hashes;
    engine.step(inputs, [&](std::size_t input, int, const float* logits) {
      const LaneState& state = *active[input];
      hashes[state.chunk][state.position] = hash_table(engine.kernels(), logits, engine.model().config.vocabulary_size);
    });
    for (LaneState* state : active) {
      if (++state->position == chunks[state->chunk].size()) {
        state->position = 0;
        state->chunk += lanes;
      }
    }
  }
}

/// Each chunk's first `known` tokens (fewer if it is shorter) are only read, by one prefill; steps do the rest.
TableHashes read_and_step_hashes(Engine& engine, const Chunks& chunks, std::size_t known) {
  TableHashes hashes;
  KvCachePool caches(engine.model().config, chunks.size());
  std::vector<PrefillChunk> read;
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    hashes.emplace_back(chunks[i].size());
    positions.push_back(std::min(known, chunks[i].size()));
    read.push_back({std::span(chunks[i]).first(positions[i]), positions[i], &caches[i]});
  }
  engine.prefill(read, nullptr);
  while (true) {
    std::vector<StepInput> inputs;
    std::vector<std::size_t> active;
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      if (positions[i] == chunks[i].size()) continue;
      inputs.push_back({&caches[i], chunks[i][positions[i] - 1], false});
      active.push_back(i);
    }
    if (inputs.empty()) return hashes;
    engine.step(inputs, [&](std::size_t input, int, const float* logits) {
      const std::size_t i = active[input];
      hashes[i][positions[i]] = hash_table(engine.kernels(), logits, engine.model().config.vocabulary_size);
    });
    for (const std::size_t i : active) ++positions[i];
  }
}

/// The same by prefill alone.
TableHashes read_and_prefill_hashes(Engine& engine, const Chunks& chunks, std::size_t known) {
  TableHashes hashes;
  std::vector<PrefillChunk> partly;
  for (const auto& chunk : chunks) {
    hashes.emplace_back(chunk.size());
    partly.push_back({chunk, std::min(known, chunk.size())});
  }
  engine.prefill(partly, [&](std::size_t chunk, std::size_t position, int, const float* logits) {
    hashes[chunk][position] = hash_table(engine.kernels(), logits, engine.model().config.vocabulary_size);
  });
  return hashes;
}

TableHashes without_first(TableHashes hashes, std::size_t count) {
  for (auto& chunk : hashes) std::fill_n(chunk.begin(), std::min(count, chunk.size()), Hash{});
  return hashes;
}

Chunks random_chunks(std::mt19937_64& random, const ModelConfig& config, std::size_t count) {
  Chunks chunks(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t size = i == 0 ? config.context : 1 + random() % config.context;
    for (std::size_t k = 0; k < size; ++k) chunks[i].push_back(static_cast<TokenId>(random() % config.vocabulary_size));
  }
  return chunks;
}

struct Shape {
  const char* name;
  ModelConfig config;
  bool is_extreme;
  std::size_t chunks;
};

ModelConfig shape(std::uint32_t vocabulary, std::uint32_t width, std::uint32_t layers, std::uint32_t heads,
                  std::uint32_t kv_heads, std::uint32_t head_width, std::uint32_t feed_forward, std::uint32_t context,
                  bool tied) {
  return {vocabulary, width, layers, heads, kv_heads, head_width, feed_forward, context, 0, 1e-5f, tied};
}

const Shape kShapes[] = {
    {"odd", shape(300, 20, 2, 4, 2, 4, 36, 10, false), false, 7},
    {"grouped", shape(1000, 64, 3, 8, 1, 12, 100, 70, true), false, 6},
    {"wide_head", shape(257, 68, 1, 2, 2, 100, 132, 33, true), true, 5},
    {"long_context", shape(260, 8, 1, 1, 1, 8, 12, 2100, true), true, 2},  // more keys than an int32 sum may have
};

class EngineTest : public testing::TestWithParam<Shape> {};

/// Returns the hashes that all backends agree on.
TableHashes expect_all_ways_equal(const std::shared_ptr<const Model>& model,
                                  const std::shared_ptr<const Adapter>& adapter, const Chunks& chunks) {
  ThreadPool one(1), three(3);
  Engine reference(model, scalar_kernels(), one, adapter);
  const TableHashes expected = prefill_hashes(reference, chunks);
  for (const Backend& backend : backends()) {
    if (!backend.is_available) {
      std::printf("this CPU lacks %s\n", backend.name.data());
      continue;
    }
    for (ThreadPool* pool : {&one, &three}) {
      SCOPED_TRACE(testing::Message() << backend.name << ", " << pool->threads() << " threads");
      Engine engine(model, *backend.kernels, *pool, adapter);
      EXPECT_EQ(prefill_hashes(engine, chunks), expected);
      EXPECT_EQ(step_hashes(engine, chunks, 1), expected);
      EXPECT_EQ(step_hashes(engine, chunks, 4), expected);
      for (const std::size_t known : {1, 5, 60}) {
        EXPECT_EQ(read_and_step_hashes(engine, chunks, known), without_first(expected, known));
        EXPECT_EQ(read_and_prefill_hashes(engine, chunks, known), without_first(expected, known));
      }
    }
  }
  return expected;
}

TEST_P(EngineTest, AllWaysGiveTheTablesOfTheScalarBackend) {
  std::printf("seed %llu (FZ_TEST_SEED)\n", static_cast<unsigned long long>(test_seed()));
  std::mt19937_64 random(test_seed());
  const auto model = random_model(test_seed(), GetParam().config, GetParam().is_extreme);
  expect_all_ways_equal(model, nullptr, random_chunks(random, model->config, GetParam().chunks));
}

struct AdapterShapeCase {
  std::uint32_t rank;
  std::uint32_t targets;
  bool is_extreme;
};

TEST_P(EngineTest, AllWaysGiveTheTablesOfTheScalarBackendWithAnAdapter) {
  std::printf("seed %llu (FZ_TEST_SEED)\n", static_cast<unsigned long long>(test_seed()));
  std::mt19937_64 random(test_seed());
  const auto model = random_model(test_seed(), GetParam().config, GetParam().is_extreme);
  // Few long chunks: the point is not attention here.
  const Chunks chunks = random_chunks(random, model->config, std::min<std::size_t>(GetParam().chunks, 4));
  for (const auto& [rank, targets, is_extreme] :
       {AdapterShapeCase{1, 15, false}, {5, 8, false}, {16, 9, false}, {33, 6, true}, {64, 15, true}}) {
    SCOPED_TRACE(testing::Message() << "rank " << rank << ", targets " << targets);
    const auto adapter = random_adapter(test_seed() + rank, *model, rank, targets, is_extreme);
    expect_all_ways_equal(model, adapter, chunks);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, EngineTest, testing::ValuesIn(kShapes),
                         [](const auto& info) { return std::string(info.param.name); });

/// Tokens that depend on nothing but arithmetic.
Chunks golden_chunks(const ModelConfig& config) {
  Chunks chunks(3);
  std::uint32_t state = 1;
  for (std::size_t size : {std::size_t{512}, std::size_t{40}, std::size_t{1}}) {
    auto& chunk = chunks[size == 512 ? 0 : size == 40 ? 1 : 2];
    for (std::size_t i = 0; i < size; ++i) {
      state = state * 1664525u + 1013904223u;
      chunk.push_back((state >> 8) % config.vocabulary_size);
    }
  }
  return chunks;
}

/// The model that was the default when these were made.
constexpr std::size_t kFirstDefault = kEmbeddedModels - 1;

// The promise of numerics version 1. If this fails, archives already made can no longer be decoded: either the change
// is wrong, or it needs a new numerics version beside the old one.
constexpr const char* kGoldenFirstDefault = "768b2be3cd8ae63726c02323df24aba3f69fdb8e05aab3283ae4c3f1568ad4dd";
constexpr const char* kGoldenShortChunks = "74ec78412dedb7b8b8788c7bb9fd636dc8ae1ade87413d3add7687292b3aaabf";

TEST(GoldenTables, FirstDefaultModel) {
  ASSERT_EQ(kNumericsVersion, 1u);
  const auto model = embedded_model(kFirstDefault);
  const Chunks chunks = golden_chunks(model->config);
  ThreadPool pool(2);
  for (const Backend& backend : backends()) {
    if (!backend.is_available) continue;
    SCOPED_TRACE(backend.name);
    // The scalar backend takes milliseconds a token: it computes the two short chunks only.
    Chunks subset = chunks;
    if (backend.kernels == &scalar_kernels()) subset.erase(subset.begin());
    Engine engine(model, *backend.kernels, pool);
    TableHashes hashes = prefill_hashes(engine, subset);
    EXPECT_EQ(step_hashes(engine, subset, 2), hashes);
    if (subset.size() == chunks.size()) {
      Hasher all;
      for (const auto& chunk : hashes) {
        for (const Hash& hash : chunk) all.update(hash);
      }
      EXPECT_EQ(to_hex(all.finish()), kGoldenFirstDefault);
      hashes.erase(hashes.begin());
    }
    Hasher short_chunks;
    for (const auto& chunk : hashes) {
      for (const Hash& hash : chunk) short_chunks.update(hash);
    }
    EXPECT_EQ(to_hex(short_chunks.finish()), kGoldenShortChunks);
  }
}

// The same promise for adapters (docs/numerics.md, part III), with an adapter from arithmetic.
constexpr const char* kGoldenWithAdapter = "95bf494027a0840c01f7b0b150e8cc11f83c8565a19589c49235b84c19a1d128";

TEST(GoldenTables, FirstDefaultModelWithAnAdapter) {
  const auto model = embedded_model(kFirstDefault);
  Chunks chunks = golden_chunks(model->config);
  chunks.erase(chunks.begin());
  auto adapter = std::make_shared<Adapter>();
  adapter->weights_hash = model->weights_hash;
  adapter->rank = 11;
  adapter->targets = kAllAdapterTargets;
  adapter->layers.resize(model->config.layers);
  std::uint32_t state = 7;
  const auto next = [&](std::uint32_t limit) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % limit;
  };
  for (auto& layer : adapter->layers) {
    for (const AdapterTarget target : kAdapterTargets) {
      const AdapterShape shape = adapter_shape(model->config, target);
      AdapterSite& site = layer[index_of(target)];
      for (auto& [integers, count] : {std::pair(&site.a, shape.inputs), std::pair(&site.b, shape.outputs)}) {
        for (std::uint32_t i = 0; i < count * adapter->rank; ++i) {
          integers->push_back(static_cast<std::int8_t>(static_cast<int>(next(255)) - 127));
        }
      }
      for (std::uint32_t r = 0; r < adapter->rank; ++r)
        site.scales.push_back(static_cast<float>(next(1024)) * 0x1p-33f);
    }
  }
  validate_adapter(*adapter, model->config, "golden");
  const TableHashes hashes = expect_all_ways_equal(model, adapter, chunks);
  Hasher all;
  for (const auto& chunk : hashes) {
    for (const Hash& hash : chunk) all.update(hash);
  }
  EXPECT_EQ(to_hex(all.finish()), kGoldenWithAdapter);
}

TEST(AdapterEngine, AnAdapterOfZerosChangesNothingAndOthersDo) {
  const auto model = random_model(test_seed(), kShapes[0].config);
  std::mt19937_64 random(test_seed());
  const Chunks chunks = random_chunks(random, model->config, 2);
  ThreadPool pool(1);
  const auto tables = [&](const std::shared_ptr<const Adapter>& adapter) {
    Engine engine(model, scalar_kernels(), pool, adapter);
    return prefill_hashes(engine, chunks);
  };
  const TableHashes plain = tables(nullptr);
  auto adapter = std::make_shared<Adapter>(*random_adapter(1, *model, 4, kAllAdapterTargets));
  for (auto& layer : adapter->layers) {
    for (AdapterSite& site : layer) std::fill(site.b.begin(), site.b.end(), std::int8_t{0});
  }
  EXPECT_EQ(tables(adapter), plain);
  for (const AdapterTarget target : kAdapterTargets) {
    EXPECT_NE(tables(random_adapter(1, *model, 4, bit_of(target))), plain) << index_of(target);
  }
}

}  // namespace
}  // namespace fz::model
