// The model file: one file per model, and whatever is wrong with a file is found before it is used.
#include "model/model_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>

#include "base/file.h"
#include "model/embedded_model.h"
#include "model/tokenizer.h"
#include "tests/unit/model/small_model.h"

namespace fz::model {
namespace {

constexpr std::size_t kTableBegin = 32, kEntryBytes = 48, kSections = 5;
constexpr std::size_t kFrameBytes = kTableBegin + kSections * kEntryBytes + 32;

ErrorCode code_of(ByteSpan bytes) {
  try {
    parse_model(bytes, "file.fzm");
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.rfind("file.fzm: ", 0), 0u) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return error.code();
  }
  return ErrorCode{0};
}

std::uint64_t read_u64(const Bytes& file, std::size_t offset) {
  std::uint64_t value;
  std::memcpy(&value, file.data() + offset, sizeof(value));
  return value;
}

template <typename T>
void patch(Bytes& file, std::size_t offset, T value) {
  std::memcpy(file.data() + offset, &value, sizeof(value));
}

std::size_t section_offset(const Bytes& file, std::size_t section) {
  std::size_t offset = kFrameBytes;
  for (std::size_t i = 0; i < section; ++i) offset += read_u64(file, kTableBegin + i * kEntryBytes + 8);
  return offset;
}

/// Makes all hashes right again after a change, as an attacker would.
void reseal(Bytes& file) {
  std::size_t offset = kFrameBytes;
  for (std::size_t i = 0; i < kSections; ++i) {
    const std::size_t entry = kTableBegin + i * kEntryBytes;
    const std::uint64_t length = read_u64(file, entry + 8);
    if (offset > file.size() || length > file.size() - offset) break;
    patch(file, entry + 16, hash_bytes(ByteSpan(file).subspan(offset, length)));
    offset += length;
  }
  patch(file, kFrameBytes - 32, hash_bytes(ByteSpan(file).first(kFrameBytes - 32)));
}

TEST(ModelFile, ParseIsTheInverseOfSerialize) {
  for (bool tied_head : {true, false}) {
    Model model = small_model(tied_head);
    model.tokenizer.ignore_merges = tied_head;
    model.tokenizer.added_tokens = {3, 9};
    finalize_model(model);
    const Bytes bytes = serialize_model(model);
    const auto parsed = parse_model(bytes, "file.fzm");
    EXPECT_EQ(serialize_model(*parsed), bytes);
    EXPECT_EQ(parsed->config, model.config);
    EXPECT_EQ(parsed->name, "small");
    EXPECT_EQ(parsed->layers[1].down.weights, model.layers[1].down.weights);
    EXPECT_EQ(parsed->layers[1].down.scales, model.layers[1].down.scales);
    EXPECT_EQ(parsed->rope_sine, model.rope_sine);
    EXPECT_EQ(parsed->tokenizer.tokens, model.tokenizer.tokens);
    EXPECT_EQ(parsed->tokenizer.added_tokens, model.tokenizer.added_tokens);
    EXPECT_EQ(parsed->tokenizer.patterns, model.tokenizer.patterns);
    EXPECT_EQ(parsed->original_ids, model.original_ids);
    EXPECT_EQ(parsed->weights_hash, model.weights_hash);
    EXPECT_EQ(parsed->tokenizer_hash, model.tokenizer_hash);
  }
}

TEST(ModelFile, HashesNameWhatCounts) {
  const Model original = small_model();
  const auto changed = [&](const std::function<void(Model&)>& change) {
    Model model = original;
    change(model);
    finalize_model(model);
    return std::pair{model.weights_hash != original.weights_hash, model.tokenizer_hash != original.tokenizer_hash};
  };
  EXPECT_EQ(changed([](Model& model) { model.name = "other"; }), std::pair(false, false));
  EXPECT_EQ(changed([](Model& model) { model.original_ids[3] ^= 1; }), std::pair(false, false));
  EXPECT_EQ(changed([](Model& model) { model.embedding.weights[5] ^= 1; }), std::pair(true, false));
  EXPECT_EQ(changed([](Model& model) { model.layers[1].up.scales[2] += 0.25f; }), std::pair(true, false));
  EXPECT_EQ(changed([](Model& model) { model.rope_cosine[4] += 0.25f; }), std::pair(true, false));
  EXPECT_EQ(changed([](Model& model) { model.final_norm[4] += 0.25f; }), std::pair(true, false));
  EXPECT_EQ(changed([](Model& model) { model.config.norm_epsilon *= 2; }), std::pair(true, false));
  EXPECT_EQ(changed([](Model& model) { model.tokenizer.patterns[0] += "|x"; }), std::pair(false, true));
  EXPECT_EQ(changed([](Model& model) { std::swap(model.tokenizer.merges[0], model.tokenizer.merges[1]); }),
            std::pair(false, true));
}

TEST(ModelFile, EveryFlippedBitAndTruncationIsFound) {
  const Bytes good = serialize_model(small_model());
  Bytes bad = good;
  for (std::size_t i = 0; i < good.size(); ++i) {
    bad[i] ^= static_cast<std::uint8_t>(1u << (i % 8));
    ASSERT_EQ(code_of(bad), ErrorCode::kCorrupt) << "byte " << i;
    bad[i] = good[i];
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    ASSERT_EQ(code_of(ByteSpan(good).first(size)), ErrorCode::kCorrupt) << size << " bytes";
  }
  bad.push_back(0);
  EXPECT_EQ(code_of(bad), ErrorCode::kCorrupt);
}

TEST(ModelFile, DamageOfTheDefaultModelIsFound) {
  std::mt19937_64 random(test_seed());
  const Bytes good = serialize_model(*embedded_model());
  Bytes bad = good;
  for (int round = 0; round < 40; ++round) {
    const std::size_t i = round < 20 ? random() % kFrameBytes : random() % good.size();
    bad[i] ^= static_cast<std::uint8_t>(1 + random() % 255);
    EXPECT_EQ(code_of(bad), ErrorCode::kCorrupt) << "byte " << i;
    bad[i] = good[i];
    const std::size_t size = random() % good.size();
    EXPECT_EQ(code_of(ByteSpan(good).first(size)), ErrorCode::kCorrupt) << size << " bytes";
  }
}

TEST(ModelFile, AbsurdNumbersWithRightHashesAreRefused) {
  const Bytes good = serialize_model(small_model());
  const auto code_with = [&](std::size_t offset, auto value) {
    Bytes bad = good;
    patch(bad, offset, value);
    reseal(bad);
    return code_of(bad);
  };
  ASSERT_EQ(code_with(32, std::uint32_t{1}), ErrorCode{0});             // the same value: resealing works
  EXPECT_EQ(code_with(8, std::uint32_t{2}), ErrorCode::kUnsupported);   // format_version
  EXPECT_EQ(code_with(12, std::uint32_t{2}), ErrorCode::kUnsupported);  // numerics_version
  for (std::uint32_t count : {0u, 4u, 6u, 64u, 65u, 0xffffffffu}) {
    EXPECT_EQ(code_with(16, count), ErrorCode::kCorrupt) << count << " sections";
  }
  EXPECT_EQ(code_with(20, 1u), ErrorCode::kCorrupt);
  EXPECT_EQ(code_with(24, std::uint64_t{1} << 62), ErrorCode::kCorrupt);
  for (std::size_t section = 0; section < kSections; ++section) {
    const std::size_t entry = kTableBegin + section * kEntryBytes;
    EXPECT_EQ(code_with(entry, 9u), ErrorCode::kCorrupt);
    EXPECT_EQ(code_with(entry + 4, 1u), ErrorCode::kCorrupt);
    for (std::uint64_t length : {std::uint64_t{0}, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
      if (length == read_u64(good, entry + 8)) continue;
      EXPECT_EQ(code_with(entry + 8, length), ErrorCode::kCorrupt) << "section " << section;
    }
  }
  const std::size_t config = section_offset(good, 0), tokenizer = section_offset(good, 3);
  for (std::size_t field = 0; field < 12; ++field) {
    EXPECT_EQ(code_with(config + 4 * field, 0xffffffffu), ErrorCode::kCorrupt) << "field " << field;
    EXPECT_EQ(code_with(config + 4 * field, 0x7ffffffcu), ErrorCode::kCorrupt) << "field " << field;
  }
  for (float epsilon : {0.0f, -1.0f, 2.0f, std::nanf("")}) {
    EXPECT_EQ(code_with(config + 36, epsilon), ErrorCode::kCorrupt);
  }
  for (std::size_t field = 0; field < 6; ++field) {
    EXPECT_EQ(code_with(tokenizer + 4 * field, 0xffffffffu), ErrorCode::kCorrupt) << "field " << field;
    EXPECT_EQ(code_with(tokenizer + 4 * field, 17u), ErrorCode::kCorrupt) << "field " << field;
  }
}

TEST(ModelFile, ValuesOutsideTheLimitsAreRefused) {
  const auto expect_refused = [](const char* words, const std::function<void(Model&)>& damage) {
    Model model = small_model(false);
    damage(model);
    try {
      parse_model(serialize_model(model), "file.fzm");
      ADD_FAILURE() << "accepted: " << words;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  };
  const float infinity = std::numeric_limits<float>::infinity();
  expect_refused("embedding", [](Model& model) { model.embedding.weights[3] = -128; });
  expect_refused("head", [](Model& model) { model.head.weights.back() = -128; });
  expect_refused("down", [](Model& model) { model.layers[1].down.scales[0] = 1.0001f; });
  expect_refused("query", [](Model& model) { model.layers[0].query.scales[0] = -0.5f; });
  expect_refused("gate", [](Model& model) { model.layers[0].gate.scales[11] = std::nanf(""); });
  expect_refused("attention_norm", [](Model& model) { model.layers[0].attention_norm[0] = 4097; });
  expect_refused("feed_forward_norm", [=](Model& model) { model.layers[0].feed_forward_norm[7] = -infinity; });
  expect_refused("final_norm", [](Model& model) { model.final_norm[1] = std::nanf(""); });
  expect_refused("rope_cosine", [](Model& model) { model.rope_cosine[1] = 1.5f; });
  expect_refused("rope_sine", [=](Model& model) { model.rope_sine.back() = infinity; });
  expect_refused("order of their bytes",
                 [](Model& model) { std::swap(model.tokenizer.tokens[20], model.tokenizer.tokens[21]); });
  expect_refused("begin_token", [](Model& model) { model.config.begin_token = 1; });
  expect_refused("name", [](Model& model) { model.name = "\x1b[2J"; });
  expect_refused("name", [](Model& model) { model.name = std::string(256, 'x'); });
  expect_refused("merge", [](Model& model) { model.tokenizer.merges[0].right = 100; });
  expect_refused("pattern", [](Model& model) { model.tokenizer.patterns[0] = std::string("a\0b", 3); });
}

TEST(ModelFile, AMutatedFileIsRefusedOrIsTheOnlyFileOfItsModel) {
  std::mt19937_64 random(test_seed());
  const Bytes good = serialize_model(small_model());
  int accepted = 0;
  for (int round = 0; round < 4000; ++round) {
    Bytes bad = good;
    for (std::uint64_t changes = 1 + random() % 3; changes > 0; --changes) {
      // Mostly the frame, the configuration and the tokenizer: there is structure.
      const std::size_t begin = random() % 2 == 0 ? 0 : section_offset(good, 3);
      const std::size_t size = begin == 0 ? kFrameBytes + 48 : good.size() - begin;
      bad[begin + random() % size] = static_cast<std::uint8_t>(random());
    }
    reseal(bad);
    try {
      const auto model = parse_model(bad, "file.fzm");
      ASSERT_EQ(serialize_model(*model), bad);
      ++accepted;
      Tokenizer(model->tokenizer, "file.fzm").encode(as_byte_span("aab abab \xff aaaa"));
    } catch (const Error& error) {
      ASSERT_TRUE(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported) << error.what();
    }
  }
  EXPECT_GT(accepted, 0);  // or the resealing is broken and nothing was tested
}

TEST(ModelFile, TheEmbeddedModelIsWhatModelsHolds) {
  const auto directory = std::filesystem::path(__FILE__).parent_path() / "../../../models";
  const char* const names[kEmbeddedModels] = {"default.fzm", "fz-7m-2026-11b.fzm", "fz-7m-2026-11.fzm",
                                                "boot-7m.fzm"};
  for (std::size_t i = 0; i < kEmbeddedModels; ++i) {
    const auto loaded = load_model((directory / names[i]).string());
    const auto embedded = embedded_model(i);
    EXPECT_EQ(embedded.get(), embedded_model(i).get());  // parsed once
    EXPECT_EQ(loaded->weights_hash, embedded->weights_hash);
    EXPECT_EQ(loaded->tokenizer_hash, embedded->tokenizer_hash);
  }
  EXPECT_THROW(load_model("/nonexistent/model.fzm"), Error);
}

}  // namespace
}  // namespace fz::model
