// What nvcc made of kernels.cu, for cuModuleLoadData: CT_KERNELS_FILE is the file's path.
        .section .rodata
        .balign 64
        .globl ct_cuda_kernels
        .hidden ct_cuda_kernels
ct_cuda_kernels:
        .incbin CT_KERNELS_FILE
        .section .note.GNU-stack, "", %progbits
