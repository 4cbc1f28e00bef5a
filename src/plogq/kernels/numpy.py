"""The C++ kernels on NumPy arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..arrays import numpy as verbs
from ..arrays.numpy_memory import memory
from ..formula import Formula
from .cpu import binding
from .linear import Tiled

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]


stored = binding.Stored(memory, verbs)
binary = binding.Binary(memory, verbs)
linear = Tiled(verbs, binding.Stored(memory, verbs, flush=True), Formula(verbs))
