#include "shard/prediction_log.h"

#include <gtest/gtest.h>

#include <random>

#include "support/temporary_directory.h"

namespace fz::shard {
namespace {

using Zeros = std::vector<std::uint16_t>;
constexpr BlockId kBlock{7};
constexpr std::uint32_t kRawBytes = 5000;
constexpr Hash16 kIdentity{1, 2, 3};

/// The chunk that begins with a token.
Zeros zeros_of(std::uint32_t begin) {
  Zeros zeros(10 + begin % 7);
  std::mt19937 random(begin);
  for (std::uint16_t& zero : zeros) zero = static_cast<std::uint16_t>(1 + random() % 65535);
  return zeros;
}

class PredictionLogTest : public testing::Test {
 protected:
  PredictionLog open(std::uint64_t run, const Hash16& identity = kIdentity, BlockId block = kBlock) const {
    return {{directory_.path(), {}, run, Rank{3}}, block, identity, kRawBytes};
  }
  static bool knows(PredictionLog& log, std::uint32_t begin) {
    Zeros found(zeros_of(begin).size());
    return log.read({begin}, found) && found == zeros_of(begin);
  }
  std::filesystem::path path_of(std::uint64_t run) const {
    return directory_.path() / ("predictions-7-" + std::to_string(run) + "-3");
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory_.path()), {}));
  }

  test::TemporaryDirectory directory_;
};

TEST_F(PredictionLogTest, ALaterRunReadsWhatAllBeforeItWrote) {
  PredictionLog first = open(1);
  EXPECT_EQ(first.known_chunks(), 0u);
  for (const std::uint32_t begin : {0u, 448u, 1344u}) first.append({begin}, zeros_of(begin));
  open(2).append({896}, zeros_of(896));
  PredictionLog third = open(3);
  EXPECT_EQ(third.known_chunks(), 4u);
  for (const std::uint32_t begin : {1344u, 0u, 896u, 448u}) EXPECT_TRUE(knows(third, begin)) << begin;
  EXPECT_FALSE(knows(third, 1792));
  Zeros shorter(9);
  EXPECT_FALSE(third.read({0}, shorter)) << "another size is another chunk";
}

// Where a lane begins the model reads nothing again: a program that divides a block otherwise must not take its
// answers.
TEST_F(PredictionLogTest, OnlyWithTheSameTokensBefore) {
  open(1).append({448, 64}, zeros_of(448));
  PredictionLog log = open(2);
  Zeros found(zeros_of(448).size());
  EXPECT_FALSE(log.read({448, 0}, found));
  EXPECT_TRUE(log.read({448, 64}, found));
}

TEST_F(PredictionLogTest, OnlyOfTheSameBlockAndIdentity) {
  open(1).append({0}, zeros_of(0));
  EXPECT_EQ(open(2, {9}).known_chunks(), 0u);
  EXPECT_EQ(open(2, kIdentity, BlockId{70}).known_chunks(), 0u);
  EXPECT_EQ(open(2).known_chunks(), 1u);
}

TEST_F(PredictionLogTest, TheRunIsKnownByTheFilesName) {
  open(12, kIdentity, BlockId{70}).append({0}, zeros_of(0));
  for (const auto& item : std::filesystem::directory_iterator(directory_.path()))
    EXPECT_EQ(run_of_prediction_log(item.path().filename().string()), 12u);
  for (const char* const other : {"predictions-x", "predictions-70", "done-3-0", ""})
    EXPECT_EQ(run_of_prediction_log(other), 0u) << other;
}

TEST_F(PredictionLogTest, IsRemovedWithTheBlock) {
  open(1).append({0}, zeros_of(0));
  open(1, kIdentity, BlockId{70}).append({0}, zeros_of(0));
  PredictionLog log = open(2);
  log.append({448}, zeros_of(448));
  EXPECT_EQ(files(), 3u);
  log.remove();
  EXPECT_EQ(files(), 1u) << "that of block 70 stays";
  EXPECT_FALSE(knows(log, 0));
  log.append({896}, zeros_of(896));
  EXPECT_EQ(files(), 1u);
}

TEST_F(PredictionLogTest, WhatIsTornOrDamagedIsNotKnown) {
  {
    PredictionLog log = open(1);
    for (const std::uint32_t begin : {0u, 448u, 896u}) log.append({begin}, zeros_of(begin));
  }
  const Bytes whole = read_file(path_of(1), 1 << 20);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::filesystem::resize_file(path_of(1), size);
    PredictionLog log = open(2);
    EXPECT_LT(log.known_chunks(), 3u) << size;
    std::size_t known = 0;
    for (const std::uint32_t begin : {0u, 448u, 896u}) known += knows(log, begin) ? 1 : 0;
    EXPECT_EQ(known, log.known_chunks()) << size;
    replace_file(path_of(1), whole);
  }
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    Bytes damaged = whole;
    damaged[random() % damaged.size()] ^= static_cast<std::uint8_t>(1u << random() % 8);
    replace_file(path_of(1), damaged);
    PredictionLog log = open(2);
    for (const std::uint32_t begin : {0u, 448u, 896u}) {
      Zeros found(zeros_of(begin).size());
      if (log.read({begin}, found)) {
        EXPECT_EQ(found, zeros_of(begin));
      }
    }
  }
}

TEST_F(PredictionLogTest, ImpossibleNumbersAreRefused) {
  for (const auto& [begin, size_bytes] : {std::pair{0u, 0u}, {0u, 0xffffffffu}, {kRawBytes, 4u}, {0xffffffffu, 4u}}) {
    open(1).append({448}, zeros_of(448));
    const File file = File::open_for_update(path_of(1));
    ByteWriter head;
    head.write(begin);
    head.write(std::uint32_t{0});
    head.write(size_bytes);
    file.write_at(8 + sizeof(Hash16), head.bytes());
    EXPECT_EQ(open(2).known_chunks(), 0u) << begin << ' ' << size_bytes;
    std::filesystem::remove(path_of(1));
  }
}

TEST_F(PredictionLogTest, ADirectoryThatIsGoneCostsNothingElse) {
  PredictionLog log({directory_.path() / "absent", {}, 1, Rank{0}}, kBlock, kIdentity, kRawBytes);
  log.append({0}, zeros_of(0));
  EXPECT_FALSE(knows(log, 0));
  log.remove();
}

}  // namespace
}  // namespace fz::shard
