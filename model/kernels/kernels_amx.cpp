// Kernels for AMX tiles (linear layers) and AVX-512 (everything else). Built with its own flags: includes nothing that
// has inline functions other code could link to.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "model/kernels/keep_in_register.h"
#include "model/kernels/kernels.h"
#include "model/kernels/numerics_constants.h"

namespace fz::model {
namespace {

#include "model/kernels/product_amx.inl"
#include "model/kernels/product_avx512.inl"
#include "model/kernels/vector_ops.inl"

}  // namespace

const Kernels& amx_kernels() {
  static constexpr Kernels kernels{
      "amx",          32,   product_s8,        product_s16, quantize,    rms_norm, dequantize,
      dequantize_add, rope, attention_weights, gated_unit,  frequencies, rank};
  return kernels;
}

}  // namespace fz::model
