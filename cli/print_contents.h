// extract --stdout and decompress --stdout: what files hold, to standard output instead of a directory.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/session.h"

namespace fz::cli {

/// The contents of the taken files, one after the other as they lie in the archive, and nothing else to `context.out`.
/// Every block is written only after its hash was compared. Throws Error; kLaunch under several ranks.
void print_contents(const std::filesystem::path& archive, const std::vector<std::string>& patterns,
                    const WorkOptions& options, const Context& context);

}  // namespace fz::cli
