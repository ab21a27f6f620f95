// The commands as a user types them, in this process: what they do, what they say, how they exit.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "support/tool_test.h"

namespace fz {
namespace {

using test::run_tool;
using test::ToolResult;

class Commands : public test::ToolTest {
 protected:
  Commands() {
    test::write_text("c/a.txt", test::make_text(1, 100'000));
    test::write_text("c/sub/b.txt", test::make_text(2, 50'000));
    test::write_text("c/sub/noise", test::make_noise(3, 70'000));
    test::write_text("c/empty", "");
    test::write_text("c/odd\n\xff", "odd");
    std::filesystem::create_directories("c/hollow");
    std::filesystem::create_symlink("sub/b.txt", "c/link");
    ::chmod("c/sub", 0750);
    const timespec times[2] = {{1, 1}, {981173106, 123456789}};
    ::utimensat(AT_FDCWD, "c/a.txt", times, 0);
    ::utimensat(AT_FDCWD, "c/sub", times, 0);
  }

  static bool same(const std::string& left, const std::string& right) {
    return std::system(
               fmt::format("diff -r --no-dereference {} {} && "
                           "cd {} && find . -printf '%p %m %T@ %y %l\\n' | sort > $OLDPWD/left && cd $OLDPWD && "
                           "cd {} && find . -printf '%p %m %T@ %y %l\\n' | sort > $OLDPWD/right && cd $OLDPWD && diff "
                           "left right",
                           left, right, left, right)
                   .c_str()) == 0;
  }
  void compress() { expect_success(run_tool({"compress", "c", "-o", "c.fz", "--block-size", "64KiB", "-q"})); }
};

/// Keeps each write apart, as another process that writes to the same stream would see them.
class WriteRecorder : public std::streambuf {
 public:
  std::vector<std::string> writes;

 protected:
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    writes.emplace_back(text, static_cast<std::size_t>(size));
    return size;
  }
  int overflow(int character) override {
    writes.emplace_back(1, static_cast<char>(character));
    return character;
  }
};

TEST_F(Commands, AnErrorIsOneWriteSoThatNothingComesBetween) {
  WriteRecorder recorder;
  std::ostream err(&recorder);
  std::ostringstream out;
  EXPECT_EQ(cli::run({"list", "absent.fz"}, out, err, {}), 3);
  ASSERT_EQ(recorder.writes.size(), 1u);
  EXPECT_TRUE(recorder.writes[0].starts_with("fz-dist: absent.fz: "));
  EXPECT_TRUE(recorder.writes[0].ends_with("\n"));
}

TEST_F(Commands, EverythingComesBack) {
  const ToolResult compressed = run_tool({"compress", "c/", "--block-size", "64KiB", "--check-decode"});
  expect_success(compressed);
  EXPECT_NE(compressed.out.find("c.fz: 220003 -> "), std::string::npos) << compressed.out;
  EXPECT_NE(compressed.out.find("bits/byte"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists("c.fz"));
  EXPECT_FALSE(std::filesystem::exists("c.fz.job"));
  expect_success(run_tool({"decompress", "c.fz", "-o", "out"}));
  EXPECT_TRUE(same("c", "out/c"));
  expect_success(run_tool({"verify", "c.fz"}));
}

TEST_F(Commands, MemoryLimitChangesNotTheArchive) {
  const std::vector<std::string> command = {"compress", "c", "--block-size", "64KiB", "--threads", "3", "-q", "-o"};
  const auto compress = [&](const std::string& output, const std::vector<std::string>& more) {
    std::vector<std::string> words = command;
    words.push_back(output);
    words.insert(words.end(), more.begin(), more.end());
    expect_success(run_tool(words));
    return test::read_text(output);
  };
  const std::string reference = compress("c.fz", {});
  EXPECT_EQ(compress("tight.fz", {"--memory-limit", "1KB"}), reference);  // one block at a time
  EXPECT_EQ(compress("wide.fz", {"--memory-limit", "8GB"}), reference);
  expect_success(run_tool({"decompress", "c.fz", "-o", "out", "--memory-limit", "1KB"}));
  EXPECT_TRUE(same("c", "out/c"));
  expect_failure(run_tool({"verify", "c.fz", "--memory-limit", "much"}), 2, "memory-limit");
}

TEST_F(Commands, ProfileSaysWhereTheTimeWent) {
  const std::string compressed = run_tool({"compress", "c", "--profile"}).out;
  for (const char* part : {"profile of this process", "zstd, bzip2", "files and hashes", "peak memory: "}) {
    EXPECT_NE(compressed.find(part), std::string::npos) << compressed;
  }
  EXPECT_NE(run_tool({"verify", "c.fz", "--profile"}).out.find("profile of"), std::string::npos);
  EXPECT_EQ(run_tool({"verify", "c.fz"}).out.find("profile of"), std::string::npos);
}

TEST_F(Commands, RanksRoundTrip) {
  expect_success(run_tool({"compress", "c", "--coder", "ranks", "-q"}));
  const auto info = nlohmann::json::parse(run_tool({"info", "c.fz", "--json"}).out);
  EXPECT_EQ(info["model"]["token_coder"], "ranks");
  EXPECT_GT(info["codecs"]["overlapping-ranks"]["blocks"], 0);
  expect_success(run_tool({"decompress", "c.fz", "-o", "out"}));
  EXPECT_TRUE(same("c", "out/c"));
}

TEST_F(Commands, OneFileAndSeveralInputs) {
  expect_success(run_tool({"compress", "c/a.txt"}));
  EXPECT_EQ(run_tool({"list", "a.txt.fz"}).out, "a.txt\n");
  expect_success(run_tool({"compress", "c/a.txt", "c/sub", "-o", "two.fz"}));
  EXPECT_EQ(run_tool({"list", "two.fz"}).out, "a.txt\nsub\nsub/b.txt\nsub/noise\n");
  expect_failure(run_tool({"compress", "c/a.txt", "c/sub"}), 2, "-o");
  expect_failure(run_tool({"compress", "c/a.txt", "c/../c/a.txt", "-o", "x.fz"}), 2, "also called a.txt");
}

TEST_F(Commands, TheWorkingDirectoryItself) {
  std::filesystem::current_path(directory_ / "c");
  expect_success(run_tool({"compress", "."}));  // the archive lies inside what it archives, and leaves itself out
  const std::string list = run_tool({"list", "c.fz"}).out;
  EXPECT_EQ(list.substr(0, list.find('\n')), "c");
  EXPECT_EQ(list.find("c.fz"), std::string::npos);
}

TEST_F(Commands, SmallArchivesAreSmall) {
  test::write_text("t", "hello\n");
  expect_success(run_tool({"compress", "t"}));
  EXPECT_LE(std::filesystem::file_size("t.fz"), 6u + 310u);
  std::filesystem::create_directories("nothing");
  expect_success(run_tool({"compress", "nothing"}));
  expect_success(run_tool({"decompress", "nothing.fz", "-o", "out"}));
  EXPECT_TRUE(std::filesystem::is_directory("out/nothing"));
  expect_success(run_tool({"verify", "nothing.fz"}));
}

TEST_F(Commands, BinaryCorporaNeedNoModel) {
  test::write_text("b/noise", test::make_noise(3, 200'000));
  test::write_text("b/zeros", std::string(100'000, '\0'));
  expect_success(run_tool({"compress", "b"}, 0));
  EXPECT_EQ(nlohmann::json::parse(run_tool({"info", "b.fz", "--json"}, 0).out)["model"], nullptr);
  expect_success(run_tool({"decompress", "b.fz", "-o", "out"}, 0));
  EXPECT_TRUE(same("b", "out/b"));
  expect_success(run_tool({"verify", "b.fz"}, 0));
}

TEST_F(Commands, BinaryFilesHaveAMemoryOfTheirOwn) {
  std::string records;
  for (int i = 0; i < 3000; ++i) records += fmt::format("{:04}", i * 7 % 1000) + std::string("\0\1row\2", 6) + "....";
  test::write_text("d/records", records);
  for (const std::vector<std::string>& options : {std::vector<std::string>{}, {"--model", "none", "--thorough"}}) {
    std::vector<std::string> command = {"compress", "d", "-o", "r.fz", "-q", "--force", "--check-decode"};
    command.insert(command.end(), options.begin(), options.end());
    expect_success(run_tool(command, 0));
    const auto info = nlohmann::json::parse(run_tool({"info", "r.fz", "--json"}, 0).out);
    EXPECT_EQ(info["format_version"], 6);
    EXPECT_EQ(info["codecs"]["binary-memory"]["blocks"], 1);
    expect_success(run_tool({"decompress", "r.fz", "-o", "out", "-q", "--force"}, 0));
    EXPECT_TRUE(same("d", "out/d"));
  }
}

TEST_F(Commands, WithoutAModelTheMemoryCodesTextToo) {
  const std::vector<std::string> options = {"compress", "c",  "-o",      "n.fz", "--block-size",
                                            "64KiB",    "-q", "--model", "none", "--check-decode"};
  const auto check_with = [&](const std::vector<std::string>& more, int format_version, const std::string& codec) {
    auto without = options;
    without.insert(without.end(), more.begin(), more.end());
    expect_success(run_tool(without, 0));
    const auto info = nlohmann::json::parse(run_tool({"info", "n.fz", "--json"}, 0).out);
    EXPECT_EQ(info["model"], nullptr);
    EXPECT_EQ(info["format_version"], format_version);
    EXPECT_GE(info["codecs"][codec]["blocks"], 2);
    expect_success(run_tool({"verify", "n.fz"}, 0));
    expect_success(run_tool({"decompress", "n.fz", "-o", "out", "-q", "--force"}, 0));
    EXPECT_TRUE(same("c", "out/c"));
    for (const char* threads : {"1", "3"}) {
      auto again = without;
      again.insert(again.end(), {"--force", "--threads", threads});
      const std::string before = test::read_text("n.fz");
      expect_success(run_tool(again, 0));
      EXPECT_EQ(test::read_text("n.fz"), before);
    }
  };
  check_with({}, 5, "quick");
  check_with({"--thorough", "--force"}, 2, "memory");
}

// Versions of a tree lie further apart than a block is long, unless each file lies beside its other versions.
TEST_F(Commands, VersionsOfATreeAreCodedTogether) {
  for (std::uint32_t version = 0; version < 4; ++version) {
    for (std::uint32_t file = 0; file < 3; ++file) {
      std::string text = test::make_noise(file, 30'000);
      for (char& c : text) c = static_cast<char>('a' + (static_cast<unsigned char>(c) & 15));
      text[version * 1000] = '!';
      test::write_text(fmt::format("tree/v{}/file{}", version, file), text);
    }
  }
  const auto bytes_of = [&](const std::string& order) {
    const std::string archive = order + ".fz";
    expect_success(run_tool({"compress", "tree", "-o", archive, "--block-size", "64KiB", "-q", "--order", order}));
    expect_success(run_tool({"decompress", archive, "-o", order, "-q"}));
    EXPECT_TRUE(same("tree", order + "/tree"));
    return std::filesystem::file_size(archive);
  };
  EXPECT_LT(bytes_of("similar") * 3 / 2, bytes_of("path"));
  EXPECT_EQ(run_tool({"list", "similar.fz"}).out, run_tool({"list", "path.fz"}).out);
}

// An older program can read what it could have written.
TEST_F(Commands, TheFormatVersionIsTheLowestThatFits) {
  const auto version_of = [](const std::vector<std::string>& options) {
    std::vector<std::string> arguments = {"compress", "-o", "v.fz", "--force", "-q"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    expect_success(run_tool(arguments));
    return nlohmann::json::parse(run_tool({"info", "v.fz", "--json"}, 0).out)["format_version"].get<int>();
  };
  for (const char* coder : {"range", "ranks"}) EXPECT_EQ(version_of({"c/a.txt", "--coder", coder}), 4);
  EXPECT_EQ(version_of({"c/a.txt"}), 7);
  EXPECT_EQ(version_of({"c/a.txt", "--model", "none", "--thorough"}), 2);
  EXPECT_EQ(version_of({"c/a.txt", "--model", "none"}), 5);
  EXPECT_EQ(version_of({"c/sub/noise"}), 1);
}

TEST_F(Commands, ListAndInfoNeedNoModel) {
  compress();
  EXPECT_EQ(run_tool({"list", "c.fz"}, 0).out,
            "c\nc/a.txt\nc/empty\nc/hollow\nc/link\nc/odd\\x0a\\xff\nc/sub\nc/sub/b.txt\nc/sub/noise\n");
  const std::string long_list = run_tool({"list", "-l", "c.fz"}, 0).out;
  EXPECT_NE(long_list.find("drwxr-x---            0 2001-02-03T04:05:06Z c/sub\n"), std::string::npos) << long_list;
  EXPECT_NE(long_list.find("c/link -> sub/b.txt\n"), std::string::npos);
  const auto list = nlohmann::json::parse(run_tool({"list", "--json", "c.fz"}, 0).out);
  EXPECT_EQ(list.size(), 9u);
  EXPECT_EQ(list[1]["path"], "c/a.txt");
  EXPECT_EQ(list[1]["bytes"], 100'000);
  EXPECT_EQ(list[1]["mtime_nanoseconds"], 123456789);
  EXPECT_EQ(list[5]["path_hex"], "632f6f64640aff");
  const auto info = nlohmann::json::parse(run_tool({"info", "--json", "c.fz"}, 0).out);
  EXPECT_EQ(info["raw_bytes"], 220'003);
  EXPECT_EQ(info["archive_bytes"], std::filesystem::file_size("c.fz"));
  EXPECT_EQ(info["files"], 5);
  EXPECT_GT(info["codecs"]["tuned-mixed"]["blocks"], 0);
  EXPECT_EQ(info["codecs"]["stored"]["blocks"], 2);
  EXPECT_NE(run_tool({"info", "c.fz"}, 0).out.find("220003 -> "), std::string::npos);
  expect_success(run_tool({"verify", "--quick", "c.fz"}, 0));
}

TEST_F(Commands, ExtractTakesWhatMatches) {
  compress();
  expect_success(run_tool({"extract", "c.fz", "c/sub", "-o", "one"}));
  EXPECT_TRUE(same("c/sub", "one/c/sub"));
  EXPECT_FALSE(std::filesystem::exists("one/c/a.txt"));
  expect_success(run_tool({"extract", "c.fz", "*.txt", "-o", "two"}));
  EXPECT_EQ(test::read_text("two/c/sub/b.txt"), test::read_text("c/sub/b.txt"));
  EXPECT_FALSE(std::filesystem::exists("two/c/sub/noise"));
  // Only the blocks that it needs are decoded: noise is not text, so no model is loaded.
  expect_success(run_tool({"extract", "c.fz", "c/sub/noise", "c/hollow", "-o", "three"}, 0));
  EXPECT_TRUE(std::filesystem::is_directory("three/c/hollow"));
  expect_failure(run_tool({"extract", "c.fz", "c/absent", "-o", "four"}), 3, "matches 'c/absent'");
  EXPECT_FALSE(std::filesystem::exists("four"));
}

TEST_F(Commands, AnotherModelIsRefused) {
  compress();
  expect_failure(run_tool({"verify", "c.fz", "--model", "other.fzm"}), 6, "6363636363636363");
  expect_failure(run_tool({"verify", "c.fz", "--model", "absent.fzm"}), 3, "absent.fzm");
  // A newer program has this one's model inside; this one has not the newer's.
  expect_success(run_tool({"decompress", "c.fz", "-o", "out", "-q"}, 2));
  EXPECT_TRUE(same("c", "out/c"));
  expect_success(run_tool({"compress", "c", "-o", "newer.fz", "-q"}, 2));
  expect_failure(run_tool({"decompress", "newer.fz", "-o", "out2"}), 6, "give the right one with --model");
  EXPECT_FALSE(std::filesystem::exists("out2"));
}

TEST_F(Commands, ExistingOutputsAreKept) {
  compress();
  const std::string before = test::read_text("c.fz");
  test::write_text("c/new", "new");
  expect_failure(run_tool({"compress", "c"}), 4, "c.fz: exists already; pass --force");
  EXPECT_EQ(test::read_text("c.fz"), before);
  expect_success(run_tool({"compress", "c", "--force"}));
  EXPECT_NE(test::read_text("c.fz"), before);
  expect_success(run_tool({"decompress", "c.fz", "-o", "out"}));
  expect_failure(run_tool({"decompress", "c.fz", "-o", "out"}), 4, "not empty");
  test::write_text("out/c/a.txt", "damaged");
  expect_success(run_tool({"decompress", "c.fz", "-o", "out", "--force"}));
  EXPECT_TRUE(same("c", "out/c"));
  expect_failure(run_tool({"decompress", "c.fz"}), 4, "c: exists already");
}

TEST_F(Commands, OutputsThatAreNoFilesAreRefused) {
  std::filesystem::create_symlink("/dev/null", "null");
  std::filesystem::create_symlink("/proc/self/fd/1", "stdout");
  ASSERT_EQ(::mkfifo("pipe", 0600), 0);
  for (const std::string output : {"null", "stdout", "pipe"}) {
    const auto expect_refused = [&](const std::vector<std::string>& words) {
      expect_failure(run_with(words, {"-o", output, "--force"}), 4, output + ": is a device, pipe or socket");
      EXPECT_FALSE(std::filesystem::is_regular_file(std::filesystem::symlink_status(output)));
    };
    expect_refused({"compress", "c/a.txt"});
    expect_refused({"model", "tokenizer", "c/a.txt"});
  }
}

TEST_F(Commands, TheOutputIsNoInput) {
  expect_success(run_tool({"compress", "c", "-o", "c.fz", "-q", "--model", "none"}));
  const std::string archive = test::read_text("c.fz");
  expect_failure(run_tool({"compress", "c/a.txt", "c.fz", "-o", "./c.fz", "--force"}), 2, "c.fz: is the output itself");
  EXPECT_EQ(test::read_text("c.fz"), archive);
  // A job directory that a pattern of the shell has taken along is left out, with a word.
  std::filesystem::create_directories("new.fz.job");
  const ToolResult result = run_tool({"compress", "c/a.txt", "new.fz.job", "-o", "new.fz", "-q", "--model", "none"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("new.fz.job: left out"), std::string::npos) << result.err;
  EXPECT_EQ(run_tool({"list", "new.fz"}).out, "a.txt\n");
}

TEST_F(Commands, TextsInBracketsAreTakenAsTheyStand) {
  test::write_text("d/[a]", "in brackets");
  test::write_text("d/a", "without");
  test::write_text("d/[a,b]", "a list, but for the name");
  test::write_text("d/[]", "nothing");
  std::filesystem::current_path("d");
  expect_success(run_tool({"compress", "[a]", "[a,b]", "[]", "-o", "[o]", "-q", "--model", "none"}));
  EXPECT_EQ(run_tool({"list", "[o]"}).out, "[]\n[a,b]\n[a]\n");
  expect_success(run_tool({"extract", "[o]", "[[]a[]]", "-o", "out", "-q"}));
  EXPECT_EQ(test::read_text("out/[a]"), "in brackets");
  expect_failure(run_tool({"list", "[o]", "[x]"}), 2, "[x]");
  std::filesystem::current_path(directory_.path());
}

TEST_F(Commands, ExtractLeavesParentsThatExistAsTheyAre) {
  expect_success(run_tool({"compress", "c", "-o", "c.fz", "-q", "--model", "none"}));
  ::chmod("c/sub", 0700);
  expect_success(run_tool({"extract", "c.fz", "c/sub/b.txt", "-o", ".", "--force", "-q"}));
  EXPECT_EQ(static_cast<unsigned>(std::filesystem::status("c/sub").permissions()), 0700u);
  expect_success(run_tool({"extract", "c.fz", "c/sub", "-o", ".", "--force", "-q"}));
  EXPECT_EQ(static_cast<unsigned>(std::filesystem::status("c/sub").permissions()), 0750u);
}

TEST_F(Commands, BadInputs) {
  expect_failure(run_tool({"compress", "absent"}), 3, "absent: cannot open: No such file");
  expect_failure(run_tool({"compress", "c", "-o", "no/such/dir.fz"}), 4, "no/such/dir.fz.job: cannot create directory");
  expect_failure(run_tool({"compress", "c", "-o", "c/sub"}), 4, "is a directory");
  expect_failure(run_tool({"compress", "c", "--block-size", "1KiB"}), 2, "not between");
  expect_failure(run_tool({"compress", "c", "--coder", "huffman"}), 2, "fz-dist compress --help");
  expect_failure(run_tool({"decompress", "absent.fz"}), 3, "absent.fz: cannot open");
  test::write_text("foreign.fz", "this is no archive");
  expect_failure(run_tool({"list", "foreign.fz"}), 5, "not an fz-dist archive");
  expect_failure(run_tool({"info", "c"}), 3, "c");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator("."), std::filesystem::directory_iterator()), 2);
}

TEST_F(Commands, AnUnreadableFileStopsBeforeAnythingIsWritten) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
  ::chmod("c/sub/b.txt", 0);
  expect_failure(run_tool({"compress", "c"}), 3, "b.txt: cannot open");
  EXPECT_FALSE(std::filesystem::exists("c.fz.job"));
}

TEST_F(Commands, UsageErrorsAndHelp) {
  expect_failure(run_tool({}), 2, "no command");
  expect_failure(run_tool({"frobnicate"}), 2, "frobnicate");
  expect_failure(run_tool({"compress"}), 2, "INPUT");
  expect_failure(run_tool({"compress", "c", "--frob"}), 2, "--frob");
  expect_failure(run_tool({"compress", "c", "--threads", "0"}), 2, "--threads");
  for (const char* command :
       {"compress", "decompress", "extract", "list", "info", "verify", "recover", "merge", "model"}) {
    const ToolResult help = run_tool({command, "--help"});
    expect_success(help);
    EXPECT_NE(help.out.find(command), std::string::npos);
  }
  EXPECT_NE(run_tool({"--help"}).out.find("mpirun -n 4"), std::string::npos);
  EXPECT_EQ(run_tool({"--version"}).out.substr(0, 8), "fz-dist ");
}

TEST_F(Commands, DamagedArchivesGiveNoFiles) {
  expect_success(run_tool({"compress", "c/a.txt", "c/sub", "-o", "c.fz", "--block-size", "64KiB", "-q"}));
  const std::string good = test::read_text("c.fz");
  std::mt19937 random(test::test_seed());
  for (int round = 0; round < 60; ++round) {
    std::string bad = good;
    const std::size_t place = random() % bad.size();
    bad[place] = static_cast<char>(bad[place] ^ (1 << random() % 8));
    if (round % 3 == 0) bad.resize(place);
    test::write_text("bad.fz", bad);
    expect_failure(run_tool({"verify", "bad.fz"}), 5, "bad.fz: ");
    expect_failure(run_tool({"verify", "--quick", "bad.fz"}), 5, "bad.fz: ");
    expect_failure(run_tool({"decompress", "bad.fz", "-o", "out"}), 5, "bad.fz: ");
    EXPECT_FALSE(std::filesystem::exists("out"));
  }
}

TEST_F(Commands, QuickVerifyNamesWhatVerifyNames) {
  compress();
  const std::string good = test::read_text("c.fz");
  std::string bad = good;
  for (const std::size_t place : {good.size() / 3, good.size() / 2}) bad[place] = static_cast<char>(bad[place] ^ 1);
  test::write_text("bad.fz", bad);
  const ToolResult slow = run_tool({"verify", "bad.fz"});
  for (const char* threads : {"1", "3"}) {
    const ToolResult quick = run_tool({"verify", "--quick", "bad.fz", "--threads", threads}, 0);
    EXPECT_EQ(quick.exit_code, 5);
    EXPECT_EQ(quick.out, slow.out);
    EXPECT_EQ(quick.err, slow.err);
  }
  int damaged_parts = 0;
  for (const char* part : {"1/4", "2/4", "3/4", "4/4"}) {
    const ToolResult quick = run_tool({"verify", "--quick", "bad.fz", "--part", part}, 0);
    EXPECT_TRUE(quick.exit_code == 0 || quick.exit_code == 5) << quick.err;
    damaged_parts += quick.exit_code == 5;
  }
  EXPECT_GE(damaged_parts, 1);
  EXPECT_LE(damaged_parts, 2);
}

TEST_F(Commands, ARestoreThatFailedIsContinued) {
  compress();
  const std::string good = test::read_text("c.fz");
  std::string bad = good;
  bad[good.size() / 2] ^= 1;
  test::write_text("c.fz", bad);
  const std::vector<std::string> command = {"decompress", "c.fz", "-o", "out", "--continue", "--memory-limit", "1"};
  for (int attempt = 0; attempt < 2; ++attempt) {
    const ToolResult failed = run_tool(command);
    EXPECT_EQ(failed.exit_code, 5);
    EXPECT_NE(failed.err.find("what is restored is kept, the same command goes on"), std::string::npos) << failed.err;
    EXPECT_FALSE(std::filesystem::exists("out/c"));
  }
  test::write_text("c.fz", good);
  const ToolResult continued = run_tool(command);
  expect_success(continued);
  EXPECT_NE(continued.err.find("out: resuming: "), std::string::npos) << continued.err;
  EXPECT_TRUE(same("c", "out/c"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator("out"), std::filesystem::directory_iterator()), 1);
  // Nothing to go on with is nothing bad; what is complete is not done again.
  expect_success(run_tool({"extract", "c.fz", "c/sub", "-o", "some", "--continue"}));
  expect_failure(run_tool(command), 4, "not empty");
}

TEST_F(Commands, ADryRunWritesNothing) {
  const auto names = [] {
    std::vector<std::string> found;
    for (const auto& item : std::filesystem::recursive_directory_iterator(".")) found.push_back(item.path());
    std::sort(found.begin(), found.end());
    return found;
  };
  const auto before = names();
  const ToolResult dry = run_tool({"compress", "c", "--dry-run", "--block-size", "64KiB", "--progress", "json"});
  expect_success(dry);
  for (const char* part :
       {"/c\n", "5 files, 3 directories, 1 symbolic links", "220003: 150003 of text, 70000 binary",
        "5 of at most 64.0 KiB: 3 text, 2 binary", "weights 0101010101010101", "c.fz: does not exist yet", "(1 rank x",
        "memory ", "based on       all of it", "nothing was written"}) {
    EXPECT_NE(dry.out.find(part), std::string::npos) << part << "\n" << dry.out;
  }
  const auto event = nlohmann::json::parse(dry.err);
  EXPECT_EQ(event["dry_run"], true);
  EXPECT_GT(event["estimated_seconds"], 0);
  EXPECT_EQ(names(), before);
  compress();
  // All of it was sampled, and in blocks of this size: only the places of the cuts differ.
  const auto real = static_cast<double>(std::filesystem::file_size("c.fz"));
  EXPECT_NEAR(event["estimated_archive_bytes"].get<double>(), real, real / 20);
  const ToolResult again = run_tool({"compress", "c", "-n"});
  expect_success(again);
  EXPECT_NE(again.out.find("c.fz: exists already"), std::string::npos) << again.out;
  expect_failure(run_tool({"compress", "absent", "-n"}), 3, "absent");
  // Without a model none is asked for; a large corpus is not read as a whole.
  test::write_text("large", test::make_text(9, 3'000'000));
  const ToolResult large = run_tool({"compress", "large", "-n", "--model", "none"}, 0);
  expect_success(large);
  EXPECT_NE(large.out.find("384.0 KiB in samples"), std::string::npos) << large.out;
  std::filesystem::create_directories("nothing");
  expect_success(run_tool({"compress", "nothing", "-n"}, 0));
}

TEST_F(Commands, ReadOnlyDirectoriesComeBack) {
  ::chmod("c/sub", 0555);
  compress();
  expect_success(run_tool({"decompress", "c.fz", "-o", "out"}));
  EXPECT_TRUE(same("c", "out/c"));
}

TEST_F(Commands, AForeignDirectoryOfTheJobsNameIsNeverTouched) {
  test::write_text("c.fz.job/thesis.txt", "mine");
  expect_failure(run_tool({"compress", "c", "-o", "c.fz", "--force"}), 4, "is not the directory of an unfinished run");
  EXPECT_EQ(test::read_text("c.fz.job/thesis.txt"), "mine");
}

TEST_F(Commands, AnUnfinishedJobIsResumedOrExplained) {
  std::filesystem::create_directories("c.fz.job");
  compress();  // an empty job directory is nothing to worry about
  std::filesystem::remove("c.fz");
  test::write_text("c.fz.job/plan", "not a plan");
  expect_failure(run_tool({"compress", "c"}), 3,
                 "cannot be resumed: its plan cannot be read; remove this directory or pass --force");
  expect_success(run_tool({"compress", "c", "--force"}));
}

}  // namespace
}  // namespace fz
