// Kernels for AVX-512 with VNNI. Built with its own flags: includes nothing that has inline functions other code
// could link to.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "model/kernels/keep_in_register.h"
#include "model/kernels/kernels.h"
#include "model/kernels/numerics_constants.h"

namespace fz::model {
namespace {

#include "model/kernels/product_avx512.inl"
#include "model/kernels/product_avx512vnni.inl"
#include "model/kernels/vector_ops.inl"

}  // namespace

const Kernels& avx512vnni_kernels() {
  static constexpr Kernels kernels{
      "avx512vnni",   4,    product_s8,        product_s16, quantize,    rms_norm, dequantize,
      dequantize_add, rope, attention_weights, gated_unit,  frequencies, rank};
  return kernels;
}

}  // namespace fz::model
