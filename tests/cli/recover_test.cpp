// recover and verify on damaged archives, as a user types them.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "support/built_archive.h"
#include "support/tool_test.h"

namespace fz {
namespace {

using test::read_text;
using test::run_tool;
using test::ToolResult;
using test::write_text;

class Recover : public test::ToolTest {
 protected:
  Recover() { write_text("good.fz", built_.bytes); }

  static void expect_said(const std::string& out, const std::string& text) {
    EXPECT_NE(out.find(text), std::string::npos) << out;
  }
  /// bad.fz: the archive with one byte of each of these changed.
  void damage(const std::vector<std::size_t>& places) const {
    std::string bad = built_.bytes;
    for (const std::size_t place : places) bad[place] = static_cast<char>(bad[place] ^ 0x20);
    write_text("bad.fz", bad);
  }
  std::size_t payload_of(std::size_t block) const { return built_.blocks[block].begin + shard::kBlockHeaderBytes; }
  const shard::FileEntry& file(const std::string& path) const {
    return *std::find_if(built_.entries.begin(), built_.entries.end(),
                         [&](const shard::FileEntry& entry) { return entry.path == path; });
  }

  const test::BuiltArchive built_ = test::build_archive({.seed = 5, .nested = {}});
};

TEST_F(Recover, AnIntactArchiveComesBackByteForByte) {
  const ToolResult result = run_tool({"recover", "good.fz", "-o", "new.fz"}, 0);
  expect_success(result);
  expect_said(result.out, "good.fz: header intact, file table intact, index intact, footer intact\n");
  expect_said(result.out, "new.fz: written, ");
  EXPECT_TRUE(read_text("new.fz") == built_.bytes);
}

TEST_F(Recover, DamageToIndexFooterOrHeaderLosesNothing) {
  damage({built_.index.begin + 5});
  expect_success(run_tool({"recover", "bad.fz", "-o", "index.fz", "-q"}, 0));
  EXPECT_TRUE(read_text("index.fz") == built_.bytes);
  damage({built_.footer.begin + 5});
  expect_success(run_tool({"recover", "bad.fz", "-o", "footer.fz", "-q"}, 0));
  EXPECT_TRUE(read_text("footer.fz") == built_.bytes);
  // The header named the model: it is found by trial.
  damage({40});
  expect_success(run_tool({"recover", "bad.fz", "-o", "header.fz", "-q"}));
  EXPECT_TRUE(read_text("header.fz") == built_.bytes);
  expect_failure(run_tool({"recover", "bad.fz", "-o", "none.fz", "--model", "absent.fzm"}), 3, "absent.fzm");
  EXPECT_FALSE(std::filesystem::exists("none.fz"));
}

TEST_F(Recover, WithoutTheModelItsBlocksAreLeftOut) {
  damage({40});
  const ToolResult result = run_tool({"recover", "bad.fz", "-o", "new.fz", "--model", "none"}, 0);
  expect_failure(result, 5, "blocks lost");
  expect_success(run_tool({"verify", "new.fz"}, 0));
}

TEST_F(Recover, WholeFilesKeepTheirNamesAndPartsGetNew) {
  damage({payload_of(3)});
  const ToolResult result = run_tool({"recover", "bad.fz", "-o", "new.fz", "--json"}, 0);
  expect_failure(result, 5, "bad.fz: 1 block lost, ");
  expect_said(result.err, "what is left is in new.fz");
  const auto report = nlohmann::json::parse(result.out);
  EXPECT_EQ(report["complete"], false);
  EXPECT_EQ(report["file_table"], "intact");
  ASSERT_EQ(report["lost_blocks"].size(), 1u);
  EXPECT_EQ(report["lost_blocks"][0]["first"], 3);
  EXPECT_EQ(report["lost_blocks"][0]["raw_begin"], built_.raw[3].begin);
  EXPECT_EQ(report["lost_blocks"][0]["raw_end"], built_.raw[3].end);
  expect_success(run_tool({"verify", "new.fz"}));
  expect_success(run_tool({"decompress", "new.fz", "-o", "out"}));
  std::uint64_t lost_bytes = 0;
  std::set<std::string> damaged;
  for (const auto& item : report["damaged_files"]) {
    const std::string path = item["path"];
    damaged.insert(path);
    EXPECT_FALSE(std::filesystem::exists("out/" + path));
    std::string rest = built_.content(file(path));
    for (const auto& range : item["lost"]) {
      lost_bytes += range["end"].get<std::uint64_t>() - range["begin"].get<std::uint64_t>();
      const std::string before = rest.substr(0, range["begin"]);
      const std::string part = fmt::format("out/recovered/by-name/{}/{:012}-{:012}", path, 0, before.size());
      EXPECT_TRUE(before.empty() || read_text(part) == before) << part;
    }
  }
  EXPECT_EQ(lost_bytes, built_.raw[3].end - built_.raw[3].begin);
  EXPECT_GE(damaged.size(), 1u);
  for (const shard::FileEntry& entry : built_.entries) {
    if (entry.type != shard::FileType::kRegular || damaged.contains(entry.path)) continue;
    EXPECT_EQ(read_text("out/" + entry.path), built_.content(entry)) << entry.path;
  }
  EXPECT_TRUE(std::filesystem::is_symlink("out/c/link"));
  const ToolResult lines = run_tool({"recover", "bad.fz", "-n"}, 0);
  expect_failure(lines, 5, "nothing was written");
  expect_said(lines.out, fmt::format("bad.fz: block 3 is lost: {} raw bytes at {}\n",
                                     built_.raw[3].end - built_.raw[3].begin, built_.raw[3].begin));
  expect_said(lines.out, fmt::format("{}: ", *damaged.begin()));
}

TEST_F(Recover, ATruncatedArchiveGivesItsBytes) {
  write_text("bad.fz", built_.bytes.substr(0, built_.blocks[6].begin + 100));
  const ToolResult result = run_tool({"recover", "bad.fz", "-o", "new.fz"}, 0);
  expect_failure(result, 5, "the end is lost, the names of the files are lost; what is left is in new.fz");
  expect_said(result.out, fmt::format("whatever followed raw offset {} is lost, from block 6 on", built_.raw[6].begin));
  expect_success(run_tool({"decompress", "new.fz", "-o", "out"}));
  EXPECT_EQ(read_text(fmt::format("out/recovered/by-offset/offset-000000000000-{:012}.bin", built_.raw[6].begin)),
            built_.stream.substr(0, built_.raw[6].begin));
}

TEST_F(Recover, NamesWithoutTheirHashAreUsedAndSaidToBeSo) {
  write_text("bad.fz", built_.bytes.substr(0, built_.footer.begin));
  const ToolResult result = run_tool({"recover", "bad.fz", "-o", "new.fz"}, 0);
  expect_failure(result, 5, "the names of the files are unconfirmed");
  EXPECT_TRUE(read_text("new.fz") == built_.bytes);
}

TEST_F(Recover, NothingIsOverwrittenAndTheArchiveNeverChanged) {
  damage({payload_of(2)});
  const std::string bad = read_text("bad.fz");
  expect_failure(run_tool({"recover", "bad.fz", "-o", "good.fz"}, 0), 4, "good.fz: exists already; pass --force");
  EXPECT_TRUE(read_text("good.fz") == built_.bytes);
  std::filesystem::create_symlink("bad.fz", "alias.fz");
  for (const char* output : {"bad.fz", "./bad.fz", "alias.fz"}) {
    expect_failure(run_tool({"recover", "bad.fz", "-o", output, "--force"}, 0), 2, "the damaged archive itself");
  }
  EXPECT_TRUE(read_text("bad.fz") == bad);
  expect_failure(run_tool({"recover", "bad.fz", "-o", "good.fz", "--force"}, 0), 5, "what is left is in good.fz");
  expect_success(run_tool({"verify", "good.fz"}));
  expect_failure(run_tool({"recover", "bad.fz", "-o", "no/such.fz"}, 0), 4, "no/such.fz");
  expect_failure(run_tool({"recover", "bad.fz"}, 0), 2, "--dry-run");
  expect_failure(run_tool({"recover", "absent.fz", "-n"}, 0), 3, "absent.fz: cannot open");
  write_text("foreign", "this is no archive");
  expect_failure(run_tool({"recover", "foreign", "-o", "x.fz"}, 0), 5, "nothing to recover");
  EXPECT_FALSE(std::filesystem::exists("x.fz"));
}

TEST_F(Recover, ErrorsOfDamagedArchivesPointToIt) {
  damage({built_.table.begin + 9});
  for (const char* command : {"list", "info", "verify"}) {
    expect_failure(run_tool({command, "bad.fz"}), 5, "the file table is damaged (hash differs); see 'fz-dist recover'");
  }
  damage({payload_of(2)});
  expect_failure(run_tool({"decompress", "bad.fz", "-o", "out"}), 5, "block 2 (offset ");
  expect_failure(run_tool({"decompress", "bad.fz", "-o", "out"}), 5, "; see 'fz-dist recover'");
}

TEST_F(Recover, VerifyReportsEveryDamagedBlock) {
  damage({payload_of(2), payload_of(7), built_.blocks[9].begin + 4});
  for (const bool quick : {true, false}) {
    std::vector<std::string> arguments = {"verify", "bad.fz"};
    if (quick) arguments.push_back("--quick");
    const ToolResult result = run_tool(arguments, quick ? 0 : 1);
    expect_failure(result, 5,
                   fmt::format("bad.fz: 3 of {} blocks are damaged, all others are intact; see 'fz-dist recover'",
                               built_.blocks.size()));
    EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 3) << result.out;
    for (const std::size_t block : {2u, 7u, 9u}) {
      expect_said(result.out, fmt::format("bad.fz: block {} (offset {}): ", block, built_.raw[block].begin));
    }
    for (const shard::FileEntry& entry : built_.entries) {
      const auto blocks = built_.blocks_of(entry);
      const bool affected = std::any_of(blocks.begin(), blocks.end(),
                                        [](std::size_t block) { return block == 2 || block == 7 || block == 9; });
      EXPECT_EQ(result.out.find(entry.path + ": ") != std::string::npos, affected) << entry.path;
    }
  }
}

// Stored bytes that are intact but decode to something else: only decoding finds it.
TEST_F(Recover, VerifyFindsWhatOnlyDecodingShows) {
  std::string bad = built_.bytes;
  const std::size_t begin = built_.blocks[4].begin;
  bad[begin + 28] = static_cast<char>(bad[begin + 28] ^ 1);  // raw_hash
  const Hash hash = hash_bytes(as_byte_span(bad).subspan(begin, 52));
  std::copy_n(hash.begin(), 4, bad.begin() + static_cast<std::ptrdiff_t>(begin) + 52);
  write_text("bad.fz", bad);
  expect_success(run_tool({"verify", "--quick", "bad.fz"}, 0));
  const ToolResult result = run_tool({"verify", "bad.fz"});
  expect_failure(result, 5, "1 of ");
  expect_said(result.out, "block 4 (offset ");
  expect_said(result.out, "do not decode to the original");
}

TEST_F(Recover, VerifyInPartsChecksEveryBlockOnce) {
  for (std::size_t block = 0; block < built_.blocks.size(); block += 5) {
    damage({payload_of(block)});
    for (const char* mode : {"--quick", "-v"}) {
      int failures = 0;
      for (int part = 1; part <= 4; ++part) {
        const ToolResult result = run_tool({"verify", "bad.fz", mode, "--part", fmt::format("{}/4", part)});
        EXPECT_TRUE(result.exit_code == 0 || result.exit_code == 5) << result.err;
        failures += result.exit_code == 5;
      }
      EXPECT_EQ(failures, 1) << "block " << block;
    }
  }
  expect_said(run_tool({"verify", "good.fz", "--quick", "--part", "2/3"}, 0).out, "(part 2 of 3)");
  expect_success(run_tool({"verify", "good.fz", "--part", "900/1000"}));  // parts may be empty
  for (const char* part : {"0/3", "4/3", "1", "1/", "/3", "1/3x", "-1/3", "1/0", "1/99999999999"}) {
    expect_failure(run_tool({"verify", "good.fz", "--quick", fmt::format("--part={}", part)}, 0), 2, "--part");
  }
}

}  // namespace
}  // namespace fz
