"""NumPy, as the suites ask: the formula, and the C++ kernels of each instruction set here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

import plogq
from plogq import frameworks as arrays
from plogq.frameworks import autodiff
from plogq.kernels import table
from plogq.native import processor as cpu

from .. import bounds, makers
from ..suite.apart import arrays_of, is_array
from ..suite.framework import Array, Cannot, Framework


def _no_autodiff() -> None:
    assert autodiff._of("numpy") is None
    p = np.full((1, 2), 0.5)
    _, found = plogq.value_and_grad(plogq.Probs(p), plogq.Probs(p))
    assert type(found) is plogq.Probs, "the gradient is Q's alone"


def _is_numpy() -> None:
    assert arrays.verbs(np.zeros(1)).name == "numpy"


def _lists() -> None:
    losses = plogq.cross_entropy(plogq.Labels([0]), plogq.Logits(np.zeros((1, 2))))
    np.testing.assert_allclose(losses, np.log(2))


class NumPy(Framework):
    name = "numpy"
    lengths = (64, 130, 5000, 40_000)
    long_rows = (2, 5, 64, 1000, 4097, 2**18)
    chunks = ("float64", "float32")
    ways = (*(f"cpu:{name}" for name in cpu.instruction_sets()), "formula")
    pairs = (
        *((p, q) for p in makers.TARGETS for q in makers.PREDICTIONS),
        *((p, q) for p in makers.BINARY_TARGETS for q in makers.BINARY_PREDICTIONS),
    )

    def __init__(self) -> None:
        nothing = Cannot("NumPy differentiates nothing: a loss has Q's gradient", _no_autodiff)
        self.cannot = {
            "gradients of any function": nothing,
            "second derivatives": nothing,
            "NumPy's bits": Cannot("they are NumPy's own", _is_numpy),
            "mixed frameworks": Cannot("lists and numbers are NumPy's arrays", _lists),
        }

    def put(self, x: Any) -> Any:
        return x

    def on(self, r: Any) -> Any:
        return r

    def own_loss(self, scores: Array, y: Array) -> float:
        """As NumPy's users write it."""
        chances = np.exp(scores - scores.max(-1, keepdims=True))
        return float(-np.log(chances / chances.sum(-1, keepdims=True))[np.arange(len(y)), y][0])

    def reached(self, way: str, check: Any, classes: int = 2) -> Any:
        """NumPy's own operations round subnormal terms of float32 one by one."""
        if way == "formula":
            more = 3 * bounds.least(bounds.loss_dtype(check.dtype))
            check.allowed = np.where(check.allowed > 0, check.allowed + more, 0.0)
        return check

    @contextmanager
    def by(self, way: str) -> Iterator[None]:
        name, _, instructions = way.partition(":")
        if name == "formula":
            with table.using("formula"):
                yield
            return
        with cpu.instruction_set(instructions):
            yield

    def pull(
        self,
        way: str,
        f: Callable[..., Any],
        *held: Any,
        of: Sequence[int] | None = None,
        weights: Any = None,
        **options: Any,
    ) -> tuple[Any, list[list[Array | None]]]:
        assert f is plogq.cross_entropy, "NumPy has a gradient of nothing else"
        assert tuple(of or ()) == (1,)
        assert weights is None
        held = tuple(map(self.on, held))
        with self.by(way):
            value = self.get(f(*held, **options))
            again, gradient = plogq.value_and_grad(*held, **options)
        assert np.array_equal(value, self.get(again), equal_nan=True)
        assert not is_array(gradient)
        return value, [[self.get(x) for x in arrays_of(gradient)]]


FRAMEWORK = NumPy()
