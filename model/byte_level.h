// How byte-level BPE writes bytes as text in vocabularies: printable Latin-1 bytes as themselves, the others, in order,
// as U+0100 and following. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace fz::model {

std::string to_byte_level(std::string_view bytes);

/// The bytes that a vocabulary entry stands for; false when a character is not in the byte-level alphabet.
bool from_byte_level(std::string_view text, std::string& bytes);

}  // namespace fz::model
