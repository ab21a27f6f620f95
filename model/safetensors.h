// `.safetensors` files: a JSON header with name, type, shape and place of each tensor, then the data. Those that are
// read are untrusted: header and places are checked when a file is opened. One owner; reads may come from several
// threads.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"

namespace fz::model {

class SafetensorsFile {
 public:
  enum class Type { kFloat32, kFloat16, kBfloat16, kOther };
  struct Tensor {
    Type type = Type::kOther;
    std::string type_name;
    std::vector<std::uint64_t> shape;
    std::uint64_t offset_bytes = 0;  ///< In the file.
    std::uint64_t size_bytes = 0;
  };

  /// Throws Error(kInput) when it cannot be read, Error(kCorrupt) when its header is inconsistent.
  explicit SafetensorsFile(const std::string& path);

  const std::string& path() const { return path_; }
  const std::map<std::string, Tensor>& tensors() const { return tensors_; }

  /// The values as binary32, which holds every value of the three types. `name` must exist. Throws
  /// Error(kUnsupported) for other types.
  std::vector<float> read_floats(const std::string& name) const;

 private:
  std::string path_;
  File file_;
  std::map<std::string, Tensor> tensors_;
};

struct NamedTensor {
  std::string name;  ///< As in a Hugging Face checkpoint.
  std::vector<std::uint64_t> shape;
  std::vector<float> values;
};

/// A file of binary32 tensors.
Bytes serialize_safetensors(std::span<const NamedTensor> tensors);

/// Exact conversions of one value.
float float_from_half(std::uint16_t bits);
float float_from_bfloat16(std::uint16_t bits);

}  // namespace fz::model
