#include "coordinator/similarity.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

#include "base/error.h"

namespace fz::coordinator {
namespace {

constexpr std::size_t kPieceBytes = 16;
constexpr std::size_t kLeastBytes = 256;

std::uint64_t load(const std::uint8_t* bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes, sizeof value);  // little-endian, as everywhere here
  return value;
}

std::uint32_t hash_piece(const std::uint8_t* bytes) {
  const std::uint64_t mixed = load(bytes) * 0x9E3779B97F4A7C15u ^ load(bytes + 8) * 0xC2B2AE3D27D4EB4Fu;
  return static_cast<std::uint32_t>((mixed ^ mixed >> 29) * 0x165667B19E3779F9u >> 32);
}

/// Of the numbers whose bits are set in `mask`.
std::uint64_t key_of(const Sketch& sketch, unsigned mask, std::uint32_t name) {
  std::uint64_t key = name;
  for (std::size_t i = 0; i < sketch.size(); ++i) {
    if ((mask >> i & 1) != 0) key = (key ^ sketch[i]) * 0x9E3779B97F4A7C15u;
  }
  return key;
}

/// Groups as trees of which the least index is the root.
class Groups {
 public:
  explicit Groups(std::size_t count) : parents_(count) { std::iota(parents_.begin(), parents_.end(), 0u); }

  std::uint32_t find(std::uint32_t index) {
    while (parents_[index] != index) index = parents_[index] = parents_[parents_[index]];
    return index;
  }
  void join(std::uint32_t a, std::uint32_t b) {
    a = find(a);
    b = find(b);
    parents_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<std::uint32_t> parents_;
};

}  // namespace

Sketch sketch_of(ByteSpan text) {
  Sketch least = kNoSketch;
  if (text.size() < kLeastBytes) return least;
  constexpr std::array<std::uint32_t, std::tuple_size_v<Sketch>> kFactors = {0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D,
                                                                             0x27D4EB2F};
  for (std::size_t i = 0; i + kPieceBytes <= text.size(); ++i) {
    const std::uint32_t hash = hash_piece(text.data() + i);
    for (std::size_t k = 0; k < least.size(); ++k) least[k] = std::min(least[k], hash * kFactors[k]);
  }
  return least;
}

std::uint32_t name_hash(std::string_view path) {
  std::uint32_t hash = 0x811C9DC5;
  for (const char byte : path.substr(path.rfind('/') + 1)) hash = (hash ^ static_cast<std::uint8_t>(byte)) * 0x01000193;
  return hash;
}

std::vector<std::uint32_t> groups_of(std::span<const Sketch> sketches, std::span<const std::uint32_t> names) {
  FZ_CHECK(names.size() == sketches.size());
  Groups groups(sketches.size());
  std::vector<std::pair<std::uint64_t, std::uint32_t>> keys;  // one kind at a time: there may be millions
  for (unsigned mask = 0; mask < 16; ++mask) {
    const int numbers = std::popcount(mask);
    if (numbers != 2 && numbers != 3) continue;
    keys.clear();
    for (std::uint32_t i = 0; i < sketches.size(); ++i) {
      if (sketches[i] != kNoSketch) keys.emplace_back(key_of(sketches[i], mask, numbers == 2 ? names[i] : 0), i);
    }
    std::sort(keys.begin(), keys.end());
    for (std::size_t i = 1; i < keys.size(); ++i) {
      if (keys[i].first == keys[i - 1].first) groups.join(keys[i].second, keys[i - 1].second);
    }
  }
  std::vector<std::uint32_t> firsts(sketches.size());
  for (std::uint32_t i = 0; i < firsts.size(); ++i) firsts[i] = groups.find(i);
  return firsts;
}

}  // namespace fz::coordinator
