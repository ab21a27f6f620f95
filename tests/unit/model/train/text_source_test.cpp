// Training data from files, directories and archives: the same stream from each, bounds, weights, and hostile archives.
#include "model/train/text_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "model/train/tar_reader.h"
#include "model/train/text_sample.h"
#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace fz::model {
namespace {

using test::expect_error;
using test::write_text;

/// A ustar archive, made as POSIX says, so that it can be made wrong.
class TarText {
 public:
  /// `declared_bytes` is what the header says; the content is padded to whole blocks.
  TarText& add(const std::string& path, const std::string& content, char type = '0',
               std::uint64_t declared_bytes = ~0ull, const std::string& target = "") {
    std::string header(512, '\0');
    const auto put = [&](std::size_t offset, const std::string& text) { header.replace(offset, text.size(), text); };
    put(0, path.substr(0, 100));
    put(100, "0000644");
    put(124, fmt::format("{:011o}", declared_bytes == ~0ull ? content.size() : declared_bytes));
    put(136, "00000000000");
    put(148, "        ");
    put(156, std::string(1, type));
    put(157, target);
    put(257, std::string("ustar\0"
                         "00",
                         8));
    unsigned sum = 0;
    for (const char byte : header) sum += static_cast<std::uint8_t>(byte);
    put(148, fmt::format("{:06o}", sum) + std::string(1, '\0'));
    text += header + content + std::string((512 - content.size() % 512) % 512, '\0');
    return *this;
  }
  std::string finished() const { return text + std::string(1024, '\0'); }

  std::string text;
};

struct File {
  std::string path;
  std::string content;
};

std::vector<File> small_tree() {
  return {{"code/a.c", "int a;\n"},
          {"code/sub/b.c", std::string(2'000, 'b')},
          {"prose/one.txt", "one"},
          {"prose/two.txt", "two"},
          {"top", "at the top"}};
}

std::vector<Document> read_all(TextSourceSettings settings) {
  TextSource source(std::move(settings));
  std::vector<Document> documents;
  while (auto document = source.next()) documents.push_back(std::move(*document));
  EXPECT_FALSE(source.next());
  return documents;
}

/// "path xcopies: content".
std::vector<std::string> described(const std::vector<Document>& documents) {
  std::vector<std::string> texts;
  for (const Document& document : documents) {
    texts.push_back(fmt::format("{} ({}) x{}: {}", document.path, document.category, document.copies,
                                as_string_view(document.bytes)));
  }
  return texts;
}

class TextSources : public testing::Test {
 protected:
  TextSources() {
    TarText tar;
    for (const File& file : small_tree()) {
      write_text(directory_ / "tree" / file.path, file.content);
      tar.add("./" + file.path, file.content);
    }
    write_text(directory_ / "tree.tar", tar.finished());
  }
  std::filesystem::path in(const std::string& name) const { return directory_ / name; }
  std::vector<Document> read(const std::string& name) const { return read_all({.inputs = {in(name)}, .weights = {}}); }
  void expect_refused(const std::string& content, ErrorCode code, const std::string& what) const {
    write_text(in("bad.tar"), content);
    expect_error(code, what, [&] { read("bad.tar"); });
  }

  test::TemporaryDirectory directory_;
};

TEST_F(TextSources, ADirectoryIsReadInTheOrderOfItsNames) {
  write_text(in("tree/code/empty"), "");
  std::filesystem::create_symlink("../prose", in("tree/code/link"));
  std::filesystem::create_symlink("/etc/passwd", in("tree/passwd"));
  const std::vector<std::string> expected = {
      "code/a.c (code) x1: int a;\n", "code/sub/b.c (code) x1: " + std::string(2'000, 'b'),
      "prose/one.txt (prose) x1: one", "prose/two.txt (prose) x1: two", "top () x1: at the top"};
  EXPECT_EQ(described(read("tree")), expected);
  EXPECT_EQ(described(read("tree.tar")), expected);
}

TEST_F(TextSources, PackedAndUnpackedAreTheSame) {
  const std::string tree = in("tree").native();
  ASSERT_EQ(std::system(fmt::format("cd {} && tar --sort=name -cJf ../packed.tar.xz *", tree).c_str()), 0);
  EXPECT_EQ(described(read("packed.tar.xz")), described(read("tree")));
  // In a directory an archive is what it holds, too.
  std::filesystem::create_directory(in("corpus"));
  std::filesystem::rename(in("packed.tar.xz"), in("corpus/packed.tar.xz"));
  EXPECT_EQ(described(read("corpus")), described(read("tree")));
  EXPECT_EQ(described(read("tree/top")), (std::vector<std::string>{"top () x1: at the top"}));
}

TEST_F(TextSources, NamesAreOnlyNames) {
  TarText tar;
  tar.add("../../etc/passwd", "x").add("/etc/shadow", "y").add("\xff\xfe/caf\xe9", "z");
  tar.add("link", "", '2', 0, "/etc/passwd").add("hard", "", '1', 0, "link").add("pipe", "", '6').add("dir/", "", '5');
  write_text(in("odd.tar"), tar.finished());
  EXPECT_EQ(described(read("odd.tar")),
            (std::vector<std::string>{"../../etc/passwd (..) x1: x", "etc/shadow (etc) x1: y",
                                      "\xff\xfe/caf\xe9 (\xff\xfe) x1: z"}));
}

TEST_F(TextSources, WeightsRepeatAndLeaveOut) {
  TextSourceSettings settings{.inputs = {in("tree")}, .weights = {{"prose", 2.0}, {"code", 0.0}, {"absent", 3.0}}};
  TextSource source(settings);
  std::vector<Document> documents;
  while (auto document = source.next()) documents.push_back(std::move(*document));
  EXPECT_EQ(described(documents), (std::vector<std::string>{"prose/one.txt (prose) x2: one",
                                                            "prose/two.txt (prose) x2: two", "top () x1: at the top"}));
  EXPECT_EQ(source.unseen_categories(), std::vector<std::string>{"absent"});
  for (const double weight : {-1.0, 1001.0, std::numeric_limits<double>::quiet_NaN()}) {
    expect_error(ErrorCode::kUsage, "the weight of 'prose' is not between 0 and 1000", [&] {
      TextSource({.inputs = {in("tree")}, .weights = {{"prose", weight}}});
    });
  }
}

TEST_F(TextSources, PartsOfWeightsFallOnTheSameDocumentsHoweverTheyArePacked) {
  TarText tar;
  for (int i = 400; i-- > 0;) {
    const std::string path = fmt::format("many/{}", i);
    write_text(in("lots") / path, "x");
    tar.add(path, "x");
  }
  write_text(in("lots.tar"), tar.finished());
  const auto copies = [&](const std::string& name, double weight) {
    std::map<std::string, std::uint32_t> result;
    for (const Document& document : read_all({.inputs = {in(name)}, .weights = {{"many", weight}}})) {
      result[document.path] = document.copies;
    }
    return result;
  };
  const auto half = copies("lots", 0.5);
  EXPECT_EQ(half, copies("lots.tar", 0.5));
  EXPECT_EQ(half.size(), 205u);  // of 400; it is what SHA-256 says, for ever
  const auto more = copies("lots", 2.5);
  EXPECT_EQ(more.size(), 400u);
  for (const auto& [path, count] : more) EXPECT_EQ(count, half.contains(path) ? 3u : 2u) << path;
}

TEST_F(TextSources, TheLimitEndsTheStream) {
  const auto bytes = [&](std::uint64_t limit) {
    std::uint64_t total = 0;
    for (const Document& document :
         read_all({.inputs = {in("tree")}, .weights = {{"prose", 2.0}}, .limit_bytes = limit})) {
      total += document.bytes.size() * document.copies;
    }
    return total;
  };
  EXPECT_EQ(bytes(0), 0u);
  EXPECT_EQ(bytes(5), 5u);
  EXPECT_EQ(bytes(2'000), 2'000u);
  EXPECT_EQ(bytes(2'010), 2'011u);  // both copies of a document are as long
  EXPECT_EQ(bytes(1'000'000), 2'007u + 12 + 10);
}

TEST_F(TextSources, LongFilesComeInParts) {
  const std::size_t size = TextSource::kMaxDocumentBytes + 12345;
  std::string content(size, '\0');
  for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 2654435761u >> 13);
  write_text(in("long"), content);
  write_text(in("long.tar"), TarText().add("long", content).finished());
  for (const char* name : {"long", "long.tar"}) {
    const std::vector<Document> parts = read(name);
    ASSERT_EQ(parts.size(), 2u);
    EXPECT_EQ(parts[0].bytes.size(), TextSource::kMaxDocumentBytes);
    EXPECT_EQ(parts[1].offset_bytes, TextSource::kMaxDocumentBytes);
    EXPECT_TRUE(std::string(as_string_view(parts[0].bytes)) + std::string(as_string_view(parts[1].bytes)) == content);
  }
}

TEST_F(TextSources, ProgressGoesToTheEnd) {
  for (const char* name : {"tree", "tree.tar"}) {
    TextSource source({.inputs = {in(name)}, .weights = {}});
    EXPECT_EQ(source.consumed_bytes(), 0u);
    std::uint64_t before = 0;
    while (source.next()) {
      EXPECT_GE(source.consumed_bytes(), before);
      before = source.consumed_bytes();
    }
    EXPECT_EQ(source.consumed_bytes(), source.total_bytes()) << name;
  }
}

TEST_F(TextSources, WhatIsMissingOrNoFileIsNamed) {
  expect_error(ErrorCode::kInput, "absent: cannot open",
               [&] { TextSource({.inputs = {in("absent")}, .weights = {}}); });
  ASSERT_EQ(::mkfifo(in("pipe.tar").c_str(), 0600), 0);
  expect_error(ErrorCode::kInput, "neither a file nor a directory",
               [&] { TextSource({.inputs = {in("pipe.tar")}, .weights = {}}); });
}

TEST_F(TextSources, HostileArchivesAreRefused) {
  const std::string good = TarText().add("a/b", std::string(3000, 'x')).finished();
  expect_refused("no archive at all", ErrorCode::kCorrupt, "bad.tar: not a tar archive, or a damaged one");
  expect_refused("", ErrorCode::kCorrupt, "bad.tar: not a tar archive");
  expect_refused(good.substr(0, 2000), ErrorCode::kCorrupt, "bad.tar: not a tar archive, or a damaged one: Truncated");
  // Four terabytes of it are claimed: what is not there is not allocated.
  expect_refused(TarText().add("huge", "abc", '0', 077777777777).text, ErrorCode::kCorrupt, "damaged one: Truncated");
  std::string wrong_sum = good;
  wrong_sum[0] = 'A';
  expect_refused(wrong_sum, ErrorCode::kCorrupt, "not a tar archive");
  const std::string long_path(TarReader::kMaxPathBytes + 1, 'p');
  expect_refused(TarText().add("././@LongLink", long_path + '\0', 'L').add("short", "x").finished(),
                 ErrorCode::kCorrupt, "no name that can be read, or one of more than 4096 bytes");
  write_text(in("bad.tar.xz"), std::string("\xfd"
                                           "7zXZ\0",
                                           6) +
                                   std::string(100, 'x'));
  expect_error(ErrorCode::kCorrupt, "bad.tar.xz: not a tar archive", [&] { read("bad.tar.xz"); });
}

TEST_F(TextSources, HolesAreNotReadForEver) {
  const std::string path = in("holes").native();
  ASSERT_EQ(
      std::system(
          fmt::format("mkdir {0} && truncate -s 4T {0}/hole && tar -C {0} --sparse -cf {0}.tar hole", path).c_str()),
      0);
  expect_error(ErrorCode::kUnsupported, "holes.tar: hole: is stored with holes", [&] { read("holes.tar"); });
}

TEST(TextSample, DoesNotDependOnTheOrder) {
  std::vector<Document> documents;
  for (int i = 0; i < 60; ++i) {
    Document document;
    document.path = fmt::format("d/{}", i);
    document.bytes = Bytes(static_cast<std::size_t>(1 + i * 7919 % 150'000), static_cast<std::uint8_t>(i));
    documents.push_back(document);
  }
  const auto sample_of = [&](std::uint64_t limit_bytes) {
    TextSample sample(limit_bytes);
    for (const Document& document : documents) sample.add(document);
    std::vector<std::pair<std::uint8_t, std::size_t>> stretches;
    sample.take([&](Bytes bytes, std::uint32_t) { stretches.emplace_back(bytes.front(), bytes.size()); });
    std::sort(stretches.begin(), stretches.end());
    return stretches;
  };
  const auto bytes_of = [](const auto& stretches) {
    std::size_t total = 0;
    for (const auto& [fill, size] : stretches) total += size;
    return total;
  };
  const auto first = sample_of(1'000'000);
  EXPECT_LE(bytes_of(first), 1'000'000u);
  EXPECT_GE(bytes_of(first), 1'000'000u - TextSample::kStretchBytes);
  std::reverse(documents.begin(), documents.end());
  EXPECT_EQ(sample_of(1'000'000), first);
  std::rotate(documents.begin(), documents.begin() + 17, documents.end());
  EXPECT_EQ(sample_of(1'000'000), first);
  // Whatever fits is all there.
  std::size_t all = 0;
  for (const Document& document : documents) all += document.bytes.size();
  EXPECT_EQ(bytes_of(sample_of(all)), all);
}

}  // namespace
}  // namespace fz::model
