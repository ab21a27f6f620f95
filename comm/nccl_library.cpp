#include "comm/nccl_library.h"

#include <dlfcn.h>

#include <string>

#include "base/error.h"

namespace fz::comm {
namespace {

void* open_library(const std::string& name) {
  void* const library = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) fail(ErrorCode::kUnsupported, "{}", ::dlerror());
  return library;
}

template <typename Function>
void find(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(::dlsym(library, name));
  if (function == nullptr) fail(ErrorCode::kUnsupported, "{}", ::dlerror());
}

}  // namespace

NcclLibrary open_nccl() {
  NcclLibrary functions;
  void* const nccl = open_library("libnccl.so.2");
  find(nccl, "ncclGetUniqueId", functions.get_unique_id);
  find(nccl, "ncclCommInitRankConfig", functions.init_rank);
  find(nccl, "ncclCommGetAsyncError", functions.get_async_error);
  find(nccl, "ncclAllReduce", functions.all_reduce);
  find(nccl, "ncclCommFinalize", functions.finalize);
  find(nccl, "ncclCommDestroy", functions.destroy);
  find(nccl, "ncclCommAbort", functions.abort);
  find(nccl, "ncclGetErrorString", functions.error_string);
  // Of the version that this was compiled with, and LibTorch was too: streams and devices are theirs.
  void* const cuda = open_library("libcudart.so." + std::to_string(CUDART_VERSION / 1000));
  find(cuda, "cudaSetDevice", functions.set_device);
  find(cuda, "cudaDeviceGetPCIBusId", functions.get_pci_bus_id);
  find(cuda, "cudaStreamQuery", functions.query_stream);
  return functions;
}

}  // namespace fz::comm
