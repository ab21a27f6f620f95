// Writes safetensors files and small Hugging Face directories, right and wrong ones, for tests of the importer.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace fz::model {

/// A directory of the test's own that goes away with the object.
class TestDirectory {
 public:
  TestDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "fz-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  ~TestDirectory() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

  void write(const std::string& name, ByteSpan bytes) const {
    std::ofstream(file(name), std::ios::binary) << as_string_view(bytes);
  }
  void write(const std::string& name, const std::string& text) const { write(name, as_byte_span(text)); }

 private:
  std::string path_;
};

struct TestTensor {
  std::vector<std::uint64_t> shape;
  std::vector<float> values;
};

/// Length, header, data.
inline Bytes safetensors_bytes(const std::string& header, ByteSpan data) {
  ByteWriter writer;
  writer.write<std::uint64_t>(header.size());
  writer.write_bytes(as_byte_span(header));
  writer.write_bytes(data);
  return writer.take();
}

inline Bytes safetensors_bytes(const std::map<std::string, TestTensor>& tensors) {
  nlohmann::json header = {{"__metadata__", {{"format", "pt"}}}};
  ByteWriter data;
  for (const auto& [name, tensor] : tensors) {
    const std::size_t begin = data.size();
    for (float value : tensor.values) data.write(value);
    header[name] = {{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
  }
  return safetensors_bytes(header.dump(), data.bytes());
}

}  // namespace fz::model
