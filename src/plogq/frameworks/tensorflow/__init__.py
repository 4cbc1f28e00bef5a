"""TensorFlow: its verbs, the C++ kernels on its tensors, and its tapes."""
