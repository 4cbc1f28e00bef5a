"""plogq on PyTorch tensors beside torch.nn.functional: stored scores, loss and backward()."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import prod

from . import inputs
from .case import OURS, READ, Case, Contender, Target, Work
from .peers import PEERS
from .targets import Error, Faster, Within

# Ours and a peer: the name of the row, and of the peer that fills it.
CONTENDERS = ((OURS, "plogq.torch"), ("torch", "torch"), ("torch.compile", "torch.compile"))


@dataclass(frozen=True, slots=True)
class Tensors:
    """One row: the kind of work, its shape at full and at trying size, and the figures to reach."""

    name: str
    title: str
    kind: str
    shape: tuple[int, ...]
    quick: tuple[int, ...]
    targets: Sequence[Target]
    dtype: str = "float32"
    touched: bool = False  # whether what the memory alone takes is measured too

    def work(self, quick: bool) -> Work:
        shape = self.quick if quick else self.shape
        z = partial(inputs.scores, shape, self.dtype)
        if self.kind == "labels_grad":
            target = partial(inputs.labels, *shape)
        elif self.kind == "binary_grad":
            target = partial(inputs.yes, *shape)
        elif self.kind == "between_grad":
            target = partial(inputs.teacher, shape)
        else:
            target = partial(inputs.probs, shape)
        exact = {
            "binary_grad": inputs.exact_binary,
            "kl_grad": inputs.exact_divergence,
            "between_grad": inputs.exact_between,
        }.get(self.kind, inputs.exact)
        gradient = prod(shape) * (2 if self.dtype == "bfloat16" else 4)
        half = ("ml_dtypes",) if self.dtype == "bfloat16" else ()
        return Work(
            contenders=tuple(
                Contender(
                    name,
                    PEERS[peer].title,
                    PEERS[peer].work(self.kind)(z, target),
                    needs=(*PEERS[peer].needs, *half),
                )
                for name, peer in (*CONTENDERS, *(((READ, "touch"),) if self.touched else ()))
            ),
            elements=prod(shape),
            reference=lambda: exact(z(), target()),
            result_bytes=gradient,
            input_bytes=gradient,
            score_bytes=gradient,
            close=inputs.forget,
        )

    def case(self) -> Case:
        return Case(self.name, self.title, self.work, self.targets)


_ROWS = (
    Tensors(
        "torch-labels",
        "tensors, `Labels × Logits`, loss and backward, 2048×32000 float32",
        "labels_grad",
        (2048, 32000),
        (128, 4000),
        (Faster("torch", 6), Faster("torch.compile", 4)),
    ),
    Tensors(
        "torch-bfloat16",
        "tensors, `Labels × Logits`, loss and backward, 2048×32000 bfloat16",
        "labels_grad",
        (2048, 32000),
        (128, 4000),
        (Faster("torch", 8), Error(1e-6)),
        "bfloat16",
    ),
    Tensors(
        "torch-small",
        "tensors, `Labels × Logits`, loss and backward, one call at 64×10 float32",
        "labels_grad",
        (64, 10),
        (64, 10),
        (Faster("torch", 1),),
    ),
    Tensors(
        "torch-many-rows",
        "tensors, `Labels × Logits`, loss and backward, 65536×10 float32",
        "labels_grad",
        (65536, 10),
        (4096, 10),
        (Faster("torch", 2.5),),
    ),
    Tensors(
        "torch-middle",
        "tensors, `Labels × Logits`, loss and backward, 4096×1000 float32",
        "labels_grad",
        (4096, 1000),
        (256, 1000),
        (Faster("torch", 2.5),),
    ),
    Tensors(
        "torch-probs",
        "tensors, `Probs × Logits`, loss and backward, 2048×32000 float32",
        "probs_grad",
        (2048, 32000),
        (128, 4000),
        (Faster("torch", 4),),
    ),
    Tensors(
        "torch-binary",
        "tensors, `BinaryProbs × BinaryLogits`, loss and backward, 10 million float32",
        "binary_grad",
        (10_000_000,),
        (200_000,),
        (Faster("torch", 3),),
    ),
    Tensors(
        "torch-kl",
        "tensors, `kl_divergence` of `Probs × Logits`, loss and backward, 2048×32000 float32",
        "kl_grad",
        (2048, 32000),
        (128, 4000),
        (Faster("torch", 3),),
    ),
    Tensors(
        "kl-stored",
        "tensors, `kl_divergence` of `Logits × Logits`, loss and backward, 2048×32000 float32",
        "between_grad",
        (2048, 32000),
        (128, 4000),
        (Faster("torch", 4), Within(READ, 1.5), Error(1e-6)),
        touched=True,
    ),
)

CASES = tuple(row.case() for row in _ROWS)
