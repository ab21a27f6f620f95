#include "coordinator/scan.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/planning.h"
#include "support/expect_error.h"
#include "support/small_corpus.h"
#include "support/temporary_directory.h"

namespace fz::coordinator {
namespace {

using shard::FileType;
using shard::Kind;
using test::expect_error;

std::vector<std::string> paths(const ScanResult& result) {
  std::vector<std::string> list;
  for (const auto& entry : result.entries) list.push_back(entry.file.path);
  return list;
}

ScanResult scan_all(const std::vector<std::string>& inputs, const std::vector<std::string>& excluded = {}) {
  return scan(inputs, excluded, [](const std::string&) {});
}

TEST(Scan, FindsEverythingInOrder) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "c/b.txt", "text");
  test::write_text(directory / "c/b/x", "x");
  test::write_text(directory / "c/a\n\xff", "odd name");
  test::write_text(directory / "c/empty", "");
  std::filesystem::create_directories(directory / "c/hollow");
  std::filesystem::create_symlink("/nowhere", directory / "c/link");
  ASSERT_EQ(::chmod((directory / "c/b").c_str(), 01750), 0);
  const ScanResult result = scan_all({(directory / "c").string() + "/"});
  EXPECT_EQ(paths(result),
            (std::vector<std::string>{"c", "c/a\n\xff", "c/b", "c/b/x", "c/b.txt", "c/empty", "c/hollow", "c/link"}));
  EXPECT_EQ(result.entries[2].file.mode, 01750u);
  EXPECT_EQ(result.entries[7].file.type, FileType::kSymlink);
  EXPECT_EQ(result.entries[7].file.target, "/nowhere");
}

TEST(Scan, SpecialFilesAreSkippedWithAWarning) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "c/f", "x");
  ASSERT_EQ(::mkfifo((directory / "c/pipe").c_str(), 0600), 0);
  std::string warning;
  const ScanResult result = scan({(directory / "c").string()}, {}, [&](const std::string& text) { warning += text; });
  EXPECT_EQ(paths(result), (std::vector<std::string>{"c", "c/f"}));
  EXPECT_NE(warning.find("pipe: skipped"), std::string::npos);
}

TEST(Scan, TheOutputIsLeftOut) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "c/f", "x");
  test::write_text(directory / "c/o.fz", "old");
  test::write_text(directory / "c/o.fz.job/plan", "plan");
  const std::string output = (directory / "c" / "." / "o.fz").string();
  const ScanResult result =
      scan_all({(directory / "c").string()}, {absolute_path(output), absolute_path(output + ".job")});
  EXPECT_EQ(paths(result), (std::vector<std::string>{"c", "c/f"}));
}

TEST(Scan, AnInputThatIsLeftOutIsNamed) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "f", "x");
  test::write_text(directory / "run.log", "y");
  std::vector<std::string> warnings;
  const std::string log = (directory / "run.log").string();
  const ScanResult result = scan({(directory / "f").string(), log}, {absolute_path(log)},
                                 [&](const std::string& text) { warnings.push_back(text); });
  EXPECT_EQ(paths(result), std::vector<std::string>{"f"});
  EXPECT_EQ(result.inputs.size(), 1u);
  EXPECT_EQ(warnings, std::vector<std::string>{log + ": left out: this command writes it"});
}

TEST(Scan, ALinkGivenAsInputIsFollowed) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "real/f", "x");
  std::filesystem::create_symlink("real", directory / "d");
  std::filesystem::create_symlink("real/f", directory / "g");
  EXPECT_EQ(paths(scan_all({(directory / "d").string(), (directory / "g").string()})),
            (std::vector<std::string>{"d", "d/f", "g"}));
}

TEST(Scan, NamesOfInputs) {
  const test::TemporaryDirectory directory;
  std::filesystem::create_directories(directory / "a/b");
  EXPECT_EQ(input_name((directory / "a/b").string() + "//"), "b");
  EXPECT_EQ(input_name((directory / "a/b/..").string()), "a");
  EXPECT_EQ(input_name((directory / "a/.").string()), "a");
  expect_error(ErrorCode::kUsage, "root", [] { input_name("/"); });
}

TEST(Scan, BadInputs) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "x/f", "x");
  test::write_text(directory / "y/f", "y");
  expect_error(ErrorCode::kInput, "missing: cannot open", [&] { scan_all({(directory / "missing").string()}); });
  expect_error(ErrorCode::kUsage, "also called f", [&] {
    scan_all({(directory / "x/f").string(), (directory / "y/f").string()});
  });
  if (::geteuid() != 0) {
    ::chmod((directory / "x/f").c_str(), 0);
    expect_error(ErrorCode::kInput, "f: cannot open", [&] { scan_all({(directory / "x").string()}); });
  }
}

TEST(SniffKind, TellsTextFromBinary) {
  const auto kind = [](const std::string& text) { return sniff_kind(as_byte_span(text)); };
  EXPECT_EQ(kind(""), Kind::kText);
  EXPECT_EQ(kind("plain text\r\n\twith tabs\f"), Kind::kText);
  EXPECT_EQ(kind("\x1b[31mred\x1b[0m and plain"), Kind::kText);
  EXPECT_EQ(kind("Caf\xE9 au lait, en Latin-1: seulement quelques lettres"), Kind::kText);
  EXPECT_EQ(kind(std::string("text\0", 5)), Kind::kBinary);
  EXPECT_EQ(kind(test::make_noise(1, 4000).substr(1)), Kind::kBinary);
  EXPECT_EQ(kind("\x01\x02\x03\x04"), Kind::kBinary);
  EXPECT_EQ(kind("\xE2\x82\xAC\xE2\x82"), Kind::kText);  // a sample that cuts a character
  // Text is looked at eight bytes at a time: a strange one is seen in any place.
  for (std::size_t i = 0; i < 24; ++i) {
    std::string text(24, 'a');
    text[i] = '\0';
    EXPECT_EQ(kind(text), Kind::kBinary) << i;
  }
  const auto is_strange = [&](char byte) { return kind(std::string(40, byte)) == Kind::kBinary; };
  for (const char byte : {' ', '~', '\t', '\n', '\r', '\x1b'}) EXPECT_FALSE(is_strange(byte)) << int{byte};
  for (const char byte : {'\x01', '\x08', '\x0e', '\x1f', '\x7f', '\x80', '\xff'})
    EXPECT_TRUE(is_strange(byte)) << int{byte};
}

TEST(Scan, SketchesBelongToTheirEntriesInWhateverOrderInputsCome) {
  const test::TemporaryDirectory directory;
  const std::string a = test::make_text(1, 3000), z = test::make_text(2, 3000);
  test::write_text(directory / "a", a);
  test::write_text(directory / "z", z);
  const ScanResult result = scan_all({(directory / "z").string(), (directory / "a").string()});
  ASSERT_EQ(paths(result), (std::vector<std::string>{"a", "z"}));
  EXPECT_EQ(result.sketches, (std::vector<Sketch>{sketch_of(as_byte_span(a)), sketch_of(as_byte_span(z))}));
  EXPECT_NE(result.sketches[0], result.sketches[1]);
}

ScanResult scanned(std::vector<std::pair<std::string, std::uint64_t>> files, Kind kind = Kind::kText) {
  ScanResult result;
  for (auto& [path, size] : files) {
    shard::PlanEntry entry;
    entry.file.path = path;
    entry.file.raw_bytes = size;
    entry.kind = kind;
    result.entries.push_back(entry);
    result.sketches.push_back(kNoSketch);
  }
  return result;
}

TEST(Planning, BlocksAreEvenAndTileTheCorpus) {
  PlanOptions options;
  options.block_bytes = 1000;
  const shard::Plan plan = make_plan(scanned({{"a", 1700}, {"b", 0}, {"c", 401}}), options);
  ASSERT_EQ(plan.blocks.size(), 3u);
  std::uint64_t offset = 0;
  for (const auto& block : plan.blocks) {
    EXPECT_EQ(block.raw_offset, offset);
    EXPECT_NEAR(block.raw_bytes, 700, 1);
    offset += block.raw_bytes;
  }
  EXPECT_EQ(offset, 2101u);
  EXPECT_EQ(plan.entries[1].file.raw_offset, 0u);
  EXPECT_EQ(plan.entries[2].file.raw_offset, 1700u);
}

TEST(Planning, ABlockNeverMixesKinds) {
  ScanResult result = scanned({{"a", 500}, {"b", 500}, {"c", 500}});
  result.entries[0].kind = Kind::kBinary;
  const shard::Plan plan = make_plan(result, {});
  ASSERT_EQ(plan.blocks.size(), 2u);
  EXPECT_EQ(plan.blocks[0].kind, Kind::kText);
  EXPECT_EQ(plan.blocks[0].raw_bytes, 1000u);
  EXPECT_EQ(plan.blocks[1].kind, Kind::kBinary);
  EXPECT_EQ(plan.entries[0].file.raw_offset, 1000u);
  EXPECT_TRUE(needs_model(plan));
  EXPECT_FALSE(needs_model(make_plan(scanned({{"a", 5}}, Kind::kBinary), {})));
}

TEST(Planning, FilesThatResembleAnEarlierOneFollowIt) {
  ScanResult result = scanned({{"a", 10}, {"b", 20}, {"c", 30}, {"d", 40}, {"e", 50}});
  result.sketches[1] = result.sketches[4] = {1, 2, 3, 4};
  result.sketches[0] = result.sketches[3] = {5, 6, 7, 8};
  const auto offsets = [&](const PlanOptions& options) {
    std::vector<std::uint64_t> offsets;
    for (const shard::PlanEntry& entry : make_plan(result, options).entries) offsets.push_back(entry.file.raw_offset);
    return offsets;
  };
  EXPECT_EQ(offsets({}), (std::vector<std::uint64_t>{0, 50, 120, 10, 70}));  // a d b e c
  PlanOptions by_path;
  by_path.order = FileOrder::kPath;
  EXPECT_EQ(offsets(by_path), (std::vector<std::uint64_t>{0, 10, 30, 60, 100}));
  // An unfinished run keeps the order that it was begun with, which an earlier program may have chosen.
  EXPECT_EQ(plan_difference(make_plan(result, by_path), make_plan(result, {})), "");
}

// What resembles each other and is too large for a block together gets larger ones; all else is cut as ever.
TEST(Planning, LargeFilesThatResembleEachOtherShareABlock) {
  constexpr std::uint64_t kMiB = 1 << 20;
  ScanResult result = scanned({{"a", 5 * kMiB}, {"b", 3 * kMiB}, {"c", 3 * kMiB}, {"d", 3 * kMiB}, {"e", 2 * kMiB}});
  for (const std::size_t i : {1, 2, 3}) result.sketches[i] = {1, 2, 3, 4};
  const auto sizes = [](const shard::Plan& plan) {
    std::vector<std::uint32_t> sizes;
    std::uint64_t offset = 0;
    for (const shard::PlanBlock& block : plan.blocks) {
      EXPECT_EQ(block.raw_offset, offset);
      EXPECT_LE(block.raw_bytes, plan.block_bytes);
      sizes.push_back(block.raw_bytes);
      offset += block.raw_bytes;
    }
    EXPECT_EQ(offset, plan.corpus_bytes());
    return sizes;
  };
  EXPECT_EQ(sizes(make_plan(result, {})), (std::vector<std::uint32_t>{7 << 19, 7 << 19, 9 << 20}));
  PlanOptions chosen;
  chosen.similar_block_bytes = chosen.block_bytes;  // as --block-size does
  EXPECT_EQ(sizes(make_plan(result, chosen)), std::vector<std::uint32_t>(4, 4 << 20));
  // Eight fit, whatever the remainders of their sizes.
  std::vector<std::pair<std::string, std::uint64_t>> eight;
  for (char name = 'a'; name <= 'h'; ++name) eight.emplace_back(std::string(1, name), kMiB + (name - 'a') % 5);
  ScanResult versions = scanned(eight);
  for (Sketch& sketch : versions.sketches) sketch = {1, 2, 3, 4};
  EXPECT_EQ(make_plan(versions, {}).blocks.size(), 1u);
  // Of many small files a few suffice.
  std::vector<std::pair<std::string, std::uint64_t>> files;
  for (char name = 'a'; name <= 'z'; ++name) files.emplace_back(std::string(1, name), kMiB / 2);
  ScanResult many = scanned(files);
  for (Sketch& sketch : many.sketches) sketch = {1, 2, 3, 4};
  EXPECT_EQ(sizes(make_plan(many, {})), std::vector<std::uint32_t>(4, 13 << 18));
  for (shard::PlanEntry& entry : many.entries) entry.file.raw_bytes = 8 * kMiB;  // of huge ones as many as are allowed
  EXPECT_EQ(make_plan(many, {}).blocks.size(), 7u);
}

TEST(Planning, DifferencesAreNamed) {
  const shard::Plan plan = make_plan(scanned({{"a", 500}, {"b", 500}}), {});
  EXPECT_EQ(plan_difference(plan, plan), "");
  EXPECT_EQ(plan_difference(plan, make_plan(scanned({{"a", 500}, {"b", 501}}), {})),
            "b has changed since it was begun");
  EXPECT_EQ(plan_difference(plan, make_plan(scanned({{"a", 500}, {"aa", 1}, {"b", 500}}), {})),
            "aa is new since it was begun");
  EXPECT_EQ(plan_difference(plan, make_plan(scanned({{"b", 500}}), {})), "a is gone since it was begun");
  EXPECT_EQ(plan_difference(plan, make_plan(scanned({{"a", 500}}), {})), "b is gone since it was begun");
  PlanOptions options;
  options.coder = shard::TokenCoder::kRanks;
  EXPECT_EQ(plan_difference(plan, make_plan(scanned({{"a", 500}, {"b", 500}}), options)),
            "it was begun with another --coder");
  PlanOptions quick;
  quick.memory_coder = shard::MemoryCoder::kQuick;
  const shard::Plan quick_plan = make_plan(scanned({{"a", 500}, {"b", 500}}), quick);
  EXPECT_EQ(plan_difference(plan, quick_plan), "it was begun with --thorough");
  EXPECT_EQ(plan_difference(quick_plan, plan), "it was begun without --thorough");
  shard::Plan other = plan;
  other.model.weights_hash.fill(9);
  EXPECT_EQ(plan_difference(plan, other), "it was begun with another model");
}

}  // namespace
}  // namespace fz::coordinator
