"""JAX, as the suites ask: programs that XLA compiles, each kept for the pairs of one form."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import plogq

from .. import bounds, makers
from ..suite.apart import Apart, arrays_of
from ..suite.contract import WRAPPERS
from ..suite.framework import Array, Cannot, Framework, Named, named
from . import arrays

P_AND_Q = [
    *(p for p in (*makers.TARGETS, *makers.BINARY_TARGETS) if p.partition("-")[2] in WRAPPERS),
    *makers.PREDICTIONS,
    *makers.BINARY_PREDICTIONS,
]


class Jax(Framework):
    name = "jax"
    thin = programs = True
    long_rows = (2, 1000, 2**18)
    ways = arrays.PROGRAMS
    slow = ("formula",)
    dtypes = (bounds.DTYPES[0], bounds.DTYPES[1], bounds.BFLOAT16)
    few = (bounds.DTYPES[0],)
    examples = 15

    def __init__(self) -> None:
        super().__init__()
        says = "in a program the gradient is a kernel's as well, which rounds what it shares"
        self.cannot = {"NumPy's bits": Cannot(says, self._near_numpy)}

    def _near_numpy(self) -> None:
        rng = np.random.default_rng(3)
        p, q = plogq.Labels(rng.integers(0, 5, 6)), plogq.Logits(rng.normal(size=(6, 5)))
        losses, gradient = self.results("cpu", p, q)
        want, numpys = plogq.value_and_grad(p, q, reduction="none")
        np.testing.assert_allclose(losses, want, rtol=1e-15)
        np.testing.assert_allclose(gradient.scores, numpys.scores, rtol=4e-15)

    def put(self, x: Any) -> Any:
        return jnp.asarray(x)

    @contextmanager
    def by(self, way: str) -> Iterator[None]:
        with arrays.by(way):
            yield

    def call(self, way: str, f: Callable[..., Any], *held: Any, **options: Any) -> Any:
        apart = Apart(held)

        def make() -> Any:
            return jax.jit(lambda *given: f(*apart.together(given), **options))

        key = ("value", way, f, str(options), apart.form(), jax.config.jax_enable_x64)
        with self.by(way):
            found = self.program(key, f, make)(*map(self.put, apart.arrays))
        return jax.tree.map(np.asarray, found)

    def pull(
        self,
        way: str,
        f: Callable[..., Any],
        *held: Any,
        of: Sequence[int] | None = None,
        weights: Any = None,
        **options: Any,
    ) -> tuple[Any, list[list[Array | None]]]:
        apart = Apart(held)
        wanted = apart.floats(of)

        def run(weights: Any, *given: Any) -> Any:
            def at(*some: Any) -> Any:
                new = dict(zip(wanted, some, strict=True))
                return f(*apart.together([new.get(i, x) for i, x in enumerate(given)]), **options)

            value, back = jax.vjp(at, *(given[i] for i in wanted))
            values = value if isinstance(value, tuple) else (value,)
            flows = weights if isinstance(weights, tuple) else (weights,) * len(values)
            up = tuple(
                jnp.ones_like(v) if w is None else jnp.asarray(w, v.dtype)
                for v, w in zip(values, flows, strict=True)
            )
            return value, back(up if isinstance(value, tuple) else up[0])

        key = ("slopes", way, f, str(options), of, apart.form(), jax.config.jax_enable_x64)
        with self.by(way):
            program = self.program(key, f, lambda: jax.jit(run))
            value, gradients = program(weights, *map(self.put, apart.arrays))
        gradients = [np.asarray(g) for g in gradients]
        return jax.tree.map(np.asarray, value), apart.nested(of, wanted, gradients)

    def contract_ways(self, p: str, q: str, layers: str, wrappers: Sequence[str]) -> Sequence[str]:
        """One of each part by every way, and the other pairs by a kernel or step by step.

        Of those every second, so that each P meets half of the Q and each Q half of the P.
        """
        if (p, q) in self.pairs:
            return arrays.WAYS
        if layers not in wrappers or (P_AND_Q.index(p) + P_AND_Q.index(q)) % 2:
            return ()
        stored = not q.startswith("Linear") and layers in ("both_weights", "smoothed")
        return ("cpu" if stored else "steps",)

    def contract_dtypes(self, p: str, q: str, way: str) -> Sequence[Any]:
        """Each is a program of its own, so the cases take one after another of them."""
        return (bounds.DTYPES[zlib.crc32(f"{p} × {q} {way}".encode()) % 4],)

    def shaped_pairs(self, way: str) -> list[tuple[Any, str]]:
        return [(bounds.DTYPES[1], "Logits" if way == "cpu" else "Probs")]

    def reached_of(self, q: str, way: str, check: Any) -> Any:
        """XLA's log1p of a negative float64 is 236 u off."""
        if way != "cpu" and q == "BinaryProbs" and check.dtype == np.float64:
            check.allowed = check.allowed * 32
        return self.reached(way, check)

    def twice(
        self, way: str, p: Any, q: Any, f: Callable[..., Any] = plogq.cross_entropy, **options: Any
    ) -> Named:
        apart, of_p = Apart((p, q)), len(arrays_of(p))

        def run(*given: Any) -> Any:
            def squares(*of_q: Any) -> Any:
                def loss(*of_q: Any) -> Any:
                    return f(*apart.together((*given[:of_p], *of_q)), **options)

                first = jax.grad(loss, tuple(range(len(of_q))))(*of_q)
                return sum((g**2).sum() for g in first)

            return jax.grad(squares, tuple(range(len(given) - of_p)))(*given[of_p:])

        key = ("twice", way, f, str(options), apart.form(), jax.config.jax_enable_x64)
        with self.by(way):
            second = self.program(key, f, lambda: jax.jit(run))(*map(self.put, apart.arrays))
        return named(q, [np.asarray(g) for g in second])

    def flushes(self, way: str) -> bool:
        return way != "cpu"

    def own_loss(self, scores: Array, y: Array) -> float:
        return float(-jax.nn.log_softmax(self.put(scores))[0, int(y[0])])

    def reached(self, way: str, check: Any, classes: int = 2) -> Any:
        """In XLA's own operations subnormal numbers are 0, in each term of a sum."""
        if way != "cpu":
            normal = classes * float(np.finfo(bounds.loss_dtype(check.dtype)).tiny)
            check.allowed = np.where(check.allowed > 0, check.allowed + normal, 0.0)
        return check


FRAMEWORK = Jax()
