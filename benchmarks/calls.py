"""How many Python functions of plogq one call enters: what a small batch pays for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

import plogq

PACKAGE = str(Path(plogq.__file__).parent)
_Y, _Z = np.array([1, 0]), np.array([[2.0, 5.0, 1.0], [7.0, 1.0, 0.5]], np.float32)
_EVENT, _CLASS = np.array([1.0, 2.0], np.float32), np.array([1.0, 2.0, 1.0], np.float32)

Step = Callable[..., Any]  # (P, options of the loss) -> what is counted


def entered(call: Callable[[], Any]) -> int:
    """How many functions of ours are entered by a call that is not the first of its kind."""
    call()
    call()
    count = 0

    def see(frame: FrameType, event: str, _: Any) -> None:
        nonlocal count
        count += event == "call" and frame.f_code.co_filename.startswith(PACKAGE)

    sys.setprofile(see)
    try:
        call()
    finally:
        sys.setprofile(None)
    return count


def _numpy() -> tuple[Callable[[Any], Any], Step]:
    return np.asarray, lambda p, z, **options: plogq.cross_entropy(p(), plogq.Logits(z), **options)


def _with_gradient() -> tuple[Callable[[Any], Any], Step]:
    return np.asarray, lambda p, z, **options: plogq.value_and_grad(p(), plogq.Logits(z), **options)


def _torch() -> tuple[Callable[[Any], Any], Step]:
    import torch

    def step(p: Any, z: Any, **options: Any) -> None:
        scores = z.detach().requires_grad_()
        plogq.cross_entropy(p(), plogq.Logits(scores), **options).sum().backward()

    return torch.tensor, step


def _jax() -> tuple[Callable[[Any], Any], Step]:
    import jax

    def trace(p: Any, z: Any, **options: Any) -> None:
        jax.make_jaxpr(lambda z: plogq.cross_entropy(p(), plogq.Logits(z), **options))(z)

    return jax.numpy.asarray, trace


def _tensorflow() -> tuple[Callable[[Any], Any], Step]:
    import tensorflow as tf

    return tf.constant, _numpy()[1]


WAYS: dict[str, tuple[str, Callable[[], tuple[Callable[[Any], Any], Step]]]] = {
    "NumPy, loss": ("numpy", _numpy),
    "NumPy, value_and_grad": ("numpy", _with_gradient),
    "PyTorch, forward and backward": ("torch", _torch),
    "JAX, traced": ("jax", _jax),
    "TensorFlow, eager": ("tensorflow", _tensorflow),
}


def counts(make: Callable[[Any], Any], step: Step) -> dict[str, int]:
    """The number for each kind of P."""
    y, z, event, by_class = map(make, (_Y, _Z, _EVENT, _CLASS))

    def weighted() -> Any:
        return plogq.Weighted(plogq.Labels(y), sample_weight=event, class_weight=by_class)

    def smoothed() -> Any:
        return plogq.Smoothed(plogq.Labels(y), 0.1)

    return {
        "labels": entered(lambda: step(lambda: plogq.Labels(y), z)),
        "ignored": entered(lambda: step(lambda: plogq.Labels(y, ignore=-1), z)),
        "smoothed": entered(lambda: step(smoothed, z)),
        "weighted": entered(lambda: step(weighted, z)),
        "reduction none": entered(lambda: step(lambda: plogq.Labels(y), z, reduction="none")),
    }


def main() -> None:
    """Print the table: one row for each framework that is installed."""
    rows = {way: counts(*load()) for way, (package, load) in WAYS.items() if find_spec(package)}
    header = ("functions entered", *next(iter(rows.values())))
    table = [header, *((way, *map(str, found.values())) for way, found in rows.items())]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        print("  ".join(text.ljust(n) for text, n in zip(row, widths, strict=True)).rstrip())
