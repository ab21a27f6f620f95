#include "jobs/suggestion.h"

#include <gtest/gtest.h>

namespace fz::jobs {
namespace {

TEST(Suggestion, FindsWhatWasMeant) {
  const std::vector<std::string> names = {"coder", "output", "inputs", "quiet", "block-size", "part"};
  EXPECT_EQ(nearest_name("coderr", names), "coder");
  EXPECT_EQ(nearest_name("code", names), "coder");
  EXPECT_EQ(nearest_name("ouptut", names), "output");
  EXPECT_EQ(nearest_name("input", names), "inputs");
  EXPECT_EQ(nearest_name("block_size", names), "block-size");
  EXPECT_EQ(nearest_name("blocksize", names), "block-size");
  EXPECT_EQ(nearest_name("prat", names), "part");
}

TEST(Suggestion, IsSilentWhenNothingIsNear) {
  const std::vector<std::string> names = {"coder", "output", "part"};
  EXPECT_EQ(nearest_name("frobnicate", names), "");
  EXPECT_EQ(nearest_name("xyz", names), "");
  EXPECT_EQ(nearest_name("", names), "");
  EXPECT_EQ(nearest_name("coder", {}), "");
  EXPECT_EQ(nearest_name(std::string(1'000'000, 'c'), names), "");
}

}  // namespace
}  // namespace fz::jobs
