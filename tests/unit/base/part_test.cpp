#include "base/part.h"

#include <gtest/gtest.h>

namespace fz {
namespace {

TEST(Part, IsReadAndWritten) {
  EXPECT_EQ(parse_part("2/7"), (Part{2, 7}));
  EXPECT_EQ(parse_part("1/1"), (Part{1, 1}));
  EXPECT_EQ(parse_part("03/07"), (Part{3, 7}));
  EXPECT_EQ(parse_part("1000000000/1000000000"), (Part{1'000'000'000, 1'000'000'000}));
  EXPECT_EQ(parse_part("2-of-7", "-of-"), (Part{2, 7}));
  EXPECT_EQ(part_text({2, 7}), "2/7");
  EXPECT_EQ(part_text({2, 7}, "-of-"), "2-of-7");
}

TEST(Part, WhatIsNoneIsRefused) {
  for (const char* text : {"", "/", "2", "2/", "/7", "0/7", "8/7", "-1/7", "+1/7", " 1/7", "1/7 ", "1/7/9", "1.0/7",
                           "a/b", "1/1000000001", "1/99999999999999999999", "2-of-7"}) {
    EXPECT_FALSE(parse_part(text)) << text;
  }
}

}  // namespace
}  // namespace fz
