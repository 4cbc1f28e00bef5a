"""plogq in programs of JAX, TensorFlow and Keras beside those frameworks' own losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import prod

import numpy as np

from . import inputs, tensors_linear
from .case import OURS, Case, Contender, Target, Work
from .peers import PEERS
from .targets import Faster, Memory

_JAX = ((OURS, "plogq.jax"), ("optax", "optax"))
_BOTH = (*_JAX, ("plogq.formula", "plogq.formula"))
_TF = (
    (OURS, "plogq.tensorflow"),
    ("tensorflow", "tensorflow"),
    ("plogq.xla", "plogq.xla"),
    ("tensorflow.xla", "tensorflow.xla"),
)
_KERAS = ((OURS, "plogq.keras"), ("keras", "keras"))


@dataclass(frozen=True, slots=True)
class Stored:
    """One row: `Labels × Logits` of a shape, loss and gradient, and the figures to reach."""

    name: str
    title: str
    contenders: Sequence[tuple[str, str]]
    shape: tuple[int, int]
    quick: tuple[int, int]
    targets: Sequence[Target]
    kind: str = "labels_grad"

    def work(self, quick: bool) -> Work:
        shape = self.quick if quick else self.shape
        z, y = partial(inputs.scores, shape), partial(inputs.labels, *shape)
        size = 4 * prod(shape)
        return Work(
            _contenders(self.contenders, self.kind, z, y),
            elements=prod(shape),
            reference=lambda: inputs.exact(z(), y()),
            result_bytes=size if self.kind == "labels_grad" else 0,
            input_bytes=size,
            score_bytes=size,
            close=inputs.forget,
        )


def _contenders(
    rows: Sequence[tuple[str, str]], kind: str, *given: object
) -> tuple[Contender, ...]:
    return tuple(
        Contender(name, PEERS[peer].title, PEERS[peer].work(kind)(*given), needs=PEERS[peer].needs)
        for name, peer in rows
    )


def _linear(quick: bool) -> Work:
    shape = (256, 64, 4000) if quick else (2048, 512, 32000)
    events, features, classes = shape
    given = [
        partial(tensors_linear.one, tensors_linear.plain, shape, "float32", i) for i in range(3)
    ]
    parameters = 4 * (events * features + classes * features)
    return Work(
        _contenders((_JAX[0], ("unfused", "optax.unfused")), "unbiased_grad", *given),
        elements=events * classes,
        result_bytes=parameters,
        input_bytes=parameters,
        score_bytes=4 * events * classes,
        close=tensors_linear.forget,
    )


def _fit(quick: bool) -> Work:
    count = 1024 if quick else 60_000
    return Work(
        _contenders(
            _KERAS,
            "fit",
            partial(_images, count),
            lambda: inputs.labels(count, 10).astype(np.int32),
        ),
        elements=count,
        close=inputs.forget,
    )


def _images(count: int) -> object:
    """Noise of the size of MNIST's images."""
    return inputs.normal((count, 28 * 28))


_ROWS = (
    Stored(
        "jax-labels",
        "JAX, `Labels × Logits`, value and gradient under jit, 2048×32000 float32",
        _BOTH,
        (2048, 32000),
        (128, 4000),
        (Faster("optax", 2),),
    ),
    Stored(
        "jax-labels-loss",
        "JAX, `Labels × Logits`, the loss under jit, 2048×32000 float32",
        _BOTH,
        (2048, 32000),
        (128, 4000),
        (),
        "labels_loss",
    ),
    Stored(
        "jax-middle",
        "JAX, `Labels × Logits`, value and gradient under jit, 4096×1000 float32",
        _JAX,
        (4096, 1000),
        (256, 1000),
        (),
    ),
    Stored(
        "jax-small",
        "JAX, `Labels × Logits`, value and gradient under jit, one call at 64×10 float32",
        _JAX,
        (64, 10),
        (64, 10),
        (),
    ),
    Stored(
        "tensorflow-labels",
        "TensorFlow, `Labels × Logits`, value and gradient in a tf.function, 2048×32000 float32",
        _TF,
        (2048, 32000),
        (128, 4000),
        (Faster("tensorflow", 1),),
    ),
    Stored(
        "tensorflow-middle",
        "TensorFlow, `Labels × Logits`, value and gradient in a tf.function, 4096×1000 float32",
        _TF,
        (4096, 1000),
        (256, 1000),
        (Faster("tensorflow", 1),),
    ),
    Stored(
        "tensorflow-small",
        "TensorFlow, `Labels × Logits`, value and gradient in a tf.function, one call at 64×10",
        _TF,
        (64, 10),
        (64, 10),
        (Faster("tensorflow", 1),),
    ),
)

CASES = (
    *(Case(row.name, row.title, row.work, row.targets) for row in _ROWS[:4]),
    Case(
        "jax-linear",
        "JAX, `Labels × LinearLogits`, value and gradients under jit, 2048×512×32000 float32",
        _linear,
        (Faster("unfused", 1), Memory(0.10)),
        unit="G scores/s",
    ),
    *(Case(row.name, row.title, row.work, row.targets) for row in _ROWS[4:]),
    Case(
        "keras-fit",
        "Keras, an epoch of `fit`, 60,000 images of 28×28, a dense network, batches of 64",
        _fit,
        (Faster("keras", 1),),
        memory=False,
        unit="G images/s",
    ),
)
