// Bytes and numbers as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fz {

/// The text on one line: control characters, DEL and bytes that are not UTF-8 as \xNN; a backslash as it is.
std::string display_text(std::string_view text);

/// Whether the bytes are well-formed UTF-8 (no surrogates, shortest form, at most U+10FFFF).
bool is_utf8(std::string_view text);

/// Length of the well-formed UTF-8 sequence at the start of `text`, 0 when there is none.
std::size_t utf8_sequence_bytes(std::string_view text);

/// "512 B", "1.5 KiB", "3.2 GiB".
std::string display_size(std::uint64_t size_bytes);

}  // namespace fz
