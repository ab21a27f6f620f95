// What long commands have in common in how they report: progress, events, log. The options, and the frame around a
// command that opens the log and notes beginning and end. Main thread.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/commands.h"

namespace fz::cli {

struct ReportOptions {
  std::string progress = "auto";
  std::string log_file;  ///< Of rank 0; rank N appends to FILE.N. Empty: no log.
  std::string log_level = "info";
  bool quiet = false;
};
void add_report_options(CLI::App& command, ReportOptions& options);

/// For Context::chosen: `action`, with these options in force while it runs. The options must live as long as it.
std::function<void()> with_reports(Context& context, const ReportOptions& options, std::function<void()> action);

/// The files that a log may be in, whatever the number of ranks: absolute paths, to be left out of an archive.
std::vector<std::string> log_files(const ReportOptions& options, int ranks);

/// A note that is neither result nor warning: a line on standard error, or an event with these fields beside `text`;
/// and the log. Rank 0 only.
void report_note(const Context& context, const ReportOptions& options, const char* event, const std::string& text,
                 nlohmann::ordered_json fields);

/// What a command has done: a line on standard output unless it is to be quiet, the last event, and the log.
void report_result(const Context& context, const ReportOptions& options, const std::string& text,
                   const nlohmann::ordered_json& fields);

}  // namespace fz::cli
