// fz-dist run, as a user types it: job files set what the command line sets, and say where they are wrong.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "support/built_archive.h"
#include "support/small_corpus.h"
#include "support/tool_test.h"

namespace fz {
namespace {

using test::read_text;
using test::run_tool;
using test::ToolResult;
using test::write_text;

const std::vector<std::string> kCommandsOfJobs = {"compress", "decompress", "extract",     "list",
                                                  "info",     "verify",     "recover",     "status",
                                                  "bench",    "merge",      "model train", "model tokenizer"};
/// As arguments.
std::vector<std::string> words_of(const std::string& command) {
  const std::size_t space = command.find(' ');
  if (space == std::string::npos) return {command};
  return {command.substr(0, space), command.substr(space + 1)};
}

class JobFiles : public test::ToolTest {
 protected:
  JobFiles() {
    write_text("c/a.txt", test::make_text(1, 100'000));
    write_text("c/sub/b.txt", test::make_text(2, 50'000));
  }

  /// Writes job.yaml and runs it with further arguments.
  static ToolResult run_job(const std::string& job, const std::vector<std::string>& arguments = {}) {
    write_text("job.yaml", job);
    return run_with({"run", "job.yaml"}, arguments);
  }
  /// The job is wrong at a place of job.yaml, and nothing has been done.
  static void expect_refused(const std::string& job, const std::string& message) {
    SCOPED_TRACE(job);
    expect_failure(run_job(job), 2, "fz-dist: job.yaml:" + message);
  }
  void compress() { expect_success(run_tool({"compress", "c", "-o", "c.fz", "--block-size", "64KiB", "-q"})); }
};

TEST_F(JobFiles, AJobIsTheSameAsItsCommandLine) {
  compress();
  const ToolResult job = run_job(
      "command: compress\ninputs: [c]\noutput: job.fz\nblock-size: 64KiB\ncoder: mixed\nthreads: 1\n"
      "memory-limit: 1GB\ncheck-decode: true\nforce: false\n");
  expect_success(job);
  EXPECT_NE(job.out.find("job.fz: 150000 -> "), std::string::npos) << job.out;
  EXPECT_EQ(read_text("job.fz"), read_text("c.fz"));
  const ToolResult quiet = run_job("command: compress\ninputs: [c/a.txt, c/sub]\noutput: two.fz\nquiet: true\n");
  expect_success(quiet);
  EXPECT_EQ(quiet.out, "");
  EXPECT_EQ(run_job("command: list\narchive: two.fz\n").out, "a.txt\nsub\nsub/b.txt\n");
  EXPECT_EQ(nlohmann::json::parse(run_job("command: info\narchive: two.fz\njson: true\n").out)["raw_bytes"], 150'000);
}

TEST_F(JobFiles, OneValueMayStandForAList) {
  expect_success(run_job("command: compress\ninputs: c/a.txt\nquiet: true\n"));
  EXPECT_TRUE(std::filesystem::exists("a.txt.fz"));
}

TEST_F(JobFiles, DecompressExtractVerifyAndRecover) {
  compress();
  expect_success(run_job("command: decompress\narchive: c.fz\noutput: out\n"));
  EXPECT_EQ(read_text("out/c/a.txt"), read_text("c/a.txt"));
  const std::string extract = "command: extract\narchive: c.fz\noutput: some\n";
  expect_failure(run_job(extract + "patterns: ['*/b.txt', c/none*]\n"), 3, "matches 'c/none*'");
  expect_success(run_job(extract + "patterns: ['*/b.txt', c/a.*]\n"));
  EXPECT_TRUE(std::filesystem::exists("some/c/sub/b.txt"));
  EXPECT_TRUE(std::filesystem::exists("some/c/a.txt"));
  const ToolResult part = run_job("command: verify\narchive: c.fz\nquick: true\npart: 2/3\n");
  expect_success(part);
  EXPECT_NE(part.out.find("(part 2 of 3)"), std::string::npos) << part.out;
  const ToolResult recovered = run_job("command: recover\narchive: c.fz\ndry-run: true\njson: true\n");
  expect_success(recovered);
  EXPECT_TRUE(nlohmann::json::parse(recovered.out).is_object());
}

TEST_F(JobFiles, TheCommandLineOverrides) {
  const std::string job =
      "command: compress\ninputs: [absent]\noutput: job.fz\ncoder: ranks\nforce: true\nquiet: true\n";
  expect_failure(run_job(job), 3, "absent: cannot open");
  expect_success(run_job(job, {"c", "--coder", "range", "-o", "other.fz"}));
  EXPECT_FALSE(std::filesystem::exists("job.fz"));
  EXPECT_EQ(nlohmann::json::parse(run_tool({"info", "other.fz", "--json"}).out)["model"]["token_coder"], "range");
  // What is not overridden stays: force and quiet, until they are.
  const ToolResult again = run_job(job, {"c", "-o", "other.fz"});
  expect_success(again);
  EXPECT_EQ(again.out, "");
  EXPECT_EQ(nlohmann::json::parse(run_tool({"info", "other.fz", "--json"}).out)["model"]["token_coder"], "ranks");
  expect_failure(run_job(job, {"c", "-o", "other.fz", "--force=false"}), 4, "exists already");
  // Positional ones are replaced from the first on.
  compress();
  const std::string extract = "command: extract\narchive: absent.fz\npatterns: [c/sub]\nquiet: true\n";
  expect_success(run_job(extract, {"c.fz", "-o", "one"}));
  EXPECT_TRUE(std::filesystem::exists("one/c/sub/b.txt"));
  EXPECT_FALSE(std::filesystem::exists("one/c/a.txt"));
  expect_success(run_job(extract, {"c.fz", "c/a.txt", "-o", "two"}));
  EXPECT_TRUE(std::filesystem::exists("two/c/a.txt"));
  EXPECT_FALSE(std::filesystem::exists("two/c/sub"));
}

TEST_F(JobFiles, WrongOverridesAreErrorsOfTheCommandLine) {
  const std::string job = "command: compress\ninputs: [c]\n";
  expect_failure(run_job(job, {"--frob"}), 2, "command line: ");
  expect_failure(run_job(job, {"--threads", "0"}), 2, "command line: --threads: ");
  expect_failure(run_job(job, {"--block-size", "1KiB"}), 2, "command line: --block-size: 1024 is not between");
  expect_failure(run_tool({"run"}), 2, "JOB is required");
  expect_failure(run_tool({"run", "--threads", "4", "job.yaml"}), 2, "the job file comes first");
  EXPECT_FALSE(std::filesystem::exists("c.fz"));
}

TEST_F(JobFiles, ErrorsNameThePlace) {
  expect_refused("command: compress\ninputs: [c]\ncoderr: mixed\n", "3:1: unknown key 'coderr'; did you mean 'coder'?");
  expect_refused("command: compress\nINPUT: [c]\n", "2:1: unknown key 'INPUT'; see 'fz-dist compress --help'");
  expect_refused("command: compress\ninputs: [c]\nhelp: true\n", "3:1: unknown key 'help'");
  expect_refused("command: compres\ninputs: [c]\n", "1:10: unknown command 'compres'; did you mean 'compress'?");
  expect_refused("command: run\n", "1:10: unknown command 'run'");
  expect_refused("command: model\n", "1:10: unknown command 'model'; a job can be compress, merge, decompress,");
  expect_refused("inputs: [c]\n", "1:1: no key 'command'");
  expect_refused("command: compress\noutput: a.fz\n", "1:10: no key 'inputs'; 'compress' needs it");
  expect_refused("command: extract\narchive: c.fz\n", "1:10: no key 'patterns'");
  expect_refused("command: compress\ninputs: [c]\ninputs: [d]\n", "3:1: 'inputs' is given twice");
  expect_refused("command: extract\narchive: c.fz\npatterns: [*.txt]\n", "3:12: anchors and aliases");
}

TEST_F(JobFiles, WrongTypesAndValuesNameThePlace) {
  const std::string job = "command: compress\ninputs: [c]\n";
  const std::pair<const char*, const char*> lines_and_messages[] = {
      {"force: yes", "3:8: 'force' is true or false"},
      {"force: 'true'", "3:8: 'force' is true or false"},
      {"force: 2", "3:8: 'force' is true or false"},
      {"force: [true]", "3:9: 'force' takes one value"},
      {"output: [a.fz, b.fz]", "3:10: 'output' takes one value"},
      {"output: true", "3:9: 'output' is not true or false"},
      {"threads: 0", "3:10: 'threads': Value 0 not in range 1 to 4096"},
      {"threads: many", "3:10: 'threads': "},
      {"threads: 1.5", "3:10: 'threads': "},
      {"coder: huffman", "3:8: 'coder': huffman not in {mixed,range,ranks}"},
      {"block-size: 1KiB", "3:13: 'block-size': 1024 is not between 64KiB and 64MiB"},
      {"block-size: 4 parsecs", "3:13: 'block-size': "},
      {"memory-limit: -1", "3:15: 'memory-limit': -1 is not a number of bytes"},
  };
  for (const auto& [line, message] : lines_and_messages) expect_refused(fmt::format("{}{}\n", job, line), message);
  expect_refused("command: compress\ninputs: [c, False]\n", "2:13: 'inputs' is not true or false");
  expect_refused("command: compress\ninputs: [c, '{}']\n", "2:13: 'inputs': write './{}'");
  expect_refused("command: verify\narchive: c.fz\npart: 8/7\n", "3:7: 'part': '8/7' is not I/N");
  // Also where the command line overrides it: the file is checked as a whole.
  expect_failure(run_job(job + "threads: 0\n", {"--threads", "1"}), 2, "job.yaml:3:10: ");
  EXPECT_FALSE(std::filesystem::exists("c.fz"));
  EXPECT_FALSE(std::filesystem::exists("c.fz.job"));
}

TEST_F(JobFiles, OptionsThatDoNotFitTogetherNameTheJob) {
  expect_refused("command: recover\narchive: c.fz\n", "1:10: recover: name the new archive with -o");
  expect_refused("command: compress\ninputs: [c/a.txt, c/sub]\n", "1:10: compress: several inputs");
}

TEST_F(JobFiles, TextsAreTakenAsTheyStand) {
  for (const std::string name : {"[a,b]", "-q", "--force", "2024", "true", "%%", "a b", "list", "--"}) {
    SCOPED_TRACE(name);
    write_text("odd/" + name, name);
    std::filesystem::current_path(directory_ / "odd");
    expect_success(run_job(fmt::format("command: compress\ninputs: ['{}']\noutput: ../odd.fz\nforce: true\n", name)));
    EXPECT_EQ(run_tool({"list", "../odd.fz"}).out, name + "\n");
    std::filesystem::current_path(directory_.path());
  }
  // A pattern in brackets is one pattern.
  write_text("c/a", "a");
  compress();
  const ToolResult extracted = run_job("command: extract\narchive: c.fz\npatterns: ['[c]/[a]']\noutput: out\n");
  expect_success(extracted);
  EXPECT_TRUE(std::filesystem::exists("out/c/a"));
}

TEST_F(JobFiles, PathsAreRelativeToTheWorkingDirectory) {
  write_text("deep/job.yaml", "command: compress\ninputs: [c]\noutput: here.fz\nquiet: true\n");
  expect_success(run_tool({"run", "deep/job.yaml"}));
  EXPECT_TRUE(std::filesystem::exists("here.fz"));
}

TEST_F(JobFiles, FilesThatCannotBeRead) {
  expect_failure(run_tool({"run", "absent.yaml"}), 3, "absent.yaml: cannot open");
  expect_failure(run_tool({"run", "c"}), 3, "c: a job file must be a regular file");
  write_text("large.yaml", std::string(1'000'000, '#'));
  expect_failure(run_tool({"run", "large.yaml"}), 3, "large.yaml: 1000000 bytes, at most");
  write_text("binary.yaml", std::string("\x7F"
                                        "ELF\0\1",
                                        6));
  expect_failure(run_tool({"run", "binary.yaml"}), 2, "binary.yaml:1:1: byte 0x7f");
  write_text("odd\n.yaml", "");
  expect_failure(run_tool({"run", "odd\n.yaml"}), 2, "odd\\x0a.yaml:1:1: the job file is empty");
}

TEST_F(JobFiles, HelpChecksTheJobAndExplainsItsCommand) {
  const ToolResult help = run_tool({"run", "--help"});
  expect_success(help);
  for (const char* text : {"JOB", "command: compress", "working"}) EXPECT_NE(help.out.find(text), std::string::npos);
  const ToolResult command_help = run_job("command: verify\narchive: c.fz\n", {"--help"});
  expect_success(command_help);
  EXPECT_NE(command_help.out.find("--quick"), std::string::npos);
  expect_failure(run_job("command: verify\narchives: c.fz\n", {"--help"}), 2, "did you mean 'archive'");
}

TEST_F(JobFiles, TheExamplesFitTheirCommands) {
  int examples = 0;
  for (const auto& file : std::filesystem::directory_iterator(FZ_TEST_DATA_DIR "/../../jobs")) {
    if (file.path().extension() != ".yaml") continue;
    SCOPED_TRACE(file.path());
    ++examples;
    expect_success(run_tool({"run", file.path(), "--help"}));
  }
  EXPECT_GE(examples, 5);
}

/// The keys that the help of a command promises: its long options, and its positionals (in lower case, with an s where
/// there are more than one). An option with a short name only is returned as that, which is no key.
std::vector<std::string> keys_in_help(const std::string& help) {
  std::vector<std::string> keys;
  std::istringstream lines(help);
  bool in_positionals = false;
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (!line.starts_with("  ")) in_positionals = line == "Positionals:";
    if (std::regex_search(line, match, std::regex("^  (-[a-zA-Z],)?--([a-z-]+)"))) {
      if (match[2] != "help") keys.push_back(match[2]);
    } else if (std::regex_search(line, match, std::regex("^  (-[a-zA-Z])\\b"))) {
      keys.push_back(match[1]);
    } else if (in_positionals && std::regex_search(line, match, std::regex("^  ([A-Z]+) "))) {
      std::string key = match[1];
      for (char& letter : key) letter = static_cast<char>(letter - 'A' + 'a');
      keys.push_back(line.find("...") == std::string::npos ? key : key + "s");
    }
  }
  return keys;
}

// No option may be forgotten: whatever the help of a command shows, a job file can set.
TEST_F(JobFiles, EveryOptionOfEveryCommandCanBeSet) {
  for (const std::string& command : kCommandsOfJobs) {
    const std::vector<std::string> keys = keys_in_help(run_with(words_of(command), {"--help"}).out);
    EXPECT_GE(keys.size(), 2u) << command;
    for (const std::string& key : keys) {
      std::string errors;
      bool is_set = false;
      // One of these suits each option; a new kind of option needs a new one.
      for (const char* value : {"true", "1", "1MiB", "mixed", "plain", "info", "1/2", "auto", "10min", "8", "300",
                                "down", "adamw", "path", "a=1", "0.5", "a-text"}) {
        const ToolResult result = run_job(fmt::format("command: {}\n{}: {}\n", command, key, value), {"--help"});
        is_set = is_set || result.exit_code == 0;
        errors += result.err;
      }
      EXPECT_TRUE(is_set) << command << " " << key << ":\n" << errors;
    }
  }
  // The list above is of all commands; of those of two words the ones that a job can want.
  const std::string help = run_tool({"--help"}).out;
  const std::regex command_line("\n  ([a-z]+) +[A-Z]");
  for (std::sregex_iterator match(help.begin(), help.end(), command_line), end; match != end; ++match) {
    const std::string name = (*match)[1];
    const bool listed = std::find(kCommandsOfJobs.begin(), kCommandsOfJobs.end(), name) != kCommandsOfJobs.end();
    EXPECT_TRUE(listed || name == "run" || name == "model") << name;
  }
}

}  // namespace
}  // namespace fz
