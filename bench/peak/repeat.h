// Writes a statement once for each of many registers: a loop over an array would have the compiler keep it in memory.
#pragma once

#define FZ_REPEAT_10(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9)
#define FZ_REPEAT_12(M) FZ_REPEAT_10(M) M(10) M(11)
/// The compiler must compute this value here, and cannot know it.
#define FZ_TOUCH(vector) __asm__ volatile("" : "+v"(vector))
