"""A framework of its own: boxes around NumPy's arrays, and the verbs that plogq asks of one.

A box is no array of NumPy's, and NumPy's functions do not take it for one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from plogq.frameworks.numpy import arrays as numpy_verbs


class Box(NDArrayOperatorsMixin):
    """An array that can be asked for its shape and dtype, indexed, and reckoned with."""

    def __init__(self, inside: Any) -> None:
        self.inside = np.asarray(inside)

    shape = property(lambda self: self.inside.shape)
    dtype = property(lambda self: self.inside.dtype)
    ndim = property(lambda self: self.inside.ndim)

    def __repr__(self) -> str:
        return f"Box({self.inside!r})"

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("a box is not an array of NumPy's: say what is inside")

    def __array_ufunc__(self, ufunc: Any, method: str, *given: Any, **options: Any) -> Any:
        return boxed(getattr(ufunc, method)(*map(unboxed, given), **options))

    def __getitem__(self, key: Any) -> Box:
        return Box(self.inside[unboxed(key)])

    def __float__(self) -> float:
        return float(self.inside)

    def __bool__(self) -> bool:
        return bool(self.inside)

    def reshape(self, *shape: Any) -> Box:
        return Box(self.inside.reshape(*shape))


def unboxed(x: Any) -> Any:
    if isinstance(x, tuple | list):
        return type(x)(map(unboxed, x))
    return x.inside if isinstance(x, Box) else x


def boxed(x: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(map(boxed, x))
    return Box(x) if isinstance(x, np.ndarray | np.generic) else x


def verb(of_numpy: Callable[..., Any]) -> Callable[..., Any]:
    """The same verb for boxes."""

    @wraps(of_numpy)
    def of_boxes(*given: Any, **named: Any) -> Any:
        return boxed(of_numpy(*map(unboxed, given), **{k: unboxed(v) for k, v in named.items()}))

    return of_boxes


def as_array(value: Any, role: str) -> Box:
    return value if isinstance(value, Box) else Box(numpy_verbs.as_array(value, role))


def host(x: Any) -> Any:
    return numpy_verbs.host(unboxed(x))


def verbs() -> ModuleType:
    """The module that plogq looks boxes' verbs up in."""
    made = ModuleType("toybox.verbs")
    for name, value in vars(numpy_verbs).items():
        ours = callable(value) and not isinstance(value, type) and not name.startswith("_")
        setattr(made, name, verb(value) if ours else value)
    own = {"name": "toybox", "as_array": as_array, "host": host, "autocast": lambda *x: x}
    vars(made).update(own)
    return made


def package() -> ModuleType:
    """What an import of the framework would leave: a package with its class of arrays."""
    made = ModuleType("toybox")
    made.Box, made.__path__ = Box, []
    return made
