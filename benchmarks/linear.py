"""`LinearLogits` beside its own three matrix products, and beside the unfused peers."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np

from . import inputs
from .case import OURS, Case, Contender, Work
from .peers import PEERS
from .targets import Memory, Within

_FULL = (2048, 512, 32000)
_QUICK = (256, 64, 4000)
_PEERS = (
    (OURS, "plogq", "linear_grad"),
    ("numpy", "the three matrix products alone, NumPy", "matrix_products"),
    ("numpy", "NumPy by hand, unfused", "linear_grad"),
    ("torch", "PyTorch eager, unfused", "linear_grad"),
    ("torch.compile", "PyTorch compiled, unfused", "linear_grad"),
    ("jax", "JAX jit, unfused", "linear_grad"),
)


def _inputs(shape: tuple[int, int, int]) -> tuple[Any, ...]:
    """Hidden states, weights, biases and labels; logits come out with a spread of about 4."""
    events, features, classes = shape
    return (
        partial(_scaled, (events, features), 1, 4.0),
        partial(_scaled, (classes, features), 2, features**-0.5),
        partial(_scaled, (classes,), 3, 1.0),
        partial(inputs.labels, events, classes),
    )


@cache
def _scaled(shape: tuple[int, ...], stream: int, scale: float) -> Any:
    made = inputs.normal(shape, stream)
    made *= np.float32(scale)
    return made


def _forget() -> None:
    _scaled.cache_clear()
    inputs.forget()


def _work(quick: bool) -> Work:
    shape = _QUICK if quick else _FULL
    events, features, classes = shape
    given = _inputs(shape)

    def exact() -> float:
        hidden, weight, bias, y = (make() for make in given)
        wide = hidden.astype("float64") @ weight.T.astype("float64") + bias
        return inputs.exact(wide, y)

    contenders = tuple(
        Contender(
            "products" if kind == "matrix_products" else name,
            title,
            PEERS[name].work(kind)(*given),
            PEERS[name].needs,
        )
        for name, title, kind in _PEERS
    )
    return Work(
        contenders,
        elements=events * classes,
        reference=exact,
        result_bytes=4 * (events * features + classes * features + classes),
        input_bytes=4 * (events * features + classes * features + classes),
        score_bytes=4 * events * classes,
        close=_forget,
    )


CASES = (
    Case(
        "linear",
        "`Labels × LinearLogits`, loss and three gradients, 2048×512×32000 float32",
        _work,
        (Within("products", 1.1), Memory(0.05)),
        unit="G scores/s",
    ),
)
