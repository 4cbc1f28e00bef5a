"""The C++ kernels for the CPU: one source, compiled for each instruction set."""
