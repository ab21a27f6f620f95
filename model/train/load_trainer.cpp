#include "model/train/load_trainer.h"

#include <dlfcn.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"

namespace fz::model {
namespace {

constexpr const char* kModuleName = "libfz_train.so";

/// Beside the program, or in ../lib/fz-dist of an installation.
std::filesystem::path module_path() {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const std::filesystem::path& place : {folder, folder.parent_path(), folder / "../lib/fz-dist"}) {
    if (std::filesystem::exists(place / kModuleName, error)) return place / kModuleName;
  }
  return {};
}

}  // namespace

bool has_trainer() {
  return !module_path().empty();
}

std::unique_ptr<Trainer> make_trainer(const Model& model, const TrainerSettings& settings) {
  const std::filesystem::path path = module_path();
  if (path.empty()) {
    fail(ErrorCode::kUnsupported,
         "{}: not beside the program: this build has no LibTorch and cannot train; './fz build' makes one that can",
         kModuleName);
  }
  // Never closed: LibTorch's threads would be left without their code.
  void* const module = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) fail(ErrorCode::kUnsupported, "{}", ::dlerror());
  const auto make = reinterpret_cast<decltype(&fz_make_trainer)>(::dlsym(module, "fz_make_trainer"));
  if (make == nullptr) fail(ErrorCode::kUnsupported, "{}: is of another version of the program", path.string());
  char error[512] = "";
  std::unique_ptr<Trainer> trainer(make(&model, &settings, error, sizeof error));
  if (!trainer) fail(ErrorCode::kUnsupported, "LibTorch: {}", error);
  return trainer;
}

}  // namespace fz::model
