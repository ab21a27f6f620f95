#include "model/byte_level.h"

#include <array>
#include <cstdint>

namespace fz::model {
namespace {

constexpr std::int16_t kNoByte = -1;

struct Alphabet {
  std::array<std::uint16_t, 256> character_of_byte{};
  std::array<std::int16_t, 512> byte_of_character{};

  Alphabet() {
    byte_of_character.fill(kNoByte);
    std::uint16_t next = 256;
    for (std::uint16_t byte = 0; byte < 256; ++byte) {
      const bool visible = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
      character_of_byte[byte] = visible ? byte : next++;
      byte_of_character[character_of_byte[byte]] = static_cast<std::int16_t>(byte);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet made;
  return made;
}

}  // namespace

std::string to_byte_level(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    const std::uint16_t character = alphabet().character_of_byte[static_cast<std::uint8_t>(byte)];
    if (character < 0x80) {
      text += static_cast<char>(character);
    } else {  // the alphabet ends below U+0200: two bytes of UTF-8
      text += static_cast<char>(0xc0 | character >> 6);
      text += static_cast<char>(0x80 | (character & 63));
    }
  }
  return text;
}

bool from_byte_level(std::string_view text, std::string& bytes) {
  bytes.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::uint32_t character = static_cast<std::uint8_t>(text[i]);
    if (character >= 0x80) {
      if ((character & 0xe0) != 0xc0 || i + 1 == text.size()) return false;
      character = (character & 31) << 6 | (static_cast<std::uint8_t>(text[++i]) & 63);
    }
    if (character >= alphabet().byte_of_character.size() || alphabet().byte_of_character[character] == kNoByte) {
      return false;
    }
    bytes += static_cast<char>(alphabet().byte_of_character[character]);
  }
  return true;
}

}  // namespace fz::model
