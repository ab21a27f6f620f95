// NCCL and the few functions of the CUDA runtime that go with it, found when ranks train on GPUs and not before:
// nothing that runs on CPUs needs their libraries.
#pragma once

#include <nccl.h>

namespace fz::comm {

/// A test may put others in their places.
struct NcclLibrary {
  decltype(&ncclGetUniqueId) get_unique_id;
  decltype(&ncclCommInitRankConfig) init_rank;
  decltype(&ncclCommGetAsyncError) get_async_error;
  decltype(&ncclAllReduce) all_reduce;
  decltype(&ncclCommFinalize) finalize;
  decltype(&ncclCommDestroy) destroy;
  decltype(&ncclCommAbort) abort;
  decltype(&ncclGetErrorString) error_string;
  cudaError_t (*set_device)(int device);
  cudaError_t (*get_pci_bus_id)(char* name, int size_bytes, int device);
  cudaError_t (*query_stream)(cudaStream_t stream);
};

/// Those that the program has loaded, as LibTorch does on GPUs, or else the system's; never closed. Throws
/// Error(kUnsupported).
NcclLibrary open_nccl();

}  // namespace fz::comm
