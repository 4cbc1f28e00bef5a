"""Cases over stored scores: labels, soft targets and yes/no outcomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

from . import inputs
from .case import OURS, READ, Case, Contender, Target, Work
from .peers import PEERS
from .targets import Error, Faster, Within


@dataclass(frozen=True, slots=True)
class Stored:
    """One row: the kind of work, its shape at full and at trying size, and who takes part."""

    name: str
    title: str
    kind: str
    shape: tuple[int, ...]
    quick: tuple[int, ...]
    peers: tuple[str, ...]
    targets: Sequence[Target] = ()
    dtype: str = "float32"

    def work(self, quick: bool) -> Work:
        shape = self.quick if quick else self.shape
        z = partial(inputs.scores, shape, self.dtype)
        target = partial(_TARGETS[self.kind.partition("_")[0]], shape)
        exact = inputs.exact_binary if len(shape) == 1 else inputs.exact
        half = self.dtype in ("bfloat16", "float16")
        gradient = prod(shape) * (2 if half else 4)
        return Work(
            contenders=tuple(self._contender(name, z, target) for name in self.peers),
            elements=prod(shape),
            reference=lambda: exact(z(), target()),
            result_bytes=gradient if self.kind.endswith("grad") else 0,
            input_bytes=gradient * (1 if self.kind.startswith("labels") else 2),
            score_bytes=gradient,
            close=inputs.forget,
        )

    def _contender(self, name: str, *given: Callable[[], Any]) -> Contender:
        peer = PEERS[name]
        half = ("ml_dtypes",) if self.dtype == "bfloat16" else ()
        return Contender(name, peer.title, peer.work(self.kind)(*given), needs=(*peer.needs, *half))

    def case(self) -> Case:
        return Case(self.name, self.title, self.work, self.targets)


_TARGETS: dict[str, Callable[[tuple[int, ...]], Any]] = {
    "labels": lambda shape: inputs.labels(*shape),
    "probs": inputs.probs,
    "binary": lambda shape: inputs.yes(shape[0]),
}

_LOSS = (OURS, READ, "numpy", "scipy", "sklearn", "torch", "torch.compile", "jax")
_GRADIENT = (OURS, READ, "numpy", "scipy", "torch", "torch.compile", "jax")
_SMALL = tuple(name for name in _GRADIENT if name != READ)  # so little is read in no time
_HALF = (OURS, READ, "numpy", "torch", "torch.compile", "jax")
_HALF_TARGETS = (Faster("torch", 8), Error(1e-6))

_ROWS = (
    Stored(
        "labels-loss",
        "`Labels × Logits`, loss, 2048×32000 float32",
        "labels_loss",
        (2048, 32000),
        (128, 4000),
        _LOSS,
        (Faster("torch", 8), Faster("torch.compile", 4), Faster("jax", 3.5), Within(READ, 1.8)),
    ),
    Stored(
        "labels-grad",
        "`Labels × Logits`, loss and gradient into a fresh array, 2048×32000 float32",
        "labels_grad",
        (2048, 32000),
        (128, 4000),
        _GRADIENT,
        (Faster("torch", 6), Faster("jax", 4)),
    ),
    Stored(
        "many-rows",
        "`Labels × Logits`, loss and gradient, 65536×10 float32",
        "labels_grad",
        (65536, 10),
        (4096, 10),
        _GRADIENT,
        (Faster("torch", 3),),
    ),
    Stored(
        "middle",
        "`Labels × Logits`, loss and gradient, 4096×1000 float32",
        "labels_grad",
        (4096, 1000),
        (256, 1000),
        _GRADIENT,
        (Faster("torch", 3),),
    ),
    Stored(
        "small",
        "`Labels × Logits`, loss and gradient, one call at 64×10 float32",
        "labels_grad",
        (64, 10),
        (64, 10),
        _SMALL,
        (Faster("torch", 1),),
    ),
    Stored(
        "bfloat16",
        "`Labels × Logits`, loss, 2048×32000 bfloat16",
        "labels_loss",
        (2048, 32000),
        (128, 4000),
        _HALF,
        _HALF_TARGETS,
        "bfloat16",
    ),
    Stored(
        "bfloat16-grad",
        "`Labels × Logits`, loss and gradient, 2048×32000 bfloat16",
        "labels_grad",
        (2048, 32000),
        (128, 4000),
        _HALF,
        _HALF_TARGETS,
        "bfloat16",
    ),
    Stored(
        "float16",
        "`Labels × Logits`, loss, 2048×32000 float16",
        "labels_loss",
        (2048, 32000),
        (128, 4000),
        _HALF,
        _HALF_TARGETS,
        "float16",
    ),
    Stored(
        "float16-grad",
        "`Labels × Logits`, loss and gradient, 2048×32000 float16",
        "labels_grad",
        (2048, 32000),
        (128, 4000),
        _HALF,
        _HALF_TARGETS,
        "float16",
    ),
    Stored(
        "probs-grad",
        "`Probs × Logits`, loss and gradient, 2048×32000 float32",
        "probs_grad",
        (2048, 32000),
        (128, 4000),
        _GRADIENT,
        (Faster("torch", 5),),
    ),
    Stored(
        "binary-grad",
        "`BinaryProbs × BinaryLogits`, loss and gradient, 10 million float32",
        "binary_grad",
        (10_000_000,),
        (200_000,),
        _GRADIENT,
        (Faster("torch", 3),),
    ),
)

CASES = tuple(row.case() for row in _ROWS)
