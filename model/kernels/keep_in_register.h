// A wall for the compiler's scheduler, used in the products' inner loops.
#pragma once

/// Orders the updates of the running sums. Without it GCC 12 loads the values of all rows first and, short of
/// registers, spills the sums to the stack (seen in the disassembly).
#if defined(__AVX512F__)
#define FZ_KEEP_IN_REGISTER(vector) __asm__ volatile("" : "+v"(vector))
#elif defined(__AVX2__)
#define FZ_KEEP_IN_REGISTER(vector) __asm__ volatile("" : "+x"(vector))
#else
#define FZ_KEEP_IN_REGISTER(vector)
#endif
