// A fuzz target as libFuzzer runs it. With FZ_FUZZ_SEEDS=DIR it only writes the seeds there.
#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* const directory = std::getenv("FZ_FUZZ_SEEDS");
  if (directory == nullptr) return 0;
  int number = 0;
  for (const fz::Bytes& seed : fz::fuzz::seeds())
    fz::replace_file(std::filesystem::path(directory) / ("seed-" + std::to_string(number++)), seed);
  std::exit(0);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fz::fuzz::try_use([&] { fz::fuzz::use({data, size}); });
  return 0;
}
