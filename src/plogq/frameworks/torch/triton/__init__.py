"""Kernels in Triton: for PyTorch on CUDA and ROCm, and on the CPU under Triton's interpreter."""
