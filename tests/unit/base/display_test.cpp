#include "base/display.h"

#include <gtest/gtest.h>

namespace fz {
namespace {

TEST(Display, ShowsEveryTextOnOneLine) {
  EXPECT_EQ(display_text("plain"), "plain");
  EXPECT_EQ(display_text("Gr\xC3\xBC\xC3\x9F"
                         "e"),
            "Gr\xC3\xBC\xC3\x9F"
            "e");
  EXPECT_EQ(display_text("a\nb\x1b[31m\x7f"), "a\\x0ab\\x1b[31m\\x7f");
  EXPECT_EQ(display_text("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(display_text("\xC2\x9B"), "\\xc2\\x9b");  // a control character of the upper half
}

TEST(Display, KnowsUtf8) {
  EXPECT_TRUE(is_utf8("\xF0\x9F\x98\x80\xE2\x82\xAC"));
  for (const char* bad : {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF0\x80\x80\x80", "\x80",
                          "\xE2\x82", "\xF5"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

TEST(Display, Sizes) {
  EXPECT_EQ(display_size(0), "0 B");
  EXPECT_EQ(display_size(1023), "1023 B");
  EXPECT_EQ(display_size(1536), "1.5 KiB");
  EXPECT_EQ(display_size(UINT64_MAX), "16.0 EiB");
}

}  // namespace
}  // namespace fz
