// The directory OUT.training/ of a model in training: where it starts from, its checkpoint, and the finished model
// until it gets its name. Owned by the command; rank 0 writes, the others read the start.
#pragma once

#include <filesystem>
#include <string>

#include "base/file.h"
#include "comm/collective.h"
#include "model/train/model_directory.h"
#include "worker/training_pass.h"

namespace fz::cli {

/// In the directory that training makes.
inline constexpr const char* kTrainedModelName = "model.fzm";

class TrainingJob {
 public:
  /// `options`: what the result depends on. Throws Error(kOutput) on rank 0 when OUT is there already or OUT.training/
  /// is somebody's own directory, Error(kLaunch) when another process trains it.
  TrainingJob(const std::filesystem::path& output, std::string options, bool writes);

  /// Makes the start: a copy of the model `begin`, with another tokenizer unless that is empty, or an untrained model.
  /// When an earlier run has left a checkpoint, its start stays; throws Error(kInput) when that run had other options.
  /// When the start cannot be made, nothing is left.
  void begin(const std::string& begin, const std::string& tokenizer, const model::Architecture& shape,
             std::uint64_t seed);
  /// As the importer makes it. `context`: tokens of a chunk.
  model::Model import_start(std::uint32_t context) const;

  /// On all ranks, each of which reads the checkpoint. Without one: the beginning. Throws Error(kCorrupt), or
  /// Error(kLaunch) when this rank reads another one than rank 0.
  worker::PassProgress restore(model::Trainer& trainer, comm::Collective& collective) const;
  /// Durable on return.
  void write_checkpoint(const worker::PassProgress& progress, model::Trainer& trainer) const;

  /// Writes the finished directory, model file included, and gives the model that is in it.
  model::Model write_result(const model::Model& start, const std::vector<model::NamedTensor>& weights) const;
  /// The result becomes OUT, and all else that is ours goes.
  void publish();

 private:
  void make_start(const std::string& begin, const std::string& tokenizer, const model::Architecture& shape,
                  std::uint64_t seed) const;
  /// The checkpoint first: what is left without one is begun afresh. The lock last: without one nothing is ours.
  void remove() const;

  std::filesystem::path output_;
  std::filesystem::path path_;
  std::string options_;
  File lock_;
};

}  // namespace fz::cli
