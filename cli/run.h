// The tool as a function: arguments and streams in, exit code out (docs/exit-codes.md). Tests call it in their own
// process.
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "shard/text_codec.h"

namespace fz::cli {

/// The concrete parts behind the commands; tests put a fake codec in.
struct Parts {
  /// `model_path` empty: the model inside the program that is `wanted`; the default one when none is named, or it is not
  /// there. A context that is shorter than the model's is given to it where `wanted` names it, or names none.
  std::function<std::unique_ptr<shard::TextCodec>(const std::string& model_path, const shard::ModelIdentity& wanted,
                                                  std::shared_ptr<ThreadPool> pool)>
      make_text_codec;
  /// The default one first.
  std::function<std::vector<shard::ModelIdentity>()> models_inside;
};

/// The real ones: the exact engine with the embedded model or a model file.
Parts default_parts();

int run(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err,
        const Parts& parts = default_parts());

}  // namespace fz::cli
