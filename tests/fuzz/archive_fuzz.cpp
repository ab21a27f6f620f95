// An archive: opened, every block read, what needs no model decoded, and what recover makes of it.
#include "coordinator/recover_job.h"
#include "shard/archive_reader.h"
#include "shard/selection.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/built_archive.h"
#include "tests/support/small_adapter.h"

namespace fz::fuzz {
namespace {

/// Larger claims are true only of larger files; a decoder takes its time.
constexpr std::uint32_t kMostRawBytes = 10000;

void open(const std::string& path) {
  const shard::ArchiveReader archive(path);
  archive.read_adapter();
  const shard::Selection everything(archive, {});
  for (const shard::IndexedBlock& record : archive.blocks()) {
    const BlockId id{static_cast<std::uint32_t>(&record - archive.blocks().data())};
    everything.pieces(id);
    const shard::StoredBlock block = archive.read_block(id);
    if (!shard::needs_model(block.header.codec) && block.header.raw_bytes <= kMostRawBytes)
      try_use([&] { shard::decode_block(block, nullptr, archive.name()); });
  }
}

}  // namespace

std::vector<Bytes> seeds() {
  test::BuildOptions small;
  small.files = 6;
  small.max_file_bytes = 500;
  small.max_block_bytes = 300;
  test::BuildOptions with_adapter = small;
  with_adapter.adapter = test::small_adapter();
  test::BuildOptions without_files;
  without_files.files = 0;
  std::vector<Bytes> archives;
  for (const test::BuildOptions& options : {small, with_adapter, without_files}) {
    const std::string bytes = test::build_archive(options).bytes;
    archives.emplace_back(bytes.begin(), bytes.end());
  }
  return archives;
}

void use(ByteSpan input) {
  const MemoryFile file(input);
  try_use([&] {
    coordinator::RecoverJob({.archive = file.path(),
                             .output = {},
                             .find_model = [](const auto&, ByteSpan) { return std::nullopt; },
                             .progress = {}});
  });
  open(file.path());
}

}  // namespace fz::fuzz
