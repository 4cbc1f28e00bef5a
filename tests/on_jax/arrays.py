"""The representations that the makers give, on arrays of JAX, and the ways that a pair goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

import plogq
from plogq.frameworks import autodiff
from plogq.kernels import table
from plogq.pairing import prepare

from ..rebuilt import HELD, Change, arrays, rebuilt

Array = npt.NDArray[Any]

# The kernels for stored scores that the table has for JAX, and those that it is to have.
KERNELS = tuple(
    dict.fromkeys(r.name for r in table.ROWS if r.framework == "jax" and r.name == "cpu")
)
EXPECTED_KERNELS = ("cpu",)
# Those, then the formula as a program that XLA compiles, and the formula step by step.
WAYS = (*KERNELS, "formula", "steps")
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


class Gradients:
    """The gradients of Q's arrays, under their own names."""

    bias = None

    def __init__(self, q: Any, gradients: Sequence[Any]) -> None:
        named = [n for n in HELD if getattr(q, n, None) is not None]
        for name, g in zip(named, gradients, strict=True):
            setattr(self, name, np.asarray(g))


def both(
    way: str, p: Any, q: Any, d_loss: Any, d_log_z: Any
) -> tuple[Array, Array, Gradients, str]:
    """Losses, log Z, the gradient of their weighted sums in Q's own type, and the kernel."""
    call, kernels = Call(p, q), []
    of_p = len(call.of_p)

    def run(*given: Any) -> Any:
        def losses(*of_q: Any) -> Any:
            pair = prepare(*call.pair((*given[:of_p], *of_q)))
            kernels.append(pair.kernel.name)
            return autodiff.losses(pair.xp, pair.kernel, pair.measure, pair.scores, True)

        found, back = jax.vjp(losses, *given[of_p:])
        return found, back(tuple(jnp.asarray(d, found[0].dtype) for d in (d_loss, d_log_z)))

    with by(way):
        (loss, log_z), gradients = jax.jit(run)(*call.inputs)
    return np.asarray(loss), np.asarray(log_z), Gradients(q, gradients), kernels[0]
