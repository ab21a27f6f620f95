// The bytes of the models inside the program as its read-only data; read by embedded_model.cpp.
    .section .rodata
    .balign 64
    .globl fz_embedded_models
fz_embedded_models:
    .incbin FZ_DEFAULT_MODEL
    .globl fz_embedded_models_first_end
fz_embedded_models_first_end:
    .incbin FZ_FORMER_MODEL
    .globl fz_embedded_models_end
fz_embedded_models_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
