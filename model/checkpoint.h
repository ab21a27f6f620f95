// The tensors of all *.safetensors files of a directory, each to be taken once. One owner, one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/safetensors.h"

namespace fz::model {

class Checkpoint {
 public:
  /// Opens the files that model.safetensors.index.json names, or else all. Throws Error.
  explicit Checkpoint(const std::string& directory);
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  /// The finite values of a tensor of exactly this shape. Throws Error(kCorrupt) when there is no such.
  std::vector<float> take(const std::string& name, const std::vector<std::uint64_t>& shape);

  /// Throws Error(kUnsupported) when a tensor was not taken that would change the computation.
  void expect_all_taken(bool tied_head) const;

 private:
  std::string directory_;
  std::vector<SafetensorsFile> files_;  // complete before place_ points into it
  std::map<std::string, const SafetensorsFile*> place_;
};

}  // namespace fz::model
