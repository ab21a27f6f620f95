// The directory OUT.training/ of a model in training: where it starts from, its checkpoint, and the finished model
// until it gets its name. Owned by the command; rank 0 writes, the others read the start.
#pragma once

#include <filesystem>
#include <string>

#include "base/file.h"
#include "model/train/model_directory.h"
#include "worker/training_pass.h"

namespace fz::cli {

/// In the directory that training makes.
inline constexpr const char* kTrainedModelName = "model.fzm";

class TrainingJob {
 public:
  /// `options`: what the result depends on. Throws Error(kOutput) on rank 0 when OUT is there already, Error(kLaunch)
  /// when another process trains it.
  TrainingJob(const std::filesystem::path& output, std::string options, bool writes);

  /// Makes the start unless an earlier run has: a copy of the model `begin`, with another tokenizer unless
  /// that is empty, or an untrained model. Throws Error(kInput) when the earlier run had other options.
  void begin(const std::string& begin, const std::string& tokenizer, const model::Architecture& shape,
             std::uint64_t seed);
  /// As the importer makes it. `context`: tokens of a chunk.
  model::Model import_start(std::uint32_t context) const;

  /// Empty: there is none yet.
  Bytes read_checkpoint() const;
  /// Of an empty one: the beginning. Throws Error(kCorrupt).
  worker::PassProgress restore(ByteSpan checkpoint, model::Trainer& trainer) const;
  /// Durable on return.
  void write_checkpoint(const worker::PassProgress& progress, model::Trainer& trainer) const;

  /// Writes the finished directory, model file included, and gives the model that is in it.
  model::Model write_result(const model::Model& start, const std::vector<model::NamedTensor>& weights) const;
  /// The result becomes OUT, and all else goes.
  void publish();

 private:
  std::filesystem::path output_;
  std::filesystem::path path_;
  std::string options_;
  File lock_;
};

}  // namespace fz::cli
