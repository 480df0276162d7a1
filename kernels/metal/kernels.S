// The source of kernels.metal and all that it includes, for newLibraryWithSource:, which compiles it
// when a device is opened. CT_KERNELS_FILE is the path of the text.
#if defined(__APPLE__)
        .section __TEXT, __const
        .private_extern ct_metal_source
#else
        .section .rodata
        .hidden ct_metal_source
#endif
        .globl ct_metal_source
ct_metal_source:
        .incbin CT_KERNELS_FILE
        .byte 0
#if !defined(__APPLE__)
        .section .note.GNU-stack, "", %progbits
#endif
