"""The representations that the makers give, on TensorFlow's tensors, and the ways that they go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

import plogq
from plogq.kernels import table

from .. import bounds
from ..rebuilt import Change, arrays, rebuilt

Array = npt.NDArray[Any]
Tensor = Any

# Eagerly the C++ kernels on the tensors' memory, and the formula in TensorFlow's operations; in the
# graph of a tf.function that knows no lengths the kernels as nodes; under XLA the formula.
WAYS = ("cpu", "formula", "graph", "xla")
EAGER = WAYS[:2]


@contextmanager
def by(way: str) -> Iterator[None]:
    """Inside this block what runs eagerly goes this way."""
    if way == "formula":
        with table.using("formula"):
            yield
        return
    yield


def program(
    way: str, f: Callable[..., Any], arguments: Sequence[Tensor], unknown: bool = True
) -> Callable[..., Any]:
    """f as this way runs it; a graph is told no length but that of the last axis."""
    if way in EAGER:
        return f
    if not unknown or way == "xla":
        return tf.function(f, jit_compile=way == "xla", autograph=False)
    open_ = [[*[None] * (x.shape.rank - 1), *x.shape[-1:]] for x in arguments]
    specs = [tf.TensorSpec(s, x.dtype) for s, x in zip(open_, arguments, strict=True)]
    return tf.function(f, input_signature=specs, autograph=False)


def traced(way: str, f: Callable[..., Any], *arguments: Tensor, unknown: bool = True) -> Any:
    """f(*arguments), as this way runs it."""
    return program(way, f, arguments, unknown)(*arguments)


def on_tensorflow(r: Any, change: Change = tf.constant) -> Any:
    """The same P or Q with `change` of every array in place of it."""
    return rebuilt(r, change)


class Call:
    """A pair as a function of all of its arrays, P's first."""

    def __init__(self, p: Any, q: Any) -> None:
        self.p, self.q = p, q
        self.of_p, self.of_q = arrays(p), arrays(q)
        self.inputs = [tf.constant(x) for x in (*self.of_p, *self.of_q)]
        self.floats = [i for i, x in enumerate(self.inputs) if x.dtype.is_floating]

    def pair(self, given: Sequence[Tensor]) -> tuple[Any, Any]:
        """P and Q with these tensors in place of their arrays."""
        new = dict(zip(map(id, (*self.of_p, *self.of_q)), given, strict=True))
        return (on_tensorflow(r, lambda x: new[id(x)]) for r in (self.p, self.q))

    def loss(self, *given: Tensor, **options: Any) -> Tensor:
        # A step away from a distribution is still to be differentiated.
        with plogq.validation("off"):
            return plogq.cross_entropy(*self.pair(given), **options)


def reached(way: str, check: Any) -> Any:
    """The bound that this way is held to: TensorFlow's threads take subnormal numbers for 0."""
    if way != "cpu":
        normal = float(np.finfo(bounds.loss_dtype(check.dtype)).tiny)
        check.allowed = np.where(check.allowed > 0, check.allowed + normal, 0.0)
    return check
