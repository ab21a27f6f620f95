// A fuzz target as an ordinary test: its seeds, files given on the command line, and some thousand random changes of
// the seeds. Here all hashes count, so the changes do not reach far; that the seeds are accepted is checked.
//   TARGET [FILE…]
#include <cstdio>
#include <cstdlib>
#include <random>

#include "base/file.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

constexpr int kRounds = 3000;

/// A few bytes changed, cut off, doubled or moved.
fz::Bytes change(fz::Bytes bytes, std::mt19937_64& random) {
  for (std::uint64_t i = 0; i <= random() % 3 && !bytes.empty(); ++i) {
    const auto at = static_cast<std::ptrdiff_t>(random() % bytes.size());
    const auto count = static_cast<std::ptrdiff_t>(random() % (bytes.size() - static_cast<std::size_t>(at)));
    switch (random() % 4) {
      case 0:
        bytes[static_cast<std::size_t>(at)] ^= static_cast<std::uint8_t>(1u << random() % 8);
        break;
      case 1:
        bytes[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(random());
        break;
      case 2:
        bytes.erase(bytes.begin() + at, bytes.begin() + at + count);
        break;
      default: {
        const fz::Bytes copied(bytes.begin() + at, bytes.begin() + at + count);
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(random() % bytes.size()), copied.begin(),
                     copied.end());
      }
    }
  }
  return bytes;
}

}  // namespace

int main(int count, char** arguments) {
  for (int i = 1; i < count; ++i)
    fz::fuzz::try_use([&] { fz::fuzz::use(fz::read_file(arguments[i], std::uint64_t{1} << 32)); });
  const std::vector<fz::Bytes> seeds = fz::fuzz::seeds();
  for (const fz::Bytes& seed : seeds) fz::fuzz::use(seed);  // an Error is a failure
  const char* const text = std::getenv("FZ_TEST_SEED");
  const std::uint64_t first = text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
  std::printf("seed %llu (set FZ_TEST_SEED to repeat it)\n", static_cast<unsigned long long>(first));
  std::mt19937_64 random(first);
  for (int round = 0; round < kRounds; ++round)
    fz::fuzz::try_use([&] { fz::fuzz::use(change(seeds[random() % seeds.size()], random)); });
}
