"""Which framework an array belongs to, read off the array itself.

A dictionary leads from `type(x)` to the framework's verbs, a module of a dozen functions with the
same names in every framework. On a miss the rows of `FRAMEWORKS` are tried against `sys.modules`,
so no framework is imported that the caller has not imported already.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import DtypeError
from . import numpy as numpy_verbs

Verbs = ModuleType


def _torch() -> Verbs:
    # An import statement, which torch.compile can trace.
    from . import torch

    return torch


def _jax() -> Verbs:
    from . import jax

    return jax


def _tensorflow() -> Verbs:
    from . import tensorflow

    return tensorflow


# The module that is loaded if arrays of the framework exist, their class in it, and the verbs.
FRAMEWORKS: tuple[tuple[str, str, Callable[[], Verbs]], ...] = (
    ("torch", "Tensor", _torch),
    ("jax", "Array", _jax),
    ("jax.core", "Tracer", _jax),
    ("tensorflow", "Tensor", _tensorflow),
    ("tensorflow", "Variable", _tensorflow),
    ("tensorflow", "RaggedTensor", _tensorflow),
    ("tensorflow", "SparseTensor", _tensorflow),
    ("tensorflow", "IndexedSlices", _tensorflow),
)
_VERBS: dict[type, Verbs] = {np.ndarray: numpy_verbs}
# What is to be done as soon as a framework is seen to be loaded.
_WAITING: dict[str, Callable[[], None]] = {}


def once_loaded(framework: str, do: Callable[[], None]) -> None:
    """Have `do` called now if `framework` is imported, else when the next array is taken."""
    _WAITING[framework] = do
    _meet()


def _meet() -> None:
    for framework in [name for name in _WAITING if name in sys.modules]:
        _WAITING.pop(framework)()


def _find(kind: type) -> Verbs | None:
    """The verbs for arrays of this type or a subclass, remembered for the next time."""
    for module, array, load in FRAMEWORKS:
        framework = sys.modules.get(module)
        if framework is not None and issubclass(kind, getattr(framework, array)):
            _VERBS[kind] = load()
            return _VERBS[kind]
    return None


def verbs(array: Any) -> Verbs:
    """The verbs of the framework that `array` belongs to.

    Raises:
        DtypeError: no framework that plogq knows has arrays of this type.
    """
    kind = array.__class__
    found = _VERBS.get(kind)
    if found is None:
        found = _find(kind)
    if found is None:
        raise DtypeError(
            f"{kind.__name__} is not an array of a framework that plogq knows; "
            "it takes the arrays of NumPy, PyTorch, JAX and TensorFlow: write np.asarray(x)"
        )
    return found


def as_array(value: Any, role: str) -> Any:
    """`value` as an array of its own framework; lists, numbers and array-likes become NumPy arrays.

    Raises:
        DtypeError: a masked or sparse array, or something that is no array; `role` names it.
    """
    if _WAITING:
        _meet()
    kind = value.__class__
    if kind is np.ndarray:
        return value
    found = _VERBS.get(kind) or _find(kind) or numpy_verbs
    return found.as_array(value, role)
