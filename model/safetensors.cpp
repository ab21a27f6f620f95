#include "model/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/display.h"

namespace fz::model {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the limit of the format's own reader
constexpr std::size_t kMaxDimensions = 8;

std::uint64_t bits_of(const std::string& type_name) {
  for (const auto& [name, bits] : {std::pair{"F64", 64},
                                   {"I64", 64},
                                   {"U64", 64},
                                   {"F32", 32},
                                   {"I32", 32},
                                   {"U32", 32},
                                   {"F16", 16},
                                   {"BF16", 16},
                                   {"I16", 16},
                                   {"U16", 16},
                                   {"I8", 8},
                                   {"U8", 8},
                                   {"BOOL", 8},
                                   {"F8_E4M3", 8},
                                   {"F8_E5M2", 8}}) {
    if (type_name == name) return static_cast<std::uint64_t>(bits);
  }
  return 0;
}

SafetensorsFile::Type type_of(const std::string& type_name) {
  if (type_name == "F32") return SafetensorsFile::Type::kFloat32;
  if (type_name == "F16") return SafetensorsFile::Type::kFloat16;
  if (type_name == "BF16") return SafetensorsFile::Type::kBfloat16;
  return SafetensorsFile::Type::kOther;
}

/// One entry of the header; `data_bytes` is what follows the header.
SafetensorsFile::Tensor parse_entry(const Json& entry, std::uint64_t data_offset, std::uint64_t data_bytes,
                                    const std::string& place) {
  const auto corrupt = [&](const std::string& what) { fail(ErrorCode::kCorrupt, "{}: {}", place, what); };
  const auto is_counts = [](const Json& list, std::size_t low, std::size_t high) {
    return list.is_array() && list.size() >= low && list.size() <= high &&
           std::all_of(list.begin(), list.end(), [](const Json& value) { return value.is_number_unsigned(); });
  };
  if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string() || !entry.contains("shape") ||
      !is_counts(entry["shape"], 0, kMaxDimensions) || !entry.contains("data_offsets") ||
      !is_counts(entry["data_offsets"], 2, 2)) {
    corrupt("dtype, shape or data_offsets is missing or has the wrong form");
  }
  SafetensorsFile::Tensor tensor;
  tensor.type_name = entry["dtype"].get<std::string>();
  tensor.type = type_of(tensor.type_name);
  tensor.shape = entry["shape"].get<std::vector<std::uint64_t>>();
  const auto begin = entry["data_offsets"][0].get<std::uint64_t>();
  const auto end = entry["data_offsets"][1].get<std::uint64_t>();
  if (begin > end || end > data_bytes) {
    corrupt(fmt::format("data_offsets [{}, {}) lie outside the {} bytes of data", begin, end, data_bytes));
  }
  tensor.offset_bytes = data_offset + begin;
  tensor.size_bytes = end - begin;
  if (const std::uint64_t bits = bits_of(tensor.type_name); bits != 0) {
    std::uint64_t size_bytes = bits / 8;
    for (std::uint64_t extent : tensor.shape) {
      if (__builtin_mul_overflow(size_bytes, extent, &size_bytes)) corrupt("shape overflows");
    }
    if (size_bytes != tensor.size_bytes) {
      corrupt(fmt::format("shape and dtype make {} bytes, data_offsets {}", size_bytes, tensor.size_bytes));
    }
  }
  return tensor;
}

void check_overlap(const std::map<std::string, SafetensorsFile::Tensor>& tensors, const std::string& path) {
  std::vector<const SafetensorsFile::Tensor*> ordered;
  for (const auto& [name, tensor] : tensors) {
    if (tensor.size_bytes > 0) ordered.push_back(&tensor);
  }
  std::sort(ordered.begin(), ordered.end(),
            [](const auto* a, const auto* b) { return a->offset_bytes < b->offset_bytes; });
  for (std::size_t i = 1; i < ordered.size(); ++i) {
    if (ordered[i - 1]->offset_bytes + ordered[i - 1]->size_bytes > ordered[i]->offset_bytes) {
      fail(ErrorCode::kCorrupt, "{}: two tensors overlap at offset {}", path, ordered[i]->offset_bytes);
    }
  }
}

}  // namespace

float float_from_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

float float_from_half(std::uint16_t bits) {
  const std::uint32_t sign = std::uint32_t{bits & 0x8000u} << 16;
  const std::uint32_t exponent = (bits >> 10) & 31, mantissa = bits & 0x3ffu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;  // subnormal or zero; exact
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
}

SafetensorsFile::SafetensorsFile(const std::string& path) : path_(path), file_(File::open_for_reading(path)) {
  const std::uint64_t file_bytes = file_.size_bytes();
  if (file_bytes < 8) fail(ErrorCode::kCorrupt, "{}: {} bytes are too few for a safetensors file", path, file_bytes);
  std::uint64_t header_bytes = 0;
  file_.read_at(0, reinterpret_cast<std::uint8_t*>(&header_bytes), sizeof(header_bytes));
  if (header_bytes > kMaxHeaderBytes || header_bytes > file_bytes - 8) {
    fail(ErrorCode::kCorrupt, "{}: header of {} bytes does not fit; the file is truncated or not safetensors", path,
         header_bytes);
  }
  const Bytes text = file_.read_at(8, header_bytes);
  Json header;
  try {
    header = Json::parse(text.begin(), text.end());
  } catch (const Json::exception& error) {
    fail(ErrorCode::kCorrupt, "{}: header is not JSON: {}", path, display_text(error.what()));
  }
  if (!header.is_object()) fail(ErrorCode::kCorrupt, "{}: header is not a JSON object", path);
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    const std::string place = fmt::format("{}: tensor '{}'", path, display_text(name));
    tensors_.emplace(name, parse_entry(entry, 8 + header_bytes, file_bytes - 8 - header_bytes, place));
  }
  check_overlap(tensors_, path);
}

std::vector<float> SafetensorsFile::read_floats(const std::string& name) const {
  const Tensor& tensor = tensors_.at(name);
  if (tensor.type == Type::kOther) {
    fail(ErrorCode::kUnsupported, "{}: tensor '{}': type {}; only F32, F16 and BF16 are read", path_,
         display_text(name), display_text(tensor.type_name));
  }
  if (tensor.type == Type::kFloat32) {
    std::vector<float> values(tensor.size_bytes / sizeof(float));
    file_.read_at(tensor.offset_bytes, reinterpret_cast<std::uint8_t*>(values.data()), tensor.size_bytes);
    return values;
  }
  std::vector<std::uint16_t> raw(tensor.size_bytes / sizeof(std::uint16_t));
  file_.read_at(tensor.offset_bytes, reinterpret_cast<std::uint8_t*>(raw.data()), tensor.size_bytes);
  std::vector<float> values(raw.size());
  std::transform(raw.begin(), raw.end(), values.begin(),
                 tensor.type == Type::kFloat16 ? float_from_half : float_from_bfloat16);
  return values;
}

Bytes serialize_safetensors(std::span<const NamedTensor> tensors) {
  Json header = {{"__metadata__", {{"format", "pt"}}}};
  std::uint64_t offset = 0;
  for (const NamedTensor& tensor : tensors) {
    const std::uint64_t end = offset + tensor.values.size() * sizeof(float);
    header[tensor.name] = {{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // readers like the data aligned
  ByteWriter writer;
  writer.write<std::uint64_t>(text.size());
  writer.write_bytes(as_byte_span(text));
  for (const NamedTensor& tensor : tensors) {
    for (const float value : tensor.values) writer.write(value);
  }
  return writer.take();
}

}  // namespace fz::model
