"""NumPy, as the suites ask: the formula, and the C++ kernels of each instruction set here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

import plogq
from plogq import autodiff
from plogq.kernels import table
from plogq.kernels.cpu import processor as cpu

from .. import makers
from ..suite.framework import Apart, Array, Cannot, Framework, is_array


def _no_autodiff() -> None:
    assert autodiff._of("numpy") is None
    p = np.full((1, 2), 0.5)
    _, found = plogq.value_and_grad(plogq.Probs(p), plogq.Probs(p))
    assert type(found) is plogq.Probs, "the gradient is Q's alone"


class NumPy(Framework):
    name = "numpy"
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
            "NumPy's bits": Cannot("they are NumPy's own", lambda: None),
        }

    def put(self, x: Any) -> Any:
        return x

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
        with self.by(way):
            value = f(*held, **options)
            again, gradient = plogq.value_and_grad(*held, **options)
        assert np.array_equal(value, again, equal_nan=True)
        assert not is_array(gradient)
        return value, [Apart([gradient]).arrays]


FRAMEWORK = NumPy()
