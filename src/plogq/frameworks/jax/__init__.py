"""JAX: its verbs, the C++ kernels through XLA, and its transformations."""
