"""Two `LinearLogits` of PyTorch tensors, a teacher and its student, beside the unfused layers."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np

from . import inputs
from .case import OURS, Case, Contender, Work
from .peers import PEERS
from .targets import Error, Faster, Memory

# Events, features of the student and of its teacher, classes.
_FULL, _QUICK = (2048, 512, 512, 32000), (256, 64, 96, 4000)
_CONTENDERS = (
    (OURS, "plogq.torch", "plogq"),
    ("torch", "torch", "PyTorch eager, unfused"),
    ("torch.compile", "torch.compile", "PyTorch compiled, unfused"),
)


@cache
def _given(shape: tuple[int, int, int, int]) -> tuple[Any, ...]:
    """Hidden states and weights of both: logits of about 2 · N(0, 1)."""
    events, own, other, classes = shape
    made: list[Any] = []
    for stream, features in ((1, own), (3, other)):
        made.append(inputs.normal((events, features), stream) * np.float32(2.0))
        made.append(inputs.normal((classes, features), stream + 1) * np.float32(features**-0.5))
    return tuple(made)


def _exact(shape: tuple[int, int, int, int]) -> float:
    """The mean divergence, of the products in float64."""
    hidden, weight, of_teacher, its_weight = _given(shape)
    z, t = (
        h.astype(np.float64) @ w.T.astype(np.float64)
        for h, w in ((hidden, weight), (of_teacher, its_weight))
    )
    return inputs.exact_between(z, t)


def _forget() -> None:
    _given.cache_clear()
    inputs.forget()


def _one(shape: tuple[int, int, int, int], i: int) -> Any:
    return _given(shape)[i]


def _work(quick: bool) -> Work:
    shape = _QUICK if quick else _FULL
    events, own, other, classes = shape
    given = [partial(_one, shape, i) for i in range(4)]
    return Work(
        tuple(
            Contender(name, title, PEERS[peer].work("distilled_grad")(*given), PEERS[peer].needs)
            for name, peer, title in _CONTENDERS
        ),
        elements=events * classes,
        reference=partial(_exact, shape),
        result_bytes=4 * own * (events + classes),
        input_bytes=4 * (own + other) * (events + classes),
        score_bytes=4 * events * classes,
        close=_forget,
    )


CASES = (
    Case(
        "distill",
        "tensors, `kl_divergence` of `LinearLogits × LinearLogits`, loss and backward, "
        "2048×512×32000 float32",
        _work,
        (Faster("torch", 1), Memory(0.05), Error(1e-5)),
        unit="G scores/s",
    ),
)
