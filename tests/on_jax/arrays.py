"""The representations that the makers give, on arrays of JAX, and the ways that a pair goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy.typing as npt

import plogq
from plogq.kernels import table

from ..rebuilt import Change, arrays, rebuilt

Array = npt.NDArray[Any]

# The kernel, then the formula as a program that XLA compiles, and the formula step by step.
WAYS = ("cpu", "formula", "steps")
PROGRAMS = WAYS[:-1]


@contextmanager
def by(way: str) -> Iterator[None]:
    """Inside this block pairs go this way."""
    if way == "cpu":
        yield
        return
    with table.using("formula"), jax.disable_jit(way == "steps"):
        yield


def on_jax(r: Any, change: Change = jnp.asarray) -> Any:
    """The same P or Q with `change` of every array in place of it."""
    return rebuilt(r, change)


class Call:
    """A pair as a function of all of its arrays, P's first."""

    def __init__(self, p: Any, q: Any) -> None:
        self.p, self.q = p, q
        self.of_p, self.of_q = arrays(p), arrays(q)
        self.inputs = [jnp.asarray(x) for x in (*self.of_p, *self.of_q)]
        self.floats = tuple(
            i for i, x in enumerate(self.inputs) if jnp.issubdtype(x.dtype, jnp.floating)
        )

    def pair(self, given: Sequence[Any]) -> tuple[Any, Any]:
        """P and Q with these arrays in place of their own."""
        new = dict(zip(map(id, (*self.of_p, *self.of_q)), given, strict=True))
        p, q = (on_jax(r, lambda x: new[id(x)]) for r in (self.p, self.q))
        return p, q

    def __call__(self, *given: Any, **options: Any) -> Any:
        # A step away from a distribution is still to be differentiated.
        with plogq.validation("off"):
            return plogq.cross_entropy(*self.pair(given), **options)
