// The bytes of models/default.fzm as read-only data of the program; read by embedded_model.cpp.
    .section .rodata
    .balign 64
    .globl fz_embedded_model_begin
    .globl fz_embedded_model_end
fz_embedded_model_begin:
    .incbin FZ_DEFAULT_MODEL
fz_embedded_model_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
