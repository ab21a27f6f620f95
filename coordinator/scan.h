// Finds what is to be archived: walks the inputs, without following links below them, and looks at each file's head to
// tell text from binary and what it resembles. Rank 0 only. Nothing is written.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "coordinator/file_tree.h"
#include "coordinator/similarity.h"
#include "shard/plan.h"

namespace fz::coordinator {

using Warn = std::function<void(const std::string&)>;

struct ScanResult {
  std::vector<shard::PlanInput> inputs;
  std::vector<shard::PlanEntry> entries;  ///< In the order of the file table; raw offsets are not set yet.
  std::vector<Sketch> sketches;           ///< Of the entries' heads.
};

/// `excluded` are absolute paths (as `absolute_path` gives them) that are left out with all below, with a warning where
/// one is an input itself: the output, its job directory, logs. Throws Error(kInput) naming a path that cannot be read,
/// Error(kUsage) when two inputs have the same name.
ScanResult scan(const std::vector<std::string>& inputs, const std::vector<std::string>& excluded, const Warn& warn,
                const FileTree& files = disk_files());

/// The path without links and dots; its last component need not exist and, if a link, is kept.
std::string absolute_path(const std::filesystem::path& path);

/// The name under which an input is archived: its last component, resolved for `.`, `..` and `/`. Throws Error(kUsage)
/// for the root.
std::string input_name(const std::string& input);

/// Whether the sampled bytes look like text: no NUL, and few control characters or bytes that are not UTF-8.
shard::Kind sniff_kind(ByteSpan sample);

}  // namespace fz::coordinator
