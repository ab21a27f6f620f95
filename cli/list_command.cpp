// fz-dist list
#include <ctime>
#include <iostream>

#include "base/display.h"
#include "cli/commands.h"
#include "cli/json_bytes.h"
#include "cli/recovery_hint.h"
#include "shard/archive_reader.h"

namespace fz::cli {
namespace {

using shard::FileEntry;
using shard::FileType;

struct ListOptions {
  std::string archive;
  bool json = false;
  bool long_format = false;
};

const char* type_name(FileType type) {
  switch (type) {
    case FileType::kRegular:
      return "file";
    case FileType::kDirectory:
      return "directory";
    case FileType::kSymlink:
      return "symlink";
  }
  return "unknown";
}

/// As `ls -l` writes it: type, then read, write, execute for owner, group and others.
std::string mode_text(const FileEntry& entry) {
  std::string text(1, entry.type == FileType::kDirectory ? 'd' : entry.type == FileType::kSymlink ? 'l' : '-');
  for (int bit = 8; bit >= 0; --bit) text += (entry.mode >> bit & 1) != 0 ? "rwx"[(8 - bit) % 3] : '-';
  const auto mark = [&](std::uint32_t mask, std::size_t place, char set, char set_only) {
    if ((entry.mode & mask) != 0) text[place] = text[place] == 'x' ? set : set_only;
  };
  mark(04000, 3, 's', 'S');
  mark(02000, 6, 's', 'S');
  mark(01000, 9, 't', 'T');
  return text;
}

std::string time_text(const FileEntry& entry) {
  const auto seconds = static_cast<std::time_t>(entry.mtime_seconds);
  std::tm parts;
  char text[64];
  if (::gmtime_r(&seconds, &parts) == nullptr || std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
    return "?";
  return text;
}

nlohmann::ordered_json to_json(const FileEntry& entry) {
  nlohmann::ordered_json object;
  put_bytes(object, "path", entry.path);
  object["type"] = type_name(entry.type);
  object["mode"] = fmt::format("{:04o}", entry.mode);
  object["mtime"] = time_text(entry);
  object["mtime_seconds"] = entry.mtime_seconds;
  object["mtime_nanoseconds"] = entry.mtime_nanoseconds;
  if (entry.type == FileType::kRegular) object["bytes"] = entry.raw_bytes;
  if (entry.type == FileType::kSymlink) put_bytes(object, "target", entry.target);
  return object;
}

void list(const ListOptions& options, const Context& context) {
  if (!context.world.coordinates()) return;
  const shard::ArchiveReader archive(options.archive);
  if (options.json) {
    nlohmann::ordered_json array = nlohmann::ordered_json::array();
    for (const FileEntry& entry : archive.entries()) array.push_back(to_json(entry));
    context.out << array.dump(2) << '\n';
    return;
  }
  for (const FileEntry& entry : archive.entries()) {
    if (options.long_format)
      context.out << fmt::format("{} {:>12} {} ", mode_text(entry), entry.raw_bytes, time_text(entry));
    context.out << display_text(entry.path);
    if (options.long_format && entry.type == FileType::kSymlink) context.out << " -> " << display_text(entry.target);
    context.out << '\n';
  }
}

}  // namespace

void add_list(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ListOptions>();
  CLI::App* const command = app.add_subcommand("list", "Print what is in an archive; needs no model");
  command->add_option("ARCHIVE", options->archive, "The archive")->required();
  command->add_flag("-l,--long", options->long_format, "With mode, size, time (UTC) and link target");
  command->add_flag("--json", options->json, "As JSON, for programs");
  command->callback([options, &context] {
    context.chosen = [options, &context] { with_recovery_hint(options->archive, [&] { list(*options, context); }); };
  });
}

}  // namespace fz::cli
