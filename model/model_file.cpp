// `.fzm` files: docs/model-format.md, field by field. One visitor lists the tensors in the order of the format;
// hashing, writing and reading all go through it.
#include "model/model_file.h"

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/hash.h"
#include "model/validate.h"

namespace fz::model {
namespace {

constexpr std::array<std::uint8_t, 8> kMagic = {0x89, 'F', 'Z', 'M', '\r', '\n', 0x1a, '\n'};
constexpr std::uint32_t kFormatVersion = 1;
constexpr std::uint32_t kMaxSections = 64;
constexpr std::uint32_t kSectionTypes[] = {1, 2, 3, 4, 5};  // configuration, name, tensors, tokenizer, original ids
constexpr std::size_t kSections = std::size(kSectionTypes);
constexpr std::size_t kFrameBytes = 32;
constexpr std::size_t kSectionEntryBytes = 48;
constexpr std::size_t kConfigBytes = 48;
constexpr std::uint32_t kTiedHeadFlag = 1;
constexpr std::uint32_t kIgnoreMergesFlag = 1;

template <typename T>
ByteSpan bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(T)};
}

/// Calls matrix(matrix, rows, columns) and vector(values, count) for each tensor of section 3 in its order.
template <typename AnyModel, typename Matrix, typename Vector>
void visit_tensors(AnyModel& model, const Matrix& matrix, const Vector& vector) {
  const ModelConfig& c = model.config;
  const std::uint32_t queries = c.heads * c.head_width, keys = c.kv_heads * c.head_width;
  matrix(model.embedding, c.vocabulary_size, c.width);
  for (auto& layer : model.layers) {
    vector(layer.attention_norm, c.width);
    matrix(layer.query, queries, c.width);
    matrix(layer.key, keys, c.width);
    matrix(layer.value, keys, c.width);
    matrix(layer.attention_output, c.width, queries);
    vector(layer.feed_forward_norm, c.width);
    matrix(layer.gate, c.feed_forward_width, c.width);
    matrix(layer.up, c.feed_forward_width, c.width);
    matrix(layer.down, c.width, c.feed_forward_width);
  }
  vector(model.final_norm, c.width);
  if (!c.tied_head) matrix(model.head, c.vocabulary_size, c.width);
  vector(model.rope_cosine, c.context * (c.head_width / 2));
  vector(model.rope_sine, c.context * (c.head_width / 2));
}

Bytes write_config(const ModelConfig& config) {
  ByteWriter writer;
  for (std::uint32_t value : {config.vocabulary_size, config.width, config.layers, config.heads, config.kv_heads,
                              config.head_width, config.feed_forward_width, config.context, config.begin_token}) {
    writer.write(value);
  }
  writer.write(config.norm_epsilon);
  writer.write<std::uint32_t>(config.tied_head ? kTiedHeadFlag : 0);
  writer.write<std::uint32_t>(0);
  return writer.take();
}

/// Hands section 3 to write(ByteSpan), part by part.
template <typename Write>
void write_tensors(const Model& model, const Write& write) {
  visit_tensors(
      model,
      [&](const QuantizedMatrix& matrix, std::uint32_t, std::uint32_t) {
        write(bytes_of(matrix.weights));
        write(bytes_of(matrix.scales));
      },
      [&](const std::vector<float>& values, std::uint32_t) { write(bytes_of(values)); });
}

Bytes write_tokenizer(const TokenizerData& tokenizer) {
  ByteWriter writer;
  writer.write(static_cast<std::uint32_t>(tokenizer.tokens.size()));
  writer.write(static_cast<std::uint32_t>(tokenizer.merges.size()));
  writer.write(static_cast<std::uint32_t>(tokenizer.added_tokens.size()));
  writer.write(static_cast<std::uint32_t>(tokenizer.patterns.size()));
  writer.write<std::uint32_t>(tokenizer.ignore_merges ? kIgnoreMergesFlag : 0);
  writer.write<std::uint32_t>(0);
  for (const std::string& token : tokenizer.tokens) writer.write(static_cast<std::uint16_t>(token.size()));
  for (const std::string& token : tokenizer.tokens) writer.write_bytes(as_byte_span(token));
  for (const TokenizerData::Merge& merge : tokenizer.merges) {
    writer.write(merge.left);
    writer.write(merge.right);
    writer.write(merge.result);
  }
  writer.write_bytes(bytes_of(tokenizer.added_tokens));
  for (const std::string& pattern : tokenizer.patterns) {
    writer.write(static_cast<std::uint32_t>(pattern.size()));
    writer.write_bytes(as_byte_span(pattern));
  }
  return writer.take();
}

Hash weights_hash_of(const Hash& config_hash, const Hash& tensors_hash) {
  Hasher hasher;
  hasher.update(config_hash);
  hasher.update(tensors_hash);
  return hasher.finish();
}

Hash hash_tensors(const Model& model) {
  Hasher hasher;
  write_tensors(model, [&](ByteSpan part) { hasher.update(part); });
  return hasher.finish();
}

void expect_zero(ByteReader& reader, const char* field, std::uint32_t value) {
  if (value != 0) reader.corrupt(fmt::format("{}: reserved bits are set", field));
}

ModelConfig read_config(ByteReader reader) {
  ModelConfig config;
  for (std::uint32_t* field : {&config.vocabulary_size, &config.width, &config.layers, &config.heads, &config.kv_heads,
                               &config.head_width, &config.feed_forward_width, &config.context, &config.begin_token}) {
    *field = reader.read<std::uint32_t>();
  }
  config.norm_epsilon = reader.read<float>();
  const auto flags = reader.read<std::uint32_t>();
  expect_zero(reader, "flags", flags & ~kTiedHeadFlag);
  config.tied_head = (flags & kTiedHeadFlag) != 0;
  expect_zero(reader, "reserved", reader.read<std::uint32_t>());
  reader.expect_end();
  return config;
}

template <typename T>
void read_values(ByteReader& reader, std::vector<T>& values, std::uint64_t count) {
  static_assert(std::is_trivially_copyable_v<T>);
  const ByteSpan bytes = reader.take(count * sizeof(T));  // before the allocation; callers keep count < 2^60
  values.resize(count);
  if (count > 0) std::memcpy(values.data(), bytes.data(), bytes.size());
}

/// `model.config` is valid and the section has exactly tensor_bytes(model.config) bytes.
void read_tensors(ByteReader reader, Model& model) {
  model.layers.resize(model.config.layers);
  visit_tensors(
      model,
      [&](QuantizedMatrix& matrix, std::uint32_t rows, std::uint32_t columns) {
        matrix.rows = rows;
        matrix.columns = columns;
        read_values(reader, matrix.weights, std::uint64_t{rows} * columns);
        read_values(reader, matrix.scales, rows);
      },
      [&](std::vector<float>& values, std::uint32_t count) { read_values(reader, values, count); });
  reader.expect_end();
}

TokenizerData read_tokenizer(ByteReader reader, std::uint32_t vocabulary_size) {
  TokenizerData tokenizer;
  const auto token_count = reader.read<std::uint32_t>();
  const auto merge_count = reader.read<std::uint32_t>();
  const auto added_token_count = reader.read<std::uint32_t>();
  const auto pattern_count = reader.read<std::uint32_t>();
  const auto flags = reader.read<std::uint32_t>();
  expect_zero(reader, "flags", flags & ~kIgnoreMergesFlag);
  tokenizer.ignore_merges = (flags & kIgnoreMergesFlag) != 0;
  expect_zero(reader, "reserved", reader.read<std::uint32_t>());
  if (token_count != vocabulary_size) {
    reader.corrupt(fmt::format("{} tokens, vocabulary_size is {}", token_count, vocabulary_size));
  }
  if (merge_count > kMaxMerges || added_token_count > kMaxAddedTokens || pattern_count > kMaxPatterns) {
    reader.corrupt(fmt::format("{} merges, {} added tokens, {} patterns: over the limits", merge_count,
                               added_token_count, pattern_count));
  }
  std::vector<std::uint16_t> lengths;
  read_values(reader, lengths, token_count);
  tokenizer.tokens.reserve(token_count);
  for (std::uint16_t length : lengths) tokenizer.tokens.emplace_back(as_string_view(reader.take(length)));
  read_values(reader, tokenizer.merges, merge_count);  // three u32 each, as they lie
  read_values(reader, tokenizer.added_tokens, added_token_count);
  for (std::uint32_t i = 0; i < pattern_count; ++i) {
    tokenizer.patterns.emplace_back(as_string_view(reader.take(reader.read<std::uint32_t>())));
  }
  reader.expect_end();
  return tokenizer;
}
static_assert(sizeof(TokenizerData::Merge) == 12);

struct Section {
  ByteSpan bytes;
  std::uint64_t offset_bytes = 0;
  Hash hash{};
};

/// Checks the frame and every section's hash.
std::array<Section, kSections> read_frame(ByteSpan file, const std::string& source) {
  ByteReader reader(file, source);
  if (file.size() < kMagic.size() || !std::equal(kMagic.begin(), kMagic.end(), file.begin())) {
    fail(ErrorCode::kCorrupt, "{}: not a model file; make one with 'fz-dist model import'", source);
  }
  reader.take(kMagic.size());
  const auto format_version = reader.read<std::uint32_t>();
  const auto numerics_version = reader.read<std::uint32_t>();
  const auto section_count = reader.read<std::uint32_t>();
  const auto reserved = reader.read<std::uint32_t>();
  const auto file_bytes = reader.read<std::uint64_t>();
  if (section_count > kMaxSections) reader.corrupt(fmt::format("{} sections, at most {}", section_count, kMaxSections));
  ByteReader table(reader.take(section_count * kSectionEntryBytes), source, kFrameBytes);
  const std::size_t hashed_bytes = kFrameBytes + section_count * kSectionEntryBytes;
  const Hash frame_hash = hash_bytes(file.first(hashed_bytes));
  const ByteSpan stored_hash = reader.take(sizeof(Hash));
  if (!std::equal(frame_hash.begin(), frame_hash.end(), stored_hash.begin())) {
    reader.corrupt("frame hash differs: the file is damaged; import or copy it again");
  }
  // From here on the file says what its writer meant.
  if (format_version != kFormatVersion) {
    fail(ErrorCode::kUnsupported, "{}: model format version {}, this program reads {}", source, format_version,
         kFormatVersion);
  }
  if (numerics_version != kNumericsVersion) {
    fail(ErrorCode::kUnsupported, "{}: numerics version {}, this program computes {}", source, numerics_version,
         kNumericsVersion);
  }
  expect_zero(reader, "reserved", reserved);
  if (section_count != kSections) reader.corrupt(fmt::format("{} sections, must be {}", section_count, kSections));
  if (file_bytes != file.size()) {
    fail(ErrorCode::kCorrupt, "{}: {} bytes, must be {}: truncated or extended; import or copy it again", source,
         file.size(), file_bytes);
  }
  std::array<Section, kSections> sections;
  for (std::size_t i = 0; i < kSections; ++i) {
    const auto type = table.read<std::uint32_t>();
    if (type != kSectionTypes[i]) table.corrupt(fmt::format("section type {}, must be {}", type, kSectionTypes[i]));
    expect_zero(table, "reserved", table.read<std::uint32_t>());
    const auto length_bytes = table.read<std::uint64_t>();
    const ByteSpan hash = table.take(sizeof(Hash));
    Section& section = sections[i];
    section.offset_bytes = reader.offset_bytes();
    section.bytes = reader.take(length_bytes);
    section.hash = hash_bytes(section.bytes);
    if (!std::equal(hash.begin(), hash.end(), section.hash.begin())) {
      fail(ErrorCode::kCorrupt, "{}: section {} (offset {}): stored hash differs; import or copy the file again",
           source, type, section.offset_bytes);
    }
  }
  reader.expect_end();
  return sections;
}

}  // namespace

void finalize_model(Model& model) {
  model.weights_hash = weights_hash_of(hash_bytes(write_config(model.config)), hash_tensors(model));
  model.tokenizer_hash = hash_bytes(write_tokenizer(model.tokenizer));
}

Bytes serialize_model(const Model& model) {
  const Bytes config = write_config(model.config);
  const Bytes tokenizer = write_tokenizer(model.tokenizer);
  const ByteSpan name = as_byte_span(model.name), original_ids = bytes_of(model.original_ids);
  const std::uint64_t lengths[] = {config.size(), name.size(), tensor_bytes(model.config), tokenizer.size(),
                                   original_ids.size()};
  const Hash hashes[] = {hash_bytes(config), hash_bytes(name), hash_tensors(model), hash_bytes(tokenizer),
                         hash_bytes(original_ids)};
  std::uint64_t file_bytes = kFrameBytes + kSections * kSectionEntryBytes + sizeof(Hash);
  for (std::uint64_t length : lengths) file_bytes += length;

  ByteWriter frame;
  frame.write_bytes(kMagic);
  frame.write(kFormatVersion);
  frame.write(kNumericsVersion);
  frame.write(static_cast<std::uint32_t>(kSections));
  frame.write<std::uint32_t>(0);
  frame.write(file_bytes);
  for (std::size_t i = 0; i < kSections; ++i) {
    frame.write(kSectionTypes[i]);
    frame.write<std::uint32_t>(0);
    frame.write(lengths[i]);
    frame.write_bytes(hashes[i]);
  }
  frame.write_bytes(hash_bytes(frame.bytes()));

  Bytes file;
  file.reserve(file_bytes);
  const auto append = [&](ByteSpan part) { file.insert(file.end(), part.begin(), part.end()); };
  append(frame.bytes());
  append(config);
  append(name);
  write_tensors(model, append);
  append(tokenizer);
  append(original_ids);
  FZ_CHECK(file.size() == file_bytes);
  return file;
}

std::shared_ptr<const Model> parse_model(ByteSpan bytes, const std::string& source) {
  const auto [config, name, tensors, tokenizer, original_ids] = read_frame(bytes, source);
  const auto reader_of = [&](const Section& section) {
    return ByteReader(section.bytes, source, section.offset_bytes);
  };
  auto model = std::make_shared<Model>();
  if (config.bytes.size() != kConfigBytes) reader_of(config).corrupt("configuration section has a wrong length");
  model->config = read_config(reader_of(config));
  validate_config(model->config, source, ErrorCode::kCorrupt);
  model->name = as_string_view(name.bytes);
  if (tensors.bytes.size() != tensor_bytes(model->config)) {
    reader_of(tensors).corrupt(
        fmt::format("tensors have {} bytes, must be {}", tensors.bytes.size(), tensor_bytes(model->config)));
  }
  read_tensors(reader_of(tensors), *model);
  model->tokenizer = read_tokenizer(reader_of(tokenizer), model->config.vocabulary_size);
  ByteReader ids = reader_of(original_ids);
  read_values(ids, model->original_ids, model->config.vocabulary_size);
  ids.expect_end();
  validate_model(*model, source);
  model->weights_hash = weights_hash_of(config.hash, tensors.hash);
  model->tokenizer_hash = tokenizer.hash;
  return model;
}

std::shared_ptr<const Model> load_model(const std::string& path) {
  return parse_model(read_file(path, kMaxModelFileBytes), path);
}

}  // namespace fz::model
