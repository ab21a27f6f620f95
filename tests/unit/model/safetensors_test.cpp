// The safetensors reader: exact conversions, and headers that lie.
#include "model/safetensors.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/model/checkpoint_writer.h"

namespace fz::model {
namespace {

ErrorCode code_of(const Bytes& bytes, std::string* message = nullptr) {
  const TestDirectory directory;
  directory.write("x.safetensors", bytes);
  try {
    const SafetensorsFile file(directory.file("x.safetensors"));
    for (const auto& [name, tensor] : file.tensors()) file.read_floats(name);
  } catch (const Error& error) {
    if (message != nullptr) *message = error.what();
    return error.code();
  }
  return ErrorCode{0};
}

TEST(Safetensors, HalvesConvertExactly) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const int exponent = (bits >> 10) & 31, mantissa = bits & 1023;
    const float value = float_from_half(static_cast<std::uint16_t>(bits));
    if (exponent == 31) {
      EXPECT_EQ(std::isnan(value), mantissa != 0);
      EXPECT_EQ(std::isinf(value), mantissa == 0);
    } else {
      const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
      ASSERT_EQ(value, (bits & 0x8000) != 0 ? -magnitude : magnitude) << bits;
    }
    ASSERT_EQ(std::signbit(value), (bits & 0x8000) != 0) << bits;
  }
  EXPECT_EQ(float_from_bfloat16(0x3f80), 1.0f);
  EXPECT_EQ(float_from_bfloat16(0xc0a0), -5.0f);
}

TEST(Safetensors, ReadsTheThreeTypes) {
  ByteWriter data;
  for (float value : {1.5f, -2.0f}) data.write(value);
  for (int value : {0x3c00, 0xc000, 0x0001}) data.write(static_cast<std::uint16_t>(value));
  data.write<std::uint16_t>(0x4049);
  const TestDirectory directory;
  directory.write(
      "x.safetensors",
      safetensors_bytes(R"({"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
                        R"("b":{"dtype":"F16","shape":[3],"data_offsets":[8,14]},)"
                        R"("c":{"dtype":"BF16","shape":[],"data_offsets":[14,16]},"__metadata__":{"k":"v"}})",
                        data.bytes()));
  const SafetensorsFile file(directory.file("x.safetensors"));
  ASSERT_EQ(file.tensors().size(), 3u);
  EXPECT_EQ(file.tensors().at("a").shape, (std::vector<std::uint64_t>{2, 1}));
  EXPECT_EQ(file.read_floats("a"), (std::vector<float>{1.5f, -2.0f}));
  EXPECT_EQ(file.read_floats("b"), (std::vector<float>{1.0f, -2.0f, 0x1p-24f}));
  EXPECT_EQ(file.read_floats("c"), (std::vector<float>{3.140625f}));
}

TEST(Safetensors, LyingHeadersAreRefused) {
  const Bytes data(64);
  const auto code = [&](const std::string& header) { return code_of(safetensors_bytes(header, data)); };
  EXPECT_EQ(code(R"({"a":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]}})"), ErrorCode{0});
  for (
      const char* header : {
          R"({"a":{"dtype":"F32","shape":[16],"data_offsets":[4,68]}})",                    // out of range
          R"({"a":{"dtype":"F32","shape":[16],"data_offsets":[64,0]}})",                    // backwards
          R"({"a":{"dtype":"F32","shape":[15],"data_offsets":[0,64]}})",                    // size is not shape
          R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})",  // overflows to 0
          R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,64]}})",
          R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,6]}})",
          R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})",
          R"({"a":{"dtype":"F32","shape":[16],"data_offsets":[0,18446744073709551615]}})",
          R"({"a":{"dtype":"F32","shape":[16],"data_offsets":[0]}})",
          R"({"a":{"dtype":7,"shape":[16],"data_offsets":[0,64]}})",
          R"({"a":{"dtype":"F32","data_offsets":[0,64]}})",
          R"({"a":[]})",
          R"([])",
          R"({"a":)",
          R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]},"b":{"dtype":"F32","shape":[8],"data_offsets":[28,60]}})",
      }) {
    EXPECT_EQ(code(header), ErrorCode::kCorrupt) << header;
  }
  EXPECT_EQ(code(R"({"a":{"dtype":"I64","shape":[8],"data_offsets":[0,64]}})"), ErrorCode::kUnsupported);
}

TEST(Safetensors, TruncatedFilesAreRefused) {
  const Bytes good = safetensors_bytes({{"a", {{4, 4}, std::vector<float>(16, 1.0f)}}});
  ASSERT_EQ(code_of(good), ErrorCode{0});
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(code_of(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))), ErrorCode::kCorrupt);
  }
  Bytes bad = good;
  for (int i = 0; i < 8; ++i) bad[static_cast<std::size_t>(i)] = 0xff;
  std::string message;
  EXPECT_EQ(code_of(bad, &message), ErrorCode::kCorrupt);
  EXPECT_NE(message.find("does not fit"), std::string::npos) << message;
  EXPECT_THROW(SafetensorsFile("/nonexistent/x.safetensors"), Error);
}

}  // namespace
}  // namespace fz::model
