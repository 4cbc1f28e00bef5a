"""Which framework an array belongs to, read off the array itself.

A dictionary leads from `type(x)` to the framework's verbs, a module of functions with the same
names in every framework (`verbs.py`). On a miss the rows of `FRAMEWORKS` are tried against
`sys.modules`, so no framework is imported that the caller has not imported already. Being there is
not being loaded: while a thread imports a framework, the others see a module that has nothing yet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DtypeError
from .loading import WAITING, loaded, meet
from .loading import once_loaded as once_loaded
from .numpy import arrays as numpy_verbs
from .verbs import Verbs as Verbs
from .verbs import complete
from .versions import fitting


def _torch() -> Verbs:
    # An import statement, which torch.compile can trace.
    from .torch import arrays as torch

    return torch


def _jax() -> Verbs:
    from .jax import arrays as jax

    return jax


def _tensorflow() -> Verbs:
    from .tensorflow import arrays as tensorflow

    return tensorflow


# The module that is loaded if arrays of the framework exist, their class in it, and the verbs.
FRAMEWORKS: list[tuple[str, str, Callable[[], Verbs]]] = [
    ("torch", "Tensor", _torch),
    ("jax", "Array", _jax),
    ("jax.core", "Tracer", _jax),
    ("tensorflow", "Tensor", _tensorflow),
    ("tensorflow", "Variable", _tensorflow),
    ("tensorflow", "RaggedTensor", _tensorflow),
    ("tensorflow", "SparseTensor", _tensorflow),
    ("tensorflow", "IndexedSlices", _tensorflow),
]
_VERBS: dict[type, Verbs] = dict.fromkeys((np.ndarray, list, tuple, int, float, bool), numpy_verbs)


def _find(kind: type) -> Verbs | None:
    """The verbs for arrays of this type or a subclass, remembered for the next time."""
    if issubclass(kind, (np.ndarray, np.generic)):
        _VERBS[kind] = numpy_verbs
        return numpy_verbs
    for module, array, load in FRAMEWORKS:
        its = getattr(loaded(module), array, None)
        if isinstance(its, type) and issubclass(kind, its):
            framework = module.partition(".")[0]
            _VERBS[kind] = complete(fitting(load, framework), framework)
            return _VERBS[kind]
    return None


def held(value: Any) -> Any:
    """What a variable of Keras holds; all else as it is."""
    variable = getattr(loaded("keras"), "Variable", None)
    return value.value if isinstance(variable, type) and isinstance(value, variable) else value


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


def register(module: str, array: str, load: Callable[[], Verbs]) -> None:
    """Let arrays of another framework in: `module.array` is their class, `load` gives its verbs.

    They run the formula, in the framework's own operations; kernels are rows of `rows.py`.

    Examples:
        >>> from plogq.frameworks import register
        >>> from plogq.frameworks.numpy import arrays
        >>> register("my_arrays", "Array", lambda: arrays)
    """
    FRAMEWORKS.append((module, array, load))


def ready(value: Any, of: str, axis: Any = None) -> Verbs | None:
    """The verbs of `value` if it is an array of this kind ("float", "integer") as it stands.

    With an `axis`, if there are two classes on it at least. None for all else: lists, what is no
    array, and what has to be looked at more closely.
    """
    xp = _VERBS.get(value.__class__)
    return xp if xp is not None and xp.ready(value, of, axis) else None


def as_array(value: Any, role: str) -> Any:
    """`value` as an array of its own framework; lists, numbers and array-likes become NumPy arrays.

    Raises:
        DtypeError: a masked or sparse array, or something that is no array; `role` names it.
    """
    kind = value.__class__
    if kind is np.ndarray:
        if WAITING:
            meet()
        return value
    found = _VERBS.get(kind) or _find(kind)
    if found is None:
        inside = held(value)
        if inside is not value:
            return as_array(inside, role)
        found = numpy_verbs
    # While a program is being recorded nothing else is done.
    if WAITING and not found.tracing():
        meet()
    return found.as_array(value, role)
