// Sketches of texts, and the groups that they make.
#include "coordinator/similarity.h"

#include <gtest/gtest.h>

#include <numeric>

#include "support/small_corpus.h"

namespace fz::coordinator {
namespace {

/// Texts of many different pieces: noise as letters.
std::string text_of(std::uint32_t seed, std::size_t size_bytes) {
  std::string text = test::make_noise(seed, size_bytes);
  for (char& c : text) c = static_cast<char>('a' + (static_cast<unsigned char>(c) & 15));
  return text;
}

int agreement(const std::string& a, const std::string& b) {
  const Sketch one = sketch_of(as_byte_span(a)), other = sketch_of(as_byte_span(b));
  int count = 0;
  for (std::size_t i = 0; i < one.size(); ++i) count += one[i] == other[i] ? 1 : 0;
  return count;
}

TEST(Similarity, SketchesAgreeAsOftenAsTextsShareTheirPieces) {
  // The second half of one text is the first of another: J = 1/3.
  int agreed = 0;
  constexpr int kTexts = 300;
  for (int i = 0; i < kTexts; ++i) {
    const std::string text = text_of(static_cast<std::uint32_t>(i), 1500);
    agreed += agreement(text.substr(0, 1000), text.substr(500));
  }
  EXPECT_NEAR(agreed / (4.0 * kTexts), 1.0 / 3, 0.06);
  EXPECT_EQ(agreement(text_of(1, 9000), text_of(2, 9000)), 0);
  EXPECT_EQ(agreement(text_of(1, 9000), text_of(1, 9000)), 4);
}

TEST(Similarity, ShortTextsAreNotJudged) {
  EXPECT_EQ(sketch_of({}), kNoSketch);
  EXPECT_EQ(sketch_of(as_byte_span(text_of(1, 255))), kNoSketch);
  EXPECT_NE(sketch_of(as_byte_span(text_of(1, 256))), kNoSketch);
  EXPECT_EQ(groups_of(std::vector<Sketch>(3, kNoSketch), std::vector<std::uint32_t>(3)),
            (std::vector<std::uint32_t>{0, 1, 2}));
  EXPECT_TRUE(groups_of({}, {}).empty());
}

TEST(Similarity, VersionsOfATextAreOfOneGroup) {
  constexpr std::uint32_t kTexts = 40, kVersions = 5;
  std::vector<Sketch> sketches;
  std::vector<std::uint32_t> names;
  for (std::uint32_t version = 0; version < kVersions; ++version) {
    for (std::uint32_t i = 0; i < kTexts; ++i) {
      std::string text = text_of(i, 4000);
      text.replace(100 * version, 20, "version " + std::to_string(version));
      sketches.push_back(sketch_of(as_byte_span(text)));
      names.push_back(i);
    }
  }
  const std::vector<std::uint32_t> groups = groups_of(sketches, names);
  std::uint32_t found = 0;
  for (std::uint32_t i = 0; i < groups.size(); ++i) {
    EXPECT_EQ(groups[i] % kTexts, i % kTexts) << "different texts in one group";
    EXPECT_LE(groups[i], i);
    EXPECT_EQ(groups[groups[i]], groups[i]);
    found += groups[i] == i % kTexts ? 1 : 0;
  }
  EXPECT_GT(found, groups.size() * 9 / 10);
}

TEST(Similarity, GroupsAreClosedAndNamesCount) {
  const std::vector<Sketch> sketches = {{9, 9, 9, 9}, {1, 2, 3, 4}, {1, 2, 3, 5}, {1, 2, 6, 5},
                                        {8, 2, 3, 5}, {1, 2, 7, 7}, {0, 9, 9, 9}};
  // Any three numbers suffice, two do not; what resembles a member is a member.
  EXPECT_EQ(groups_of(sketches, std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 6}),
            (std::vector<std::uint32_t>{0, 1, 1, 1, 1, 5, 0}));
  // Two do under the same name.
  EXPECT_EQ(groups_of(sketches, std::vector<std::uint32_t>{0, 1, 2, 5, 4, 5, 6}),
            (std::vector<std::uint32_t>{0, 1, 1, 1, 1, 1, 0}));
  EXPECT_EQ(name_hash("a/b/readme"), name_hash("readme"));
  EXPECT_NE(name_hash("a/readme"), name_hash("a/readme2"));
}

}  // namespace
}  // namespace fz::coordinator
