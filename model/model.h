// A language model as plain data: what a `.fzm` file holds (docs/model-format.md), what the importer makes and what the
// exact engine computes with (docs/numerics.md). Immutable once made; shared by pointer between threads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"

namespace fz::model {

/// Index of a token. In a Model, tokens are numbered in the order of their bytes (the leaves of the code tree).
using TokenId = std::uint32_t;

/// Version of docs/numerics.md. An archive made under one version is decoded under the same one.
inline constexpr std::uint32_t kNumericsVersion = 1;

/// Least context of a valid model.
inline constexpr std::uint32_t kMinContext = 2;

/// Shape of a Llama-architecture model. Limits: docs/model-format.md, enforced by validate_model.
struct ModelConfig {
  std::uint32_t vocabulary_size = 0;
  std::uint32_t width = 0;  ///< Elements of the residual stream ("hidden_size").
  std::uint32_t layers = 0;
  std::uint32_t heads = 0;
  std::uint32_t kv_heads = 0;            ///< Key/value heads; divides `heads`.
  std::uint32_t head_width = 0;          ///< Elements per head; even.
  std::uint32_t feed_forward_width = 0;  ///< "intermediate_size".
  std::uint32_t context = 0;             ///< Tokens per chunk, the leading begin-of-sequence token included.
  TokenId begin_token = 0;               ///< Input at position 0 of every chunk; never coded.
  float norm_epsilon = 0;
  bool tied_head = false;  ///< The head is the embedding matrix.

  bool operator==(const ModelConfig&) const = default;
};

/// int8 matrix with one scale per row: real value = weights[row * columns + column] * scales[row].
struct QuantizedMatrix {
  std::uint32_t rows = 0;            ///< Output channels.
  std::uint32_t columns = 0;         ///< Input channels.
  std::vector<std::int8_t> weights;  ///< [rows, columns] row-major, in [-127, 127].
  std::vector<float> scales;         ///< [rows], finite, in [0, 1].
};

struct Layer {
  std::vector<float> attention_norm;     ///< [width], finite, |x| ≤ 4096.
  QuantizedMatrix query;                 ///< [heads * head_width, width]
  QuantizedMatrix key;                   ///< [kv_heads * head_width, width]
  QuantizedMatrix value;                 ///< [kv_heads * head_width, width]
  QuantizedMatrix attention_output;      ///< [width, heads * head_width]
  std::vector<float> feed_forward_norm;  ///< [width], finite, |x| ≤ 4096.
  QuantizedMatrix gate;                  ///< [feed_forward_width, width]
  QuantizedMatrix up;                    ///< [feed_forward_width, width]
  QuantizedMatrix down;                  ///< [width, feed_forward_width]
};

/// Byte-level BPE as data. Token ids are the Model's (byte order) or a tokenizer.json's own, depending on the owner.
struct TokenizerData {
  struct Merge {
    TokenId left = 0;
    TokenId right = 0;
    TokenId result = 0;
  };
  std::vector<std::string> tokens;    ///< Raw bytes of each token; empty for special tokens, which text never yields.
  std::vector<Merge> merges;          ///< In order of priority.
  std::vector<TokenId> added_tokens;  ///< Increasing; found in the text as they are, before the patterns cut it.
  std::vector<std::string> patterns;  ///< Pre-tokenizer regular expressions (PCRE2 syntax), applied one after another.
  bool ignore_merges = false;         ///< A piece that is itself a token is taken whole (Llama 3).
};

struct Model {
  ModelConfig config;
  QuantizedMatrix embedding;  ///< [vocabulary_size, width]
  std::vector<Layer> layers;
  std::vector<float> final_norm;   ///< [width], finite, |x| ≤ 4096.
  QuantizedMatrix head;            ///< [vocabulary_size, width]; empty when tied.
  std::vector<float> rope_cosine;  ///< [context, head_width / 2], in [-1, 1].
  std::vector<float> rope_sine;    ///< [context, head_width / 2], in [-1, 1].
  TokenizerData tokenizer;
  std::vector<std::uint32_t> original_ids;  ///< [vocabulary_size] the id each token had where it was imported from.

  std::string name;       ///< For people: the imported folder's name. Not part of the identity.
  Hash weights_hash{};    ///< Of config, matrices, norms and tables: see docs/model-format.md.
  Hash tokenizer_hash{};  ///< Of the tokenizer section.

  const QuantizedMatrix& output_head() const { return config.tied_head ? embedding : head; }
};

}  // namespace fz::model
