"""Cost per element as the number of classes grows and the number of elements stays."""

from __future__ import annotations

from functools import partial
from typing import Any

from . import inputs
from .case import OURS, Case, Contender, Work
from .peers import PEERS
from .targets import Flat

_FULL = 1 << 26
_QUICK = 1 << 22
_CLASSES = (1_000, 4_096, 16_384, 65_536, 262_144, 1_048_576)


def _scores(total: int, classes: int) -> Any:
    """The first rows of `classes` that the one shared array has room for."""
    rows = total // classes
    return inputs.scores((total,))[: rows * classes].reshape(rows, classes)


def _work(kind: str, quick: bool) -> Work:
    total = _QUICK if quick else _FULL
    contenders = tuple(
        Contender(
            OURS if i == 0 else f"{OURS} {k}",
            f"K = {k:,}",
            PEERS[OURS].work(kind)(
                partial(_scores, total, k), partial(inputs.labels, total // k, k)
            ),
            PEERS[OURS].needs,
            elements=total // k * k,
        )
        for i, k in enumerate(_CLASSES)
    )
    return Work(contenders, elements=total, input_bytes=4 * total, close=inputs.forget)


_ROWS = (
    ("classes-loss", "loss", "labels_loss"),
    ("classes-grad", "loss and gradient", "labels_grad"),
)

CASES = tuple(
    Case(
        name,
        f"`Labels × Logits`, {what}, 67 million float32 elements in rows of K classes",
        partial(_work, kind),
        (Flat(1.2),),
        memory=False,
    )
    for name, what, kind in _ROWS
)
