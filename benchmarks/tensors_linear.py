"""`LinearLogits` of PyTorch tensors beside the unfused layer and F.linear_cross_entropy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from . import inputs
from .case import OURS, Case, Contender, Target, Work
from .peers import PEERS
from .targets import Error, Faster, GradientError, Memory

Shape = tuple[int, int, int]  # events, features, classes
_FULL = (2048, 512, 32000)
_QUICK = (256, 64, 4000)


@cache
def plain(shape: Shape, dtype: str) -> tuple[Any, Any, Any]:
    """Hidden states, weights and labels: scores of 4 · N(0, 1), as of a model at its start."""
    events, features, classes = shape
    hidden = inputs.normal((events, features), 1) * np.float32(4.0)
    weight = inputs.normal((classes, features), 2) * np.float32(features**-0.5)
    return _cast(hidden, dtype), _cast(weight, dtype), inputs.labels(events, classes)


@cache
def sharp(shape: Shape, dtype: str) -> tuple[Any, Any, Any]:
    """Scores as sharp as those of a trained model: hidden = 0.04 · weight_y + 0.1 · N(0, 1).

    With 512 features and 32,000 classes the right class has a probability of 0.99 in the mean, and
    between five and six classes an event have one above 2⁻¹².
    """
    events, features, classes = shape
    weight, y = inputs.normal((classes, features), 2), inputs.labels(events, classes)
    hidden = np.float32(0.04) * weight[y]
    hidden += np.float32(0.1) * inputs.normal((events, features), 1)
    return _cast(hidden, dtype), _cast(weight, dtype), y


def _cast(x: Any, dtype: str) -> Any:
    if dtype == "bfloat16":
        import ml_dtypes

        return x.astype(ml_dtypes.bfloat16)
    return x


Made = Callable[[Shape, str], tuple[Any, Any, Any]]


@cache
def _exact(made: Made, shape: Shape, dtype: str) -> tuple[float, Any]:
    """The mean loss and the gradient of the weight, in float64 on the exact values."""
    hidden, weight, y = made(shape, dtype)
    wide = weight.astype(np.float64)
    total, gradient = 0.0, np.zeros_like(wide)
    for start in range(0, len(hidden), 256):
        block = hidden[start : start + 256].astype(np.float64)
        aim = y[start : start + 256]
        scores, rows = block @ wide.T, np.arange(len(block))
        scores -= scores.max(axis=1, keepdims=True)
        picked = scores[rows, aim].copy()
        np.exp(scores, out=scores)
        z = scores.sum(axis=1, keepdims=True)
        total += float((np.log(z[:, 0]) - picked).sum())
        scores /= z
        scores[rows, aim] -= 1.0
        gradient += scores.T @ block
    return total / len(hidden), gradient / len(hidden)


def _weight_error(made: Made, shape: Shape, dtype: str, gradients: Any) -> float:
    """‖g - exact‖ / ‖exact‖ of the weight's gradient."""
    _, exact = _exact(made, shape, dtype)
    off = gradients[1].double().numpy() - exact
    return float(np.linalg.norm(off) / np.linalg.norm(exact))


def forget() -> None:
    for made in (plain, sharp, _exact):
        made.cache_clear()
    inputs.forget()


@dataclass(frozen=True, slots=True)
class Linear:
    """One row: how its inputs are made, who takes part, and what is to be reached."""

    name: str
    title: str
    made: Made
    contenders: Sequence[tuple[str, str, str]]  # the row, the peer that fills it, its title
    targets: Sequence[Target]
    dtype: str = "float32"

    def work(self, quick: bool) -> Work:
        shape = _QUICK if quick else _FULL
        events, features, classes = shape
        given = [partial(one, self.made, shape, self.dtype, i) for i in range(3)]
        half = ("ml_dtypes",) if self.dtype == "bfloat16" else ()
        size = 2 if half else 4
        parameters = size * (events * features + classes * features)
        return Work(
            tuple(
                Contender(
                    name,
                    title,
                    PEERS[peer].work("unbiased_grad")(*given),
                    needs=(*PEERS[peer].needs, *half),
                )
                for name, peer, title in self.contenders
            ),
            elements=events * classes,
            reference=lambda: _exact(self.made, shape, self.dtype)[0],
            gradient_error=partial(_weight_error, self.made, shape, self.dtype),
            result_bytes=parameters,
            input_bytes=parameters,
            score_bytes=size * events * classes,
            close=forget,
        )

    def case(self) -> Case:
        return Case(self.name, self.title, self.work, self.targets, unit="G scores/s")


def one(made: Made, shape: Shape, dtype: str, which: int) -> Any:
    return made(shape, dtype)[which]


_PEERS = (
    ("torch", "torch", "PyTorch eager, unfused"),
    ("torch.compile", "torch.compile", "PyTorch compiled, unfused"),
    ("torch.fused", "torch.fused", "PyTorch F.linear_cross_entropy, in chunks"),
)
_OURS = (OURS, "plogq.torch", "plogq")

_ROWS = (
    Linear(
        "torch-linear",
        "tensors, `Labels × LinearLogits`, loss and backward, 2048×512×32000 float32",
        plain,
        (_OURS, *_PEERS),
        (Faster("torch", 1), Faster("torch.fused", 1.8), Memory(0.05)),
    ),
    Linear(
        "torch-linear-sharp",
        "tensors, `Labels × LinearLogits`, gradient_filter=2⁻¹², loss and backward, scores as "
        "sharp as a trained model's, 2048×512×32000 float32",
        sharp,
        (
            (OURS, "plogq.filter", "plogq, gradient_filter=2⁻¹²"),
            ("plogq.whole", "plogq.torch", "plogq, no filter"),
            *_PEERS,
        ),
        (Faster("torch", 1.6),),
    ),
    Linear(
        "torch-linear-bfloat16",
        "tensors, `Labels × LinearLogits`, loss and backward, 2048×512×32000 bfloat16",
        plain,
        (
            _OURS,
            *_PEERS,
            ("torch.float32", "torch.float32", "PyTorch in float32, gradients rounded once"),
        ),
        (Faster("torch", 1), Error(1e-6), GradientError("torch.float32", 1.05)),
        "bfloat16",
    ),
)

CASES = tuple(row.case() for row in _ROWS)
