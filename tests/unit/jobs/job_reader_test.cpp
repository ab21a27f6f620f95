#include "jobs/job_reader.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <random>

#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace fz::jobs {
namespace {

using test::expect_error;

void expect_refused(const std::string& text, const std::string& message) {
  SCOPED_TRACE(text.substr(0, 200));
  expect_error(ErrorCode::kUsage, "x.yaml:" + message, [&] { parse_job(text, "x.yaml"); });
}

/// Whatever the text: a job, or an Error of one line with its place.
void read_or_refuse(const std::string& text) {
  try {
    const Job job = parse_job(text, "x.yaml");
    EXPECT_FALSE(job.command.text.empty());
    for (const Entry& entry : job.entries) EXPECT_FALSE(entry.values.empty());
  } catch (const Error& error) {
    const std::string what = error.what();
    EXPECT_TRUE(what.starts_with("x.yaml:")) << what;
    EXPECT_EQ(what.find('\n'), std::string::npos) << what;
  }
}

/// "key@line:column=value@line:column,…" for each entry; quoted values in quotes, lists in brackets.
std::string describe(const Job& job) {
  const auto place = [](const Position& position) { return fmt::format("@{}:{}", position.line, position.column); };
  std::string text = job.command.text + place(job.command.position);
  for (const Entry& entry : job.entries) {
    std::string values;
    for (const Scalar& value : entry.values) {
      values +=
          (values.empty() ? "" : ",") + (value.is_quoted ? "'" + value.text + "'" : value.text) + place(value.position);
    }
    text += " " + entry.key.text + place(entry.key.position) + "=" + (entry.is_list ? "[" + values + "]" : values);
  }
  return text;
}

TEST(JobReader, KeysValuesAndTheirPlaces) {
  EXPECT_EQ(describe(parse_job("# a comment\n"
                               "command: compress\n"
                               "inputs: [corpus/, \"no: tes.txt\"]\n"
                               "output:   out.fz  # and another\n"
                               "\n"
                               "patterns:\n"
                               "  - '*.txt'\n"
                               "  - b c\n"
                               "force: true\n",
                               "x.yaml")),
            "compress@2:10 inputs@3:1=[corpus/@3:10,'no: tes.txt'@3:19] output@4:1=out.fz@4:11 "
            "patterns@6:1=['*.txt'@7:5,b c@8:5] force@9:1=true@9:8");
}

TEST(JobReader, OtherFormsOfTheSame) {
  const std::string plain = "compress@1:10 output@2:1=a.fz@2:9";
  EXPECT_EQ(describe(parse_job("command: compress\noutput: a.fz", "x.yaml")), plain);
  EXPECT_EQ(describe(parse_job("command: compress\r\noutput: a.fz\r\n", "x.yaml")), plain);
  EXPECT_EQ(describe(parse_job("\xEF\xBB\xBF"
                               "command: compress\noutput: a.fz\n",
                               "x.yaml")),
            plain);
  EXPECT_EQ(describe(parse_job("command: compress\noutput:\ta.fz\n...\n", "x.yaml")), plain);
  EXPECT_EQ(describe(parse_job("command: compress\noutput: 'it''s'\nmodel: \"a\\\"b\"", "x.yaml")),
            "compress@1:10 output@2:1='it's'@2:9 model@3:1='a\"b'@3:8");
  EXPECT_EQ(describe(parse_job("---\ncommand: compress\n", "x.yaml")), "compress@2:10");
  EXPECT_EQ(describe(parse_job("{output: a.fz, command: compress}", "x.yaml")), "compress@1:25 output@1:2=a.fz@1:10");
  EXPECT_EQ(describe(parse_job("command: list\ninputs: [caf\xC3\xA9, b]\n", "x.yaml")),
            "list@1:10 inputs@2:1=[caf\xC3\xA9@2:10,b@2:16]");
}

TEST(JobReader, WrongShapesAreNamedWithTheirPlace) {
  expect_refused("", "1:1: the job file is empty");
  expect_refused("# nothing\n\n", "1:1: the job file is empty");
  expect_refused("output: a\n", "1:1: no key 'command'");
  expect_refused("compress", "1:1: a job file is lines of the form");
  expect_refused("- compress\n", "1:1: a job file is lines of the form");
  expect_refused("~", "1:1: a job file is lines of the form");
  expect_refused("command: [compress]\n", "1:11: 'command' takes one value");
  expect_refused("command: compress\noutput:\nforce: true\n", "2:1: 'output' has no value");
  expect_refused("command: compress\noutput: null\n", "2:1: 'output' has no value");
  expect_refused("command: compress\noutput: ''\n", "2:9: an empty text");
  expect_refused("command: compress\noutput: \"a\\0b\"\n", "2:9: a text with a zero byte");
  expect_refused("command: compress\ninputs: []\n", "2:1: the list of 'inputs' is empty");
  expect_refused("command: compress\ninputs: [a, ~]\n", "2:13: 'inputs' holds a value that is empty");
  expect_refused("command: compress\ninputs:\n  - a\n  -\n", "");
  expect_refused("command: compress\ninputs: [a, [b]]\n", "2:13: 'inputs' is a list in a list");
  expect_refused("command: compress\ninputs: [a: b]\n", "2:10: 'inputs' holds a mapping");
  expect_refused("command: compress\noutput: {a: b}\n", "2:9: 'output' holds a mapping");
  expect_refused("command: compress\noutput:\n  a: b\n", "3:3: 'output' holds a mapping");
  expect_refused("command: compress\n[a, b]: c\n", "2:1: a key is a text");
  expect_refused("command: compress\n? {a: b}\n: c\n", "2:3: a key is a text");
  expect_refused("command: compress\n~: c\n", "2:1: a key is missing");
  expect_refused("command: compress\n: c\n", "2:1: ");
}

TEST(JobReader, AKeyIsGivenOnce) {
  expect_refused("command: compress\noutput: a\nforce: true\noutput: b\n",
                 "4:1: 'output' is given twice; first in line 2");
  expect_refused("command: compress\ncommand: compress\n", "2:1: 'command' is given twice; first in line 1");
  expect_refused("command: compress\noutput: a\n\"output\": b\n", "3:1: 'output' is given twice");
}

TEST(JobReader, OneDocument) {
  expect_refused("command: compress\n---\ncommand: compress\n", "2:1: a second document begins here");
  expect_refused("{command: compress}\nx\n", "2:1: ");
}

TEST(JobReader, WhatJobsDoNotNeedIsRefused) {
  expect_refused("command: compress\noutput: &a b\n", "2:9: anchors and aliases are not accepted");
  expect_refused("command: compress\noutput: *a\n", "2:9: anchors and aliases are not accepted");
  // Nearly everyone's first mistake; the parser itself would speak of an unknown anchor.
  expect_refused("command: extract\npatterns: [*.txt]\n",
                 "2:12: anchors and aliases are not accepted; put a text that");
  expect_refused("command: extract\npatterns:\n  - *\n", "3:6: anchors and aliases are not accepted");
  expect_refused("&a command: compress\n", "1:1: anchors and aliases");
  expect_refused("command: !!str compress\n", "1:10: tags are not accepted");
  expect_refused("command: compress\ninputs: !x [a]\n", "2:9: tags are not accepted");
  expect_refused("!!map {command: compress}\n", "1:1: tags are not accepted");
}

TEST(JobReader, SyntaxErrors) {
  expect_refused("command: compress\noutput: [a, b\n", "2:");
  expect_refused("command: compress\noutput: \"a\n", "2:9: the quotation mark is never closed");
  expect_refused("command: compress\noutput: 'it''s\n", "2:9: the quotation mark is never closed");
  expect_refused("command: compress\noutput: \"a\\\"\n", "2:9: the quotation mark is never closed");
  expect_refused("command: compress\noutput: a: b\n", "2:10: this is not YAML");
  expect_refused("command: compress\n\tforce: true\n", "2:1: this is not YAML");
  expect_refused("command: compress\ninputs:\n\t- a\n", "3:");
  expect_refused("command: compress\noutput: \"\\q\"\n", "2:");
  expect_refused("command: compress\noutput: @a\n", "2:9: this is not YAML");
}

TEST(JobReader, OnlyTextInUtf8) {
  const std::string start = "command: compress\noutput: \xC3\xA9";
  expect_refused(start + std::string(1, '\0') + "b\n", "2:10: byte 0x00; a job file is text in UTF-8");
  expect_refused(start +
                     "\x04"
                     "b\n",
                 "2:10: byte 0x04");
  expect_refused(start +
                     "\xFF"
                     "b\n",
                 "2:10: byte 0xff");
  expect_refused(start + "\x1B[2J\n", "2:10: byte 0x1b");
  expect_refused(start + "\rforce: true\n", "2:10: byte 0x0d");
  expect_refused(start + "\xC3", "2:10: byte 0xc3");
  expect_refused(std::string("\xFF\xFE"
                             "c\0o\0",
                             6),
                 "1:1: byte 0xff");  // UTF-16
  expect_refused(
      "\x7F"
      "ELF",
      "1:1: byte 0x7f");
}

TEST(JobReader, MessagesStayOnOneLine) {
  expect_refused("command: compress\n\"a\\nb\":\n", "2:1: 'a\\x0ab' has no value");
  expect_error(ErrorCode::kUsage, "x\\x0ay:1:1: ", [] { parse_job("", "x\ny"); });
}

TEST(JobReader, LimitsAreWhatTheySay) {
  const std::string start = "command: compress\ninputs:\n";
  const auto list_of = [&](std::size_t count) {
    std::string text = start;
    for (std::size_t i = 0; i < count; ++i) text += "  - a\n";
    return text;
  };
  // Two keys and the command are texts too.
  EXPECT_EQ(parse_job(list_of(kMaxValues - 3), "x.yaml").entries[0].values.size(), kMaxValues - 3);
  expect_refused(list_of(kMaxValues - 2), fmt::format("{}:5: more than {} texts", kMaxValues, kMaxValues));
  const std::string longest(kMaxTextBytes, 'a');
  EXPECT_EQ(parse_job("command: compress\noutput: " + longest, "x.yaml").entries[0].values[0].text, longest);
  expect_refused("command: compress\noutput: " + longest + "a", "2:9: a text of 4097 bytes");
  const std::string command = "command: compress\n#";
  parse_job(command + std::string(kMaxFileBytes - command.size(), 'x'), "x.yaml");
  expect_error(ErrorCode::kInput, "262145 bytes, at most 262144",
               [&] { parse_job(command + std::string(kMaxFileBytes + 1 - command.size(), 'x'), "x.yaml"); });
}

TEST(JobReader, HostileFilesEndSoon) {
  const auto repeated = [](std::string unit, std::string start = "") {
    while (start.size() + unit.size() <= kMaxFileBytes) start += unit;
    return start;
  };
  // Each as large as a file may be. The time limit of the test is what holds "soon"; see tests/CMakeLists.txt.
  for (const std::string unit : {"[",   "{",   "[[",     "{a: ", "- ",    "? ",    "a: ",
                                 "&a ", "*a ", "!a ",    "\"",   "'",     "|\n",   ">\n ",
                                 "#",   ":",   ",",      "%",    "---\n", "...\n", "\n",
                                 " ",   "\t",  "- - \n", "[a,",  "\\",    "@",     "`",
                                 "]",   "}",   "a",      "-",    "?",     "a:\n",  "\xF0\x9F\x98\x80"}) {
    for (const std::string start : {"", "command: compress\ninputs: ", "command: compress\ninputs:\n  ", "{", "["}) {
      SCOPED_TRACE(start + unit);
      read_or_refuse(repeated(unit, start));
    }
  }
  std::string deep;
  for (int i = 0; i < 600; ++i) deep += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  expect_refused(deep, "2:2: 'a' holds a mapping");
  // Every line names the one before it nine times: with aliases, some billions of texts.
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char name = 'b'; name < 'k'; ++name) {
    bomb +=
        fmt::format("{0}: &{0} [*{1},*{1},*{1},*{1},*{1},*{1},*{1},*{1},*{1}]\n", name, static_cast<char>(name - 1));
  }
  expect_refused(bomb, "1:4: anchors and aliases");
}

TEST(JobReader, RandomChangesNeverCrash) {
  const std::string good =
      "command: compress\ninputs: [corpus/, \"b c\"]\noutput: a.fz\npatterns:\n  - '*.txt'\nforce: true\n";
  const std::string pieces[] = {"[",  "]", "{", "}", ": ", "- ", "\n", "  ", "\"", "'",    "&a",
                                "*a", "!", "|", ">", "#",  "\t", "?",  ",",  "%",  "---\n"};
  std::mt19937 random(20);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = good;
    for (std::size_t change = random() % 4 + 1; change > 0; --change) {
      const std::size_t place = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[place] = static_cast<char>(random());
          break;
        case 1:
          text.insert(place, pieces[random() % std::size(pieces)]);
          break;
        case 2:
          text.erase(place, random() % 8 + 1);
          break;
        default:
          text.insert(place, text.substr(random() % text.size(), random() % 20));
          break;
      }
      if (text.empty()) text = "a";
    }
    SCOPED_TRACE(text);
    read_or_refuse(text);
  }
}

TEST(JobReader, FilesThatCannotBeRead) {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "x.yaml";
  expect_error(ErrorCode::kInput, "x.yaml: cannot open", [&] { read_job(path); });
  expect_error(ErrorCode::kInput, "must be a regular file", [&] { read_job(directory.path()); });
  ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);
  expect_error(ErrorCode::kInput, "must be a regular file", [&] { read_job(directory / "fifo"); });
  test::write_text(path, std::string(kMaxFileBytes + 1, '#'));
  expect_error(ErrorCode::kInput, "262145 bytes, at most 262144", [&] { read_job(path); });
  test::write_text(path, "command: list\n");
  EXPECT_EQ(read_job(path).command.text, "list");
  EXPECT_EQ(read_job(path).path, path);
}

TEST(JobReader, TheExamplesAreJobs) {
  int examples = 0;
  for (const auto& file : std::filesystem::directory_iterator(FZ_TEST_DATA_DIR "/../../jobs")) {
    if (file.path().extension() != ".yaml") continue;
    SCOPED_TRACE(file.path());
    ++examples;
    EXPECT_NO_THROW(read_job(file.path().string()));
  }
  EXPECT_GE(examples, 5);
}

}  // namespace
}  // namespace fz::jobs
