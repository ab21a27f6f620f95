// A campaign of damage against recovery: real archives, cut, overwritten, shortened and lengthened at random places.
// What is untouched must come back, and nothing that is not the original's.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "coordinator/recover_job.h"
#include "support/built_archive.h"
#include "support/small_adapter.h"

namespace fz::coordinator {
namespace {

using shard::Trust;
using test::build_archive;
using test::BuildOptions;
using test::BuiltArchive;
using test::Extent;

/// A damaged archive that knows which of its bytes are those of the original.
class Damaged {
 public:
  explicit Damaged(const BuiltArchive& built) : bytes_(built.bytes), origins_(built.bytes.size()) {
    for (std::size_t i = 0; i < origins_.size(); ++i) origins_[i] = i;
  }

  const std::string& bytes() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }

  void overwrite(std::size_t begin, const std::string& text) {
    for (std::size_t i = 0; i < text.size() && begin + i < size(); ++i) {
      if (bytes_[begin + i] == text[i]) continue;  // nothing happened to it
      bytes_[begin + i] = text[i];
      origins_[begin + i] = kNew;
    }
  }
  void insert(std::size_t begin, const std::string& text) {
    has_insertions_ = true;
    bytes_.insert(begin, text);
    origins_.insert(origins_.begin() + static_cast<std::ptrdiff_t>(begin), text.size(), kNew);
  }
  /// Then only the index tells for sure that a block is not one of an archive inside the archive.
  bool has_insertions() const { return has_insertions_; }
  void erase(std::size_t begin, std::size_t count) {
    count = std::min(count, size() - begin);
    bytes_.erase(begin, count);
    const auto first = origins_.begin() + static_cast<std::ptrdiff_t>(begin);
    origins_.erase(first, first + static_cast<std::ptrdiff_t>(count));
  }
  /// This part of the original is still there in one piece.
  bool has(const Extent& part) const {
    const auto found = std::find(origins_.begin(), origins_.end(), part.begin);
    const auto begin = static_cast<std::size_t>(found - origins_.begin());
    if (found == origins_.end() || part.end - part.begin > size() - begin) return false;
    for (std::size_t i = 0; i < part.end - part.begin; ++i) {
      if (origins_[begin + i] != part.begin + i) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kNew = static_cast<std::size_t>(-1);
  std::string bytes_;
  std::vector<std::size_t> origins_;
  bool has_insertions_ = false;
};

struct Outcome {
  bool found_anything = false;
  shard::RecoveryPlan plan;
  std::map<std::string, std::string> files;  ///< Of the recovered archive.
  std::string bytes;
};

Outcome recover(const std::string& bytes) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "bad.fz", bytes);
  RecoverRequest request;
  request.archive = directory / "bad.fz";
  request.output = directory / "good.fz";
  request.find_model = [](const shard::StoredBlock& block, ByteSpan adapter) -> std::optional<shard::ModelIdentity> {
    test::FakeTextCodec text;
    try {
      text.use_adapter(adapter, "bad.fz");
      shard::decode_block(block, &text, "bad.fz");
    } catch (const Error&) {
      return std::nullopt;  // the adapter is lost, too
    }
    return text.identity();
  };
  RecoverJob job(request);
  Outcome outcome;
  outcome.plan = job.plan();
  outcome.found_anything = job.found_anything();
  if (!outcome.found_anything) return outcome;
  const std::uint64_t size_bytes = job.write();
  EXPECT_EQ(size_bytes, std::filesystem::file_size(request.output));
  for (auto& [path, content] : test::decode_archive(request.output)) outcome.files[path] = std::move(content);
  outcome.bytes = test::read_text(request.output);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 2);
  EXPECT_EQ(test::read_text(request.archive), bytes);
  return outcome;
}

/// "000000000010-000000000020": what the names of parts end with.
Extent range_in(const std::string& path) {
  Extent range;
  const std::size_t dash = path.rfind('-');
  range.begin = std::stoull(path.substr(path.find_last_not_of("0123456789", dash - 1) + 1));
  range.end = std::stoull(path.substr(dash + 1));
  return range;
}

bool is_untouched(const BuiltArchive& built, const Damaged& damaged, const shard::FileEntry& entry) {
  const std::vector<std::size_t> blocks = built.blocks_of(entry);
  return std::all_of(blocks.begin(), blocks.end(), [&](std::size_t i) { return damaged.has(built.blocks[i]); });
}

/// What in the outcome is not the original's bytes, or is said to be there and is not; empty when all is well.
/// `names_are_true`: no damage to the file table can have gone unseen.
std::string untruth(const BuiltArchive& built, bool names_are_true, const Outcome& outcome) {
  std::map<std::string, const shard::FileEntry*> originals;
  for (const shard::FileEntry& entry : built.entries) originals[entry.path] = &entry;
  const auto within = [](const std::string& text, const Extent& range) {
    return range.begin > text.size() ? "out of range" : text.substr(range.begin, range.end - range.begin);
  };
  for (const auto& [path, content] : outcome.files) {
    bool is_true = false;
    if (path.starts_with("recovered/by-offset/")) {
      is_true = content == within(built.stream, range_in(path));
    } else if (path.starts_with("recovered/unplaced/") || !names_are_true) {
      is_true = built.stream.find(content) != std::string::npos;
    } else if (path.starts_with("recovered/by-name/")) {
      const auto original = originals.find(path.substr(18, path.rfind('/') - 18));
      is_true = original != originals.end() && content == within(built.content(*original->second), range_in(path));
    } else {
      is_true = originals.contains(path) && content == built.content(*originals[path]);
    }
    if (!is_true) return path + " has other bytes";
  }
  for (const auto& [path, entry] : originals) {
    const bool should_be_there = outcome.plan.is_complete() && entry->type == shard::FileType::kRegular;
    if (should_be_there && !outcome.files.contains(path)) return path + " is missing";
  }
  return {};
}

bool names_are_true(const BuiltArchive& built, const Damaged& damaged, const Outcome& outcome) {
  return outcome.plan.table_trust == Trust::kConfirmed || damaged.has(built.table);
}

void expect_all_that_is_left(const BuiltArchive& built, const Damaged& damaged, const Outcome& outcome) {
  for (std::size_t i = 0; i < built.blocks.size(); ++i) {
    if (!damaged.has(built.blocks[i])) continue;
    const auto& blocks = outcome.plan.blocks;
    EXPECT_TRUE(std::any_of(blocks.begin(), blocks.end(),
                            [&](const shard::RecoveredBlock& block) {
                              return block.source.header.raw_offset == built.raw[i].begin &&
                                     number(block.source.header.id) == i;
                            }))
        << "block " << i << " is untouched and was not kept";
  }
  EXPECT_TRUE(outcome.plan.unplaced.empty() && outcome.plan.dropped.empty());
  if (!damaged.has(built.table)) return;
  EXPECT_NE(outcome.plan.table_trust, Trust::kLost);
  EXPECT_TRUE(!damaged.has(built.footer) || outcome.plan.table_trust == Trust::kConfirmed);
  for (const shard::FileEntry& entry : built.entries) {
    if (entry.type != shard::FileType::kRegular || !is_untouched(built, damaged, entry)) continue;
    EXPECT_TRUE(outcome.files.contains(entry.path)) << entry.path << " is untouched and was not recovered";
  }
}

/// One to four damages at places that matter and at any others.
Damaged damage(const BuiltArchive& built, std::mt19937& random) {
  Damaged damaged(built);
  for (unsigned count = 1 + random() % 4; count > 0 && damaged.size() > 0; --count) {
    std::size_t place = random() % damaged.size();
    const Extent& block = built.blocks[random() % built.blocks.size()];
    const std::size_t places[] = {
        block.begin,       block.begin + random() % 56,
        block.end - 1,     built.table.begin,
        built.index.begin, built.footer.begin,
        random() % 104,    built.table.begin + random() % (built.bytes.size() - built.table.begin)};
    if (random() % 2 == 0) place = std::min(places[random() % std::size(places)], damaged.size() - 1);
    const std::size_t size = random() % 3 == 0 ? 1 + random() % 20'000 : 1 + random() % 200;
    switch (random() % 8) {
      case 0:
      case 1:
        damaged.overwrite(place, std::string(1, static_cast<char>(damaged.bytes()[place] ^ (1 << random() % 8))));
        break;
      case 2:
        damaged.overwrite(place, std::string(size, '\0'));
        break;
      case 3:
        damaged.overwrite(place, test::make_noise(random(), size));
        break;
      case 4:
        damaged.erase(place, size);
        break;
      case 5:
        damaged.insert(place, test::make_noise(random(), size));
        break;
      case 6:  // a piece of the archive itself, somewhere else
        damaged.insert(place, built.bytes.substr(random() % built.bytes.size(), size));
        break;
      case 7:
        if (random() % 3 == 0) damaged.erase(place, damaged.size());
        break;
    }
  }
  return damaged;
}

TEST(RecoverCampaign, WhatIsUntouchedComesBackAndNothingElseDoes) {
  const std::uint32_t seed = test::test_seed();
  for (std::uint32_t archive = 0; archive < 3; ++archive) {
    const BuiltArchive built = build_archive({.seed = seed + archive, .uses_model = archive > 0, .nested = {}});
    for (std::uint32_t round = 0; round < 150; ++round) {
      SCOPED_TRACE(fmt::format("seed {} archive {} round {}", seed, archive, round));
      std::mt19937 random(seed * 7919 + 1000 * archive + round);
      const Damaged damaged = damage(built, random);
      const Outcome outcome = recover(damaged.bytes());
      EXPECT_EQ(untruth(built, names_are_true(built, damaged, outcome), outcome), "");
      const bool index_tells = damaged.has(built.index) && damaged.has(built.footer);
      if (index_tells || !damaged.has_insertions()) expect_all_that_is_left(built, damaged, outcome);
      if (testing::Test::HasFailure()) return;
    }
  }
}

// A damaged adapter takes the model's blocks with it; a false one never gives false bytes.
TEST(RecoverCampaign, WithAnAdapterWhatComesBackIsTrue) {
  const std::uint32_t seed = test::test_seed();
  const BuiltArchive built = build_archive({.seed = seed, .nested = {}, .adapter = test::small_adapter()});
  bool was_lost = false;
  bool was_kept = false;
  for (std::uint32_t round = 0; round < 150; ++round) {
    SCOPED_TRACE(fmt::format("seed {} round {}", seed, round));
    std::mt19937 random(seed * 7919 + round);
    Damaged damaged = damage(built, random);
    if (round % 3 == 0) damaged.overwrite(std::min<std::size_t>(104 + random() % 300, damaged.size() - 1), "x");
    const Outcome outcome = recover(damaged.bytes());
    EXPECT_EQ(untruth(built, names_are_true(built, damaged, outcome), outcome), "");
    was_lost = was_lost || outcome.plan.adapter_was_lost;
    was_kept = was_kept || outcome.plan.header.adapter_bytes > 0;
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_TRUE(was_lost && was_kept);
}

// Blocks of an archive inside the archive have checks that fit. They must never pass for blocks around them.
TEST(RecoverCampaign, AnArchiveInsideTheArchiveIsNeverTakenForIt) {
  const std::uint32_t seed = test::test_seed();
  for (std::uint32_t archive = 0; archive < 4; ++archive) {
    const BuiltArchive inner = build_archive(
        {.seed = seed + archive, .files = 12, .max_block_bytes = archive % 2 == 0 ? 6000u : 30000u, .nested = {}});
    const BuiltArchive built =
        build_archive({.seed = seed + 100 + archive, .files = archive % 4, .uses_model = false, .nested = inner.bytes});
    for (std::uint32_t round = 0; round < 120; ++round) {
      SCOPED_TRACE(fmt::format("seed {} archive {} round {}", seed, archive, round));
      std::mt19937 random(seed * 7919 + 1000 * archive + round);
      const Damaged damaged = damage(built, random);
      const Outcome outcome = recover(damaged.bytes());
      Outcome placed = outcome;
      for (const auto& [path, content] : outcome.files) {
        if (!path.starts_with("recovered/unplaced/")) continue;
        placed.files.erase(path);
        const bool known =
            built.stream.find(content) != std::string::npos || inner.stream.find(content) != std::string::npos;
        EXPECT_TRUE(known) << path;
      }
      // Where too little of the outer archive is left, the inner one may be taken for the archive; but then as a whole.
      const std::string of_outer = untruth(built, names_are_true(built, damaged, outcome), placed);
      const std::string of_inner = untruth(inner, outcome.plan.table_trust == Trust::kConfirmed, placed);
      EXPECT_TRUE(of_outer.empty() || of_inner.empty()) << of_outer << "; " << of_inner;
      if (testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace fz::coordinator
