#include "jobs/text_places.h"

#include <gtest/gtest.h>

namespace fz::jobs {
namespace {

std::string place(const TextPlaces& places, std::size_t offset_bytes) {
  const Position position = places.position(offset_bytes);
  return std::to_string(position.line) + ":" + std::to_string(position.column);
}

TEST(TextPlaces, CountsLinesAndCharacters) {
  const TextPlaces places("ab\n\n\xC3\xA9x\n");  // é is one character of two bytes
  EXPECT_EQ(place(places, 0), "1:1");
  EXPECT_EQ(place(places, 2), "1:3");  // the line's end belongs to it
  EXPECT_EQ(place(places, 3), "2:1");
  EXPECT_EQ(place(places, 4), "3:1");
  EXPECT_EQ(place(places, 6), "3:2");
  EXPECT_EQ(place(places, 8), "4:1");
  EXPECT_EQ(place(places, 1000), "4:1");
  EXPECT_EQ(places.offset_bytes(2, 2), 6u);
  EXPECT_EQ(places.offset_bytes(99, 99), 8u);
  EXPECT_EQ(place(TextPlaces(""), 0), "1:1");
}

}  // namespace
}  // namespace fz::jobs
