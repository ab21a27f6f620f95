// fz-dist status
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/display.h"
#include "cli/commands.h"
#include "cli/model_words.h"
#include "cli/progress.h"
#include "coordinator/job_status.h"
#include "shard/archive_reader.h"
#include "shard/shard_file.h"

namespace fz::cli {
namespace {

using coordinator::JobStatus;
using coordinator::Liveness;

struct StatusOptions {
  std::string path;
  bool json = false;
};

/// A job is known by its directory; the archive's name stands for it.
struct Place {
  std::filesystem::path archive;
  std::filesystem::path job_directory;
};

Place place_of(const std::string& given) {
  std::string path = given;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const std::string suffix = shard::job_directory_of("").native();
  if (path.size() > suffix.size() && path.ends_with(suffix)) {
    return {path.substr(0, path.size() - suffix.size()), path};
  }
  return {path, shard::job_directory_of(path)};
}

bool is_job_directory(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

std::optional<double> ratio(const JobStatus& status) {
  if (status.stored_bytes == 0) return std::nullopt;
  return static_cast<double>(status.done_bytes) / static_cast<double>(status.stored_bytes);
}

std::optional<double> seconds_left(const JobStatus& status) {
  if (!status.bytes_per_second) return std::nullopt;
  return static_cast<double>(status.total_bytes - status.done_bytes) / *status.bytes_per_second;
}

const char* state_name(const JobStatus& status) {
  if (status.liveness == Liveness::kUnknown) return "unknown";
  return status.liveness == Liveness::kRunning ? "running" : "interrupted";
}

const char* state_text(const JobStatus& status) {
  switch (status.liveness) {
    case Liveness::kRunning:
      return "running";
    case Liveness::kNotRunning:
      return "not running, unfinished; the same compress command goes on";
    default:
      return "unfinished; whether a run works on it cannot be known here";
  }
}

void print_json(const JobStatus& status, const Place& place, std::ostream& out) {
  nlohmann::ordered_json object;
  object["state"] = state_name(status);
  object["archive"] = display_text(place.archive.native());
  object["is_planned"] = status.has_plan;
  if (status.has_plan) {
    object["total_bytes"] = status.total_bytes;
    object["done_bytes"] = status.done_bytes;
    object["total_blocks"] = status.total_blocks;
    object["done_blocks"] = status.done_blocks;
    object["stored_bytes"] = status.stored_bytes;
    object["runs"] = status.runs;
    if (const auto value = ratio(status)) object["ratio"] = *value;
    if (status.bytes_per_second) object["bytes_per_second"] = *status.bytes_per_second;
    if (const auto value = seconds_left(status)) object["seconds_left"] = *value;
    object["model"] = model_json(status.model);
  }
  out << object.dump(2) << '\n';
}

void print_text(const JobStatus& status, const Place& place, std::ostream& out) {
  const auto line = [&](const char* name, const std::string& text) { out << fmt::format("{:<15}{}\n", name, text); };
  line("job", display_text(place.job_directory.native()));
  line("state", state_text(status));
  if (!status.has_plan) return line("progress", "not planned yet");
  line("progress", fmt::format("{} of {} ({} %), {} of {} blocks, run {}", display_size(status.done_bytes),
                               display_size(status.total_bytes),
                               status.total_bytes == 0 ? 100 : 100 * status.done_bytes / status.total_bytes,
                               status.done_blocks, status.total_blocks, status.runs));
  if (const auto value = ratio(status)) {
    line("size so far", fmt::format("{} -> {} bytes, ratio {:.3f}", status.done_bytes, status.stored_bytes, *value));
  }
  if (status.bytes_per_second) {
    line("speed", fmt::format("{:.1f} KB/s in the last run; at this speed {} left", *status.bytes_per_second / 1000,
                              display_duration(*seconds_left(status))));
  }
  print_model(status.model, out);
}

/// There is no job any more, but what it made.
void print_finished(const Place& place, bool json, std::ostream& out) {
  const shard::ArchiveReader archive(place.archive);
  if (json) {
    const nlohmann::ordered_json object = {{"state", "finished"},
                                           {"archive", display_text(place.archive.native())},
                                           {"total_bytes", archive.footer().corpus_bytes},
                                           {"archive_bytes", archive.archive_bytes()}};
    out << object.dump(2) << '\n';
    return;
  }
  out << fmt::format("{:<15}{}\n{:<15}finished: {} -> {} bytes\n", "archive", display_text(place.archive.native()),
                     "state", archive.footer().corpus_bytes, archive.archive_bytes());
}

void status(const StatusOptions& options, const Context& context) {
  if (!context.world.coordinates()) return;
  const Place place = place_of(options.path);
  if (!is_job_directory(place.job_directory)) {
    std::error_code error;
    if (!std::filesystem::exists(place.archive, error)) {
      fail(ErrorCode::kInput, "{}: neither an unfinished job nor an archive is here", display_text(options.path));
    }
    return print_finished(place, options.json, context.out);
  }
  const JobStatus found = coordinator::read_job_status(place.job_directory);
  if (options.json) {
    print_json(found, place, context.out);
  } else {
    print_text(found, place, context.out);
  }
}

}  // namespace

void add_status(CLI::App& app, Context& context) {
  const auto options = std::make_shared<StatusOptions>();
  CLI::App* const command = app.add_subcommand("status", "Print how far a compress job is, running or interrupted");
  command->footer("Changes nothing, and does not disturb a job that runs.");
  command->add_option("JOB", options->path, "OUT.fz or OUT.fz.job")->required();
  command->add_flag("--json", options->json, "As JSON, for programs");
  command->callback([options, &context] { context.chosen = [options, &context] { status(*options, context); }; });
}

}  // namespace fz::cli
