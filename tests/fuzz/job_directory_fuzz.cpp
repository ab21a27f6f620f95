// The files of unfinished work and the adapter, each as its reader takes it. The first byte chooses the file.
#include "coordinator/attempts.h"
#include "coordinator/journal.h"
#include "coordinator/verified_blocks.h"
#include "shard/adapter_format.h"
#include "shard/prediction_log.h"
#include "shard/restore_journal.h"
#include "tests/exact/random_adapter.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/temporary_directory.h"

namespace fz::fuzz {
namespace {

enum class Kind : std::uint8_t { kPlan, kJournal, kAttempts, kPredictions, kRestore, kVerified, kAdapter, kCount };

const model::Model& model_of_adapter() {
  static const auto made = test::random_model(7, {300, 8, 1, 2, 1, 4, 8, 8, 0, 1e-5f, false});
  return *made;
}

const test::TemporaryDirectory& directory() {
  static const test::TemporaryDirectory made;
  return made;
}

std::filesystem::path path_of(Kind kind) {
  const char* const names[] = {"plan", "journal", "attempts", "predictions-7-1-0", "done-1-0", "verified", "adapter"};
  return directory() / names[static_cast<std::size_t>(kind)];
}

shard::PredictionLog predictions(std::uint64_t run) {
  return {{directory().path(), {}, run, Rank{0}}, BlockId{7}, {}, 1000};
}

Bytes take_file(Kind kind) {
  Bytes input = with_kind(kind, read_file(path_of(kind), 1 << 20));
  std::filesystem::remove(path_of(kind));
  return input;
}

void write_plan() {
  shard::Plan plan;
  plan.inputs = {{"c", "/tmp/c"}};
  shard::PlanEntry entry;
  entry.file.path = "c";
  entry.file.raw_bytes = 900;
  plan.entries = {entry};
  plan.blocks = {{0, 600, shard::Kind::kText}, {600, 300, shard::Kind::kText}};
  replace_file(path_of(Kind::kPlan), shard::serialize_plan(plan));
}

void read(Kind kind) {
  const std::filesystem::path path = path_of(kind);
  switch (kind) {
    case Kind::kPlan:
      shard::parse_plan(read_file(path, 1 << 20), "plan");
      return;
    case Kind::kJournal:
      coordinator::Journal(path, {}).begin_run();
      return;
    case Kind::kAttempts:
      coordinator::Attempts(path, {}, {}).begin(std::vector<BlockId>{BlockId{1}});
      return;
    case Kind::kPredictions: {
      shard::PredictionLog log = predictions(2);
      std::vector<std::uint16_t> zeros(24);
      for (std::uint32_t begin = 0; begin < 1000; begin += 8) log.read({begin}, zeros);
      return;
    }
    case Kind::kRestore:
      shard::read_restore_journals(directory().path());
      return;
    case Kind::kVerified:
      coordinator::VerifiedBlocks(path, {}).add(std::vector<BlockId>{BlockId{1}});
      return;
    default: {
      const Bytes bytes = read_file(path, 1 << 20);
      shard::read_adapter_summary(bytes, "adapter");
      shard::parse_adapter(bytes, model_of_adapter().config, model_of_adapter().weights_hash, "adapter");
    }
  }
}

}  // namespace

std::vector<Bytes> seeds() {
  std::vector<Bytes> inputs;
  write_plan();
  inputs.push_back(take_file(Kind::kPlan));
  {
    coordinator::Journal journal(path_of(Kind::kJournal), {});
    journal.begin_run();
    journal.add_blocks(std::vector<std::pair<BlockId, shard::BlockPlace>>{{BlockId{1}, {1, Rank{0}, 0, 60}}});
    journal.add_commit({100, {}});
  }
  inputs.push_back(take_file(Kind::kJournal));
  coordinator::Attempts(path_of(Kind::kAttempts), {}, {}).begin(std::vector<BlockId>{BlockId{1}, BlockId{2}});
  coordinator::Attempts(path_of(Kind::kAttempts), {}, {}).end();
  inputs.push_back(take_file(Kind::kAttempts));
  predictions(1).append({8}, std::vector<std::uint16_t>(24, 30000));
  inputs.push_back(take_file(Kind::kPredictions));
  shard::RestoreJournalWriter(directory().path(), 1, Rank{0}).add(BlockId{3}, {});
  inputs.push_back(take_file(Kind::kRestore));
  coordinator::VerifiedBlocks(path_of(Kind::kVerified), {}).add(std::vector<BlockId>{BlockId{1}});
  inputs.push_back(take_file(Kind::kVerified));
  replace_file(path_of(Kind::kAdapter), shard::serialize_adapter(*test::random_adapter(5, model_of_adapter(), 2, 15)));
  inputs.push_back(take_file(Kind::kAdapter));
  return inputs;
}

void use(ByteSpan input) {
  if (input.empty() || input[0] >= static_cast<std::uint8_t>(Kind::kCount)) return;
  const auto kind = static_cast<Kind>(input[0]);
  File file = File::create(path_of(kind));
  file.append(input.subspan(1));
  file.close();
  try {
    read(kind);
  } catch (const Error&) {
    std::filesystem::remove(path_of(kind));
    throw;
  }
  std::filesystem::remove(path_of(kind));
}

}  // namespace fz::fuzz
