// The file that a command is going to make: whether it may get its name, and how it does. Rank 0 only.
#pragma once

#include <filesystem>

#include "base/bytes.h"

namespace fz::coordinator {

/// Throws Error(kOutput) when the name is that of a directory or device, or is taken and may not be replaced.
void require_free_output(const std::filesystem::path& output, bool may_replace);

/// The complete, synced file `made` becomes the output, durably. Throws Error(kOutput), also when somebody has taken
/// the name meanwhile and it may not be replaced.
void publish_output(const std::filesystem::path& made, const std::filesystem::path& output, bool may_replace);

/// A small file, durable on return. Throws as the two above.
void write_output(const std::filesystem::path& output, ByteSpan bytes, bool may_replace);

}  // namespace fz::coordinator
