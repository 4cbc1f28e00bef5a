"""The C++ kernels on NumPy arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...algebra.formula import Formula
from ...algebra.linear import Tiled
from ...native import stored as binding
from . import arrays as verbs
from .memory import memory

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]


stored = binding.Stored(memory, verbs)
binary = binding.Binary(memory, verbs)
pairs = binding.Pairs(memory, verbs, Formula(verbs))
linear = Tiled(verbs, binding.Stored(memory, verbs, flush=True), Formula(verbs))
