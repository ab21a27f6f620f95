// extract --stdout and decompress --stdout, as a user types them; and what happens when standard output cannot be
// written.
#include <gtest/gtest.h>

#include "support/built_archive.h"
#include "support/tool_test.h"

namespace fz {
namespace {

using test::run_tool;
using test::ToolResult;

class PrintContents : public test::ToolTest {
 protected:
  PrintContents() { test::write_text("good.fz", built_.bytes); }

  std::string content(const std::string& path) const {
    const auto entry = std::find_if(built_.entries.begin(), built_.entries.end(),
                                    [&](const shard::FileEntry& each) { return each.path == path; });
    return built_.content(*entry);
  }
  static std::ptrdiff_t files_here() {
    return std::distance(std::filesystem::directory_iterator("."), std::filesystem::directory_iterator());
  }

  /// Blocks of three kinds, about 5 kB each; files lie in the order of their names.
  const test::BuiltArchive built_ = test::build_archive({.seed = 7, .nested = {}});
};

/// A disk with room for so many bytes.
class FullDisk : public std::streambuf {
 public:
  explicit FullDisk(std::size_t room) : room_(room) {}

 protected:
  std::streamsize xsputn(const char*, std::streamsize size) override {
    const auto taken = std::min(room_, static_cast<std::size_t>(size));
    room_ -= taken;
    return static_cast<std::streamsize>(taken);
  }
  int overflow(int character) override { return room_ == 0 ? traits_type::eof() : (--room_, character); }

 private:
  std::size_t room_;
};

TEST_F(PrintContents, AllOrWhatMatchesOneAfterTheOther) {
  for (const char* threads : {"1", "3"}) {
    const ToolResult all = run_tool({"decompress", "good.fz", "--stdout", "--threads", threads});
    expect_success(all);
    EXPECT_TRUE(all.out == built_.stream);
    const ToolResult some =
        run_tool({"extract", "good.fz", "c/f000[13]", "c/f0019", "c/link", "-c", "--threads", threads});
    expect_success(some);
    EXPECT_TRUE(some.out == content("c/f0001") + content("c/f0003") + content("c/f0019"));
  }
  const ToolResult empty = run_tool({"extract", "good.fz", "c/empty", "--stdout"});
  expect_success(empty);
  EXPECT_EQ(empty.out, "");
  EXPECT_EQ(files_here(), 1);
}

TEST_F(PrintContents, NothingOfADamagedBlockIsWritten) {
  for (std::size_t damaged = 0; damaged < built_.blocks.size(); damaged += 5) {
    std::string bad = built_.bytes;
    bad[built_.blocks[damaged].end - 1] ^= 1;
    test::write_text("bad.fz", bad);
    const ToolResult result = run_tool({"decompress", "bad.fz", "--stdout", "-q"});
    expect_failure(result, 5, fmt::format("bad.fz: block {} ", damaged));
    EXPECT_TRUE(built_.stream.starts_with(result.out));
    EXPECT_LE(result.out.size(), built_.raw[damaged].begin);
  }
  const ToolResult other = run_tool({"extract", "bad.fz", "c/f0000", "--stdout"});
  EXPECT_TRUE(other.out == content("c/f0000"));
}

TEST_F(PrintContents, WithoutTheModelNothingIsWritten) {
  const ToolResult result = run_tool({"decompress", "good.fz", "--stdout"}, 0);
  expect_failure(result, 6, "no model here");
  EXPECT_EQ(result.out, "");
}

TEST_F(PrintContents, OptionsOfARestoreDoNotFit) {
  const std::vector<std::string> command = {"extract", "good.fz", "c", "--stdout"};
  for (const std::vector<std::string>& option :
       std::vector<std::vector<std::string>>{{"-o", "out"}, {"--force"}, {"--continue"}, {"--profile"}}) {
    expect_failure(run_with(command, option), 2, "--stdout");
  }
  EXPECT_EQ(files_here(), 1);
}

TEST_F(PrintContents, EventsSayHowMuchItWas) {
  const ToolResult result = run_tool({"decompress", "good.fz", "--stdout", "--progress", "json"});
  expect_success(result);
  EXPECT_TRUE(result.out == built_.stream);
  EXPECT_NE(result.err.find(fmt::format("\"raw_bytes\":{}", built_.stream.size())), std::string::npos) << result.err;
}

TEST_F(PrintContents, AFullDiskIsAnError) {
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"decompress", "good.fz", "--stdout", "-q"}, {"list", "good.fz"}, {"info", "good.fz", "--json"}}) {
    for (const std::size_t room : {0, 100}) {
      FullDisk disk(room);
      std::ostream out(&disk);
      std::ostringstream err;
      cli::Parts parts;
      parts.make_text_codec = [](auto&&...) { return std::make_unique<test::FakeTextCodec>(); };
      EXPECT_EQ(cli::run(command, out, err, parts), 4) << command[0];
      EXPECT_TRUE(err.str().starts_with("fz-dist: standard output: cannot write")) << err.str();
    }
  }
}

}  // namespace
}  // namespace fz
