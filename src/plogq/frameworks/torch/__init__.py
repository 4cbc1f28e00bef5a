"""PyTorch: its verbs, the C++ and Triton kernels on its tensors, and its autograd."""
