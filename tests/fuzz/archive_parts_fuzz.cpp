// The parts of an archive by themselves, without the compression that hides some of them in a whole archive, and the
// messages between ranks. The first byte chooses. What passes for a file table must be safe to restore.
#include <filesystem>
#include <set>

#include "comm/message.h"
#include "shard/archive_format.h"
#include "shard/block_index.h"
#include "shard/file_table.h"
#include "tests/fuzz/fuzz_target.h"

namespace fz::fuzz {
namespace {

enum class Kind : std::uint8_t { kHeader, kBlockHeader, kFooter, kTable, kIndex, kMessage, kCount };

constexpr std::uint64_t kCorpusBytes = 900;

shard::Footer footer() {
  shard::Footer footer;
  footer.block_count = 2;
  footer.corpus_bytes = kCorpusBytes;
  footer.table_offset = shard::kHeaderBytes + 2 * shard::kBlockHeaderBytes + 70;
  return footer;
}

/// A directory, a file in it, an empty one and a link.
std::vector<shard::FileEntry> entries() {
  std::vector<shard::FileEntry> all(4);
  all[0].type = shard::FileType::kDirectory;
  all[0].path = "d";
  all[1].path = "d/a";
  all[1].raw_bytes = kCorpusBytes;
  all[2].path = "d/b";
  all[3].type = shard::FileType::kSymlink;
  all[3].path = "d/c";
  all[3].target = "../elsewhere";
  return all;
}

void require_safe(const std::vector<shard::FileEntry>& table) {
  std::set<std::string> paths;
  for (const shard::FileEntry& entry : table) {
    const std::filesystem::path path = entry.path;
    FZ_CHECK(!path.empty() && path.is_relative() && paths.insert(entry.path).second);
    FZ_CHECK(entry.path.find('\0') == std::string::npos);
    for (const auto& part : path) FZ_CHECK(!part.empty() && part != "." && part != "..");
    FZ_CHECK(entry.raw_offset <= kCorpusBytes && entry.raw_bytes <= kCorpusBytes - entry.raw_offset);
  }
  // Nothing lies below a link or a file.
  for (const shard::FileEntry& entry : table) {
    if (entry.type == shard::FileType::kDirectory) continue;
    const auto next = paths.upper_bound(entry.path + "/");
    FZ_CHECK(next == paths.end() || !next->starts_with(entry.path + "/"));
  }
}

}  // namespace

std::vector<Bytes> seeds() {
  shard::BlockHeader block;
  block.raw_bytes = 450;
  block.payload_bytes = 35;
  ByteWriter index;  // for each block codec, raw bytes and payload bytes
  for (int i = 0; i < 2; ++i) {
    for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{450}, std::uint64_t{35}})
      index.write_varint(number);
  }
  std::vector<Bytes> inputs = {with_kind(Kind::kHeader, shard::serialize_header({})),
                               with_kind(Kind::kBlockHeader, shard::serialize_block_header(block)),
                               with_kind(Kind::kFooter, shard::serialize_footer(footer())),
                               with_kind(Kind::kTable, shard::serialize_file_table(entries())),
                               with_kind(Kind::kIndex, index.bytes())};
  for (const comm::Message& message :
       {comm::Message(comm::Assign{{BlockId{1}, BlockId{2}}}), comm::Message(comm::Failed{3, "x"}),
        comm::Message(comm::BlockDone{}), comm::Message(comm::Begin{1, "staging", true})})
    inputs.push_back(with_kind(Kind::kMessage, comm::serialize(message)));
  return inputs;
}

void use(ByteSpan input) {
  if (input.empty()) return;
  const ByteSpan content = input.subspan(1);
  switch (static_cast<Kind>(input[0])) {
    case Kind::kHeader:
      shard::parse_header(content, "fuzz");
      return;
    case Kind::kBlockHeader:
      shard::parse_block_header(content, "fuzz", 0);
      return;
    case Kind::kFooter:
      shard::parse_footer(content, "fuzz", 0);
      return;
    case Kind::kTable:
      require_safe(shard::parse_file_table(content, kCorpusBytes, "fuzz"));
      return;
    case Kind::kIndex:
      shard::parse_block_index(content, footer(), "fuzz");
      return;
    case Kind::kMessage:
      comm::parse_message(content);
      return;
    default:
      return;
  }
}

}  // namespace fz::fuzz
