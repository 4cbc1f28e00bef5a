"""NumPy: its verbs, and the C++ kernels on its arrays."""
