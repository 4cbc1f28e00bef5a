"""What checks and masses need of a whole array: by a kernel, or by the verbs where none is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Loader = Callable[[], Any]


def _numpy() -> Any:
    from . import numpy

    return numpy


def _torch() -> Any:
    from . import torch

    return torch


def _jax() -> Any:
    from . import jax

    return jax


def _tensorflow() -> Any:
    from . import tensorflow

    return tensorflow


_LOADERS: dict[str, Loader] = {
    "numpy": _numpy,
    "torch": _torch,
    "jax": _jax,
    "tensorflow": _tensorflow,
}


def row_sums(xp: Any, x: Any, axis: int, weight: Any = None) -> tuple[Any, Any]:
    """Σ over the classes, each times its weight, and the least entry (0 where all are greater)."""
    load = _LOADERS.get(xp.name)
    found = None if load is None else load().row_sums(x, axis, weight)
    return xp.row_sums(x, axis, weight) if found is None else found


def total(xp: Any, x: Any) -> Any:
    """The sum of everything, the same for any number of threads (N6)."""
    load = _LOADERS.get(xp.name)
    found = None if load is None else load().whole_sum(x)
    return xp.total(x) if found is None else found


def value_range(xp: Any, x: Any) -> tuple[float, float]:
    """The least and the greatest element of an array that is not empty; both NaN where one is."""
    load = _LOADERS.get(xp.name)
    found = None if load is None else load().value_range(x)
    return xp.value_range(x) if found is None else found
