#include "model/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "model/json_file.h"

namespace fz::model {
namespace {

std::vector<std::string> file_paths(const std::string& directory) {
  namespace fs = std::filesystem;
  const fs::path index_path = fs::path(directory) / "model.safetensors.index.json";
  std::vector<std::string> paths;
  std::error_code error;
  if (fs::exists(index_path, error)) {
    const Json index = read_json(index_path.string());
    const Json& weight_map = member(index, "weight_map");
    if (!weight_map.is_object()) fail(ErrorCode::kCorrupt, "{}: weight_map is missing", index_path.string());
    for (const auto& [tensor, file] : weight_map.items()) {
      const std::string name = file.is_string() ? file.get<std::string>() : std::string();
      if (!name.ends_with(".safetensors") || name.find('/') != std::string::npos) {
        fail(ErrorCode::kCorrupt, "{}: tensor '{}': '{}' is not the name of a safetensors file", index_path.string(),
             display_text(tensor), display_text(name));
      }
      paths.push_back((fs::path(directory) / name).string());
    }
  } else {
    for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
      if (it->path().extension() == ".safetensors") paths.push_back(it->path().string());
    }
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  if (paths.empty()) {
    fail(ErrorCode::kInput, "{}: no *.safetensors file; only this format of weights is read", directory);
  }
  return paths;
}

}  // namespace

Checkpoint::Checkpoint(const std::string& directory) : directory_(directory) {
  for (const std::string& path : file_paths(directory)) files_.emplace_back(path);
  for (const SafetensorsFile& file : files_) {
    for (const auto& [name, tensor] : file.tensors()) {
      if (!place_.emplace(name, &file).second) {
        fail(ErrorCode::kCorrupt, "{}: tensor '{}' is in another file too", file.path(), display_text(name));
      }
    }
  }
}

std::vector<float> Checkpoint::take(const std::string& name, const std::vector<std::uint64_t>& shape) {
  const auto found = place_.find(name);
  if (found == place_.end()) fail(ErrorCode::kCorrupt, "{}: tensor '{}' is missing", directory_, name);
  const SafetensorsFile& file = *found->second;
  const auto& actual = file.tensors().at(name).shape;
  if (actual != shape) {
    fail(ErrorCode::kCorrupt, "{}: tensor '{}': shape [{}] must be [{}] as config.json says", file.path(), name,
         fmt::join(actual, ", "), fmt::join(shape, ", "));
  }
  std::vector<float> values = file.read_floats(name);
  for (float value : values) {
    if (!std::isfinite(value)) fail(ErrorCode::kCorrupt, "{}: tensor '{}' is not finite", file.path(), name);
  }
  place_.erase(found);
  return values;
}

// Tables that old checkpoints carry, and the copy of a tied head, change nothing.
void Checkpoint::expect_all_taken(bool tied_head) const {
  for (const auto& [name, file] : place_) {
    if (name.ends_with(".rotary_emb.inv_freq") || (tied_head && name == "lm_head.weight")) continue;
    fail(ErrorCode::kUnsupported, "{}: tensor '{}' does not belong to a Llama model of this shape", file->path(),
         display_text(name));
  }
}

}  // namespace fz::model
