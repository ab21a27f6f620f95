// fz-dist info
#include <array>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/display.h"
#include "base/interruption.h"
#include "cli/adapter_saving.h"
#include "cli/commands.h"
#include "cli/model_words.h"
#include "cli/recovery_hint.h"
#include "shard/adapter_format.h"
#include "shard/archive_reader.h"

namespace fz::cli {
namespace {

struct InfoOptions {
  std::string archive;
  bool json = false;
  std::uint64_t saving_blocks = 0;  ///< 0: what the adapter saves is not measured.
  WorkOptions work;
};

struct CodecTotals {
  std::uint64_t blocks = 0;
  std::uint64_t raw_bytes = 0;
  std::uint64_t payload_bytes = 0;
};

struct Totals {
  std::array<CodecTotals, shard::kCodecs.size()> codecs;
  std::array<std::uint64_t, 3> types{};  ///< Entries by FileType.
};

Totals count(const shard::ArchiveReader& archive) {
  Totals totals;
  for (const shard::IndexedBlock& block : archive.blocks()) {
    CodecTotals& codec = totals.codecs[static_cast<std::size_t>(block.codec)];
    ++codec.blocks;
    codec.raw_bytes += block.raw_bytes;
    codec.payload_bytes += block.payload_bytes;
  }
  for (const shard::FileEntry& entry : archive.entries()) ++totals.types[static_cast<std::size_t>(entry.type)];
  return totals;
}

double ratio(const shard::ArchiveReader& archive) {
  return static_cast<double>(archive.footer().corpus_bytes) / static_cast<double>(archive.archive_bytes());
}

double bits_per_byte(std::uint64_t raw_bytes, std::uint64_t stored_bytes) {
  return raw_bytes == 0 ? 0 : 8 * static_cast<double>(stored_bytes) / static_cast<double>(raw_bytes);
}

/// Null: there is no adapter.
nlohmann::ordered_json adapter_json(const shard::ArchiveReader& archive, const std::optional<AdapterSaving>& saving) {
  if (!archive.has_adapter()) return nullptr;
  const shard::AdapterSummary summary = shard::read_adapter_summary(archive.read_adapter(), archive.name());
  nlohmann::ordered_json object = {{"bytes", summary.stored_bytes},
                                   {"rank", summary.rank},
                                   {"targets", shard::adapter_target_names(summary.targets)}};
  if (saving) {
    object["saving"] = {{"blocks", saving->blocks},
                        {"with_bytes", saving->with_bytes},
                        {"without_bytes", saving->without_bytes},
                        {"saved_bytes", saving->saved_bytes()}};
  }
  return object;
}

void print_adapter(const shard::ArchiveReader& archive, const std::optional<AdapterSaving>& saving, std::ostream& out) {
  if (!archive.has_adapter()) return;
  const shard::AdapterSummary summary = shard::read_adapter_summary(archive.read_adapter(), archive.name());
  out << fmt::format("adapter        {} bytes, rank {}, at {}\n", summary.stored_bytes, summary.rank,
                     shard::adapter_target_names(summary.targets));
  if (!saving) return;
  const std::int64_t gain = saving->saved_bytes() - std::int64_t{summary.stored_bytes};
  out << fmt::format("  saves        {} bytes ({:.2f} % of {} of {} blocks): the archive is {} bytes {} by it\n",
                     saving->saved_bytes(), 100 * saving->saved_part(), saving->blocks, saving->all_blocks,
                     std::abs(gain), gain >= 0 ? "smaller" : "larger");
}

/// Nothing: it was not asked for, or there is no adapter.
std::optional<AdapterSaving> saving_of(const shard::ArchiveReader& archive, const InfoOptions& options,
                                       const Context& context) {
  if (options.saving_blocks == 0 || !archive.has_adapter()) return std::nullopt;
  const InterruptionGuard guard;
  Workplace workplace(context, options.work);
  return measure_adapter_saving(archive, options.saving_blocks, workplace);
}

void print_json(const shard::ArchiveReader& archive, const Totals& totals, const std::optional<AdapterSaving>& saving,
                std::ostream& out) {
  nlohmann::ordered_json object;
  object["format_version"] = archive.header().format_version;
  object["raw_bytes"] = archive.footer().corpus_bytes;
  object["archive_bytes"] = archive.archive_bytes();
  object["ratio"] = ratio(archive);
  object["bits_per_byte"] = bits_per_byte(archive.footer().corpus_bytes, archive.archive_bytes());
  object["files"] = totals.types[0];
  object["directories"] = totals.types[1];
  object["symlinks"] = totals.types[2];
  object["block_bytes"] = archive.header().block_bytes;
  object["blocks"] = archive.blocks().size();
  for (std::size_t i = 0; i < shard::kCodecs.size(); ++i) {
    const CodecTotals& codec = totals.codecs[i];
    object["codecs"][shard::kCodecs[i].name] = {
        {"blocks", codec.blocks}, {"raw_bytes", codec.raw_bytes}, {"payload_bytes", codec.payload_bytes}};
  }
  object["file_table_bytes"] = archive.footer().table_bytes;
  object["index_bytes"] = archive.footer().index_bytes;
  object["model"] = model_json(archive.header().model);
  if (archive.needs_model()) object["model"]["token_coder"] = shard::coder_name(archive.header().token_coder);
  object["adapter"] = adapter_json(archive, saving);
  out << object.dump(2) << '\n';
}

void print_text(const shard::ArchiveReader& archive, const Totals& totals, const std::optional<AdapterSaving>& saving,
                std::ostream& out) {
  const shard::Footer& footer = archive.footer();
  out << fmt::format("archive        {} (format version {})\n", archive.name(), archive.header().format_version);
  out << fmt::format("size           {} -> {} bytes, ratio {:.3f}, {:.3f} bits/byte\n", footer.corpus_bytes,
                     archive.archive_bytes(), ratio(archive),
                     bits_per_byte(footer.corpus_bytes, archive.archive_bytes()));
  out << fmt::format("holds          {} files, {} directories, {} symbolic links\n", totals.types[0], totals.types[1],
                     totals.types[2]);
  out << fmt::format("blocks         {} of at most {}\n", archive.blocks().size(),
                     display_size(archive.header().block_bytes));
  for (std::size_t i = 0; i < shard::kCodecs.size(); ++i) {
    const CodecTotals& codec = totals.codecs[i];
    if (codec.blocks == 0) continue;
    out << fmt::format("  {:<12} {} blocks, {} -> {} bytes, {:.3f} bits/byte\n", shard::kCodecs[i].name, codec.blocks,
                       codec.raw_bytes, codec.payload_bytes, bits_per_byte(codec.raw_bytes, codec.payload_bytes));
  }
  out << fmt::format("file table     {} bytes, index {} bytes\n", footer.table_bytes, footer.index_bytes);
  print_model(archive.header().model, out);
  if (archive.needs_model()) out << fmt::format("coder          {}\n", shard::coder_name(archive.header().token_coder));
  print_adapter(archive, saving, out);
}

void info(const InfoOptions& options, const Context& context) {
  if (!context.world.coordinates()) return;
  const shard::ArchiveReader archive(options.archive);
  const Totals totals = count(archive);
  const std::optional<AdapterSaving> saving = saving_of(archive, options, context);
  if (options.json) {
    print_json(archive, totals, saving, context.out);
  } else {
    print_text(archive, totals, saving, context.out);
  }
}

}  // namespace

void add_info(CLI::App& app, Context& context) {
  const auto options = std::make_shared<InfoOptions>();
  CLI::App* const command =
      app.add_subcommand("info", "Print sizes, codecs and the model that an archive needs; needs no model");
  command->add_option("ARCHIVE", options->archive, "The archive")->required();
  command->add_flag("--json", options->json, "As JSON, for programs");
  command
      ->add_option("--saving", options->saving_blocks,
                   "Also measure what the adapter saves, if there is one: so many blocks are decoded and coded with it "
                   "and without it, which needs the model")
      ->type_name("BLOCKS")
      ->check(CLI::Range(1, 1 << 30));
  add_machine_options(*command, options->work);
  command->callback([options, &context] {
    context.chosen = [options, &context] { with_recovery_hint(options->archive, [&] { info(*options, context); }); };
  });
}

}  // namespace fz::cli
