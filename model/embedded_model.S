// The bytes of the models inside the program as its read-only data, the newest first; read by embedded_model.cpp.
    .section .rodata
    .balign 64
    .globl fz_embedded_models
fz_embedded_models:
0:  .incbin "default.fzm"
1:  .incbin "fz-7m-2026-11b.fzm"
2:  .incbin "fz-7m-2026-11.fzm"
3:  .incbin "boot-7m.fzm"
4:
    .balign 8
    .globl fz_embedded_model_bytes
fz_embedded_model_bytes:
    .quad 1b - 0b, 2b - 1b, 3b - 2b, 4b - 3b
    .section .note.GNU-stack, "", %progbits
