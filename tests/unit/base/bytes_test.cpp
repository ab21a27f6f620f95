#include "base/bytes.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace fz {
namespace {

using test::expect_error;

TEST(Bytes, VarintRoundTrip) {
  for (const std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128}, std::uint64_t{1} << 35, UINT64_MAX}) {
    ByteWriter writer;
    writer.write_varint(value);
    ByteReader reader(writer.bytes(), "test");
    EXPECT_EQ(reader.read_varint(), value);
    reader.expect_end();
  }
}

TEST(Bytes, RefusesLongAndTornVarints) {
  const auto read = [](const Bytes& bytes) { ByteReader(bytes, "test").read_varint(); };
  expect_error(ErrorCode::kCorrupt, "shortest form", [&] { read({0x80, 0x00}); });
  expect_error(ErrorCode::kCorrupt, "truncated", [&] { read({0x80}); });
  expect_error(ErrorCode::kCorrupt, "64 bits", [&] { read(Bytes(10, 0xff)); });
}

TEST(Bytes, NeverReadsPastTheEnd) {
  const Bytes bytes(3);
  ByteReader reader(bytes, "place", 100);
  expect_error(ErrorCode::kCorrupt, "place: offset 100: truncated", [&] { reader.read<std::uint32_t>(); });
  reader.take(3);
  expect_error(ErrorCode::kCorrupt, "truncated", [&] { reader.take(UINT64_MAX); });
}

}  // namespace
}  // namespace fz
