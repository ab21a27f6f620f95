// A block of text as language-model payload and back (docs/format.md, "Language-model payload"): tokens, lanes, and the
// token coders. Owns the engine's scratch memory; one block at a time, parallel inside over the given pool.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/thread_pool.h"
#include "model/model.h"

namespace fz::shard {

/// How a lane's tokens become bits.
enum class TokenCoder : std::uint8_t {
  kRange = 0,  ///< Binary decisions down the code tree, one range-coder stream per lane; the model alone.
  kRanks = 1,  ///< FineZip's: rank of the true token among the logits, then bzip2.
  kMixed = 2,  ///< As kRange, with the memory's predictions mixed in.
};

class LanguageModelCodec {
 public:
  /// `backend` is a name of docs/numerics.md ("scalar", "avx2", "avx512vnni", "amx") or empty for the best this CPU has
  /// (or FZ_BACKEND). Throws Error(kUnsupported) for a backend that the CPU lacks, Error(kUsage) for an unknown name.
  LanguageModelCodec(std::shared_ptr<const model::Model> model, ThreadPool& pool, const std::string& backend = "");
  ~LanguageModelCodec();

  /// The payload for these raw bytes. Deterministic: the same for every backend and number of threads.
  Bytes encode(ByteSpan raw, TokenCoder coder);

  /// The raw bytes again. `source` names archive and block in errors. Throws Error(kCorrupt) when the payload is
  /// inconsistent; a damaged payload may also decode to wrong bytes, which the caller's block hash finds.
  Bytes decode(ByteSpan payload, std::uint32_t raw_bytes, TokenCoder coder, const std::string& source);

  const model::Model& model() const;
  const char* backend_name() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fz::shard
