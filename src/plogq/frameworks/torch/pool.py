"""PyTorch's own threads, lent to the C++ kernels: its workers spin after each of its operations,
and threads besides them would have to share the processors with them."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import torch

from ...native import processor

_LIBRARY = {"win32": "torch_cpu.dll", "darwin": "libtorch_cpu.dylib"}


def lend_pool() -> None:
    """Lend them, where this PyTorch has a way in: from 2.10 on."""
    name = _LIBRARY.get(sys.platform, "libtorch_cpu.so")
    try:
        library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / name))
        address = ctypes.cast(library.torch_parallel_for, ctypes.c_void_p).value
    except (OSError, AttributeError):
        return
    if address is not None:
        processor.lend(address, torch.get_num_threads)
