// A model file: parsed, its tokenizer used both ways, and a few tokens computed by what passes for a model.
#include "base/thread_pool.h"
#include "model/backend.h"
#include "model/engine.h"
#include "model/tokenizer.h"
#include "tests/exact/random_model.h"
#include "tests/fuzz/fuzz_target.h"

namespace fz::fuzz {

std::vector<Bytes> seeds() {
  std::vector<Bytes> models;
  for (const bool tied : {false, true}) {
    // vocabulary, width, layers, heads, heads of keys, width of a head, feed-forward width, context
    models.push_back(model::serialize_model(*test::random_model(1, {300, 8, 1, 2, 1, 4, 8, 8, 0, 1e-5f, tied})));
  }
  return models;
}

void use(ByteSpan input) {
  const std::shared_ptr<const model::Model> model = model::parse_model(input, "fuzz.fzm");
  const model::Tokenizer tokenizer(model->tokenizer, "fuzz.fzm");
  Bytes text;
  for (int i = 0; i < 64; ++i)
    text.push_back(static_cast<std::uint8_t>(input[static_cast<std::size_t>(i) * 7 % input.size()]));
  const std::vector<model::TokenId> tokens = tokenizer.encode(text);
  Bytes back;
  for (const model::TokenId token : tokens) {
    FZ_CHECK(token < model->config.vocabulary_size);
    const ByteSpan bytes = tokenizer.token_bytes(token);
    back.insert(back.end(), bytes.begin(), bytes.end());
  }
  FZ_CHECK(back == text);
  ThreadPool pool(1);
  model::Engine engine(model, model::choose_kernels("scalar"), pool);
  const std::size_t count = std::min<std::size_t>(tokens.size(), model->config.context);
  const model::PrefillChunk chunk{std::span(tokens).first(count), 0};
  engine.prefill({&chunk, 1}, [](std::size_t, std::size_t, int, const float*) {});
}

}  // namespace fz::fuzz
