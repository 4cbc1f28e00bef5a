"""Scores split over the ranks of a group, around the kernel for one rank's scores.

Each rank runs its own kernel on its own classes, as on a shard (`shards.py`); a maximum and a sum
over the ranks put the findings together. The gradient on each rank is the closed form of its own
kernel, given m, R and the mass of all, so that backward says nothing to the other ranks; only the
gradient of a hidden state that all ranks share is a sum over them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch

from ..algebra import shards
from ..algebra.contract import Forward, Kernel, in_steps
from ..algebra.formula import Formula
from ..algebra.measure import Measure
from ..algebra.scores import Projection, Scores
from ..errors import PlogqError
from ..frameworks.rows import CLASSES, TABLE, Key
from ..frameworks.torch import arrays as verbs
from . import collectives as ranks

Tensor = torch.Tensor
Local = Scores | Projection


@dataclass(slots=True, eq=False, repr=False)
class Shard:
    """This rank's scores, with what all ranks together have found about each event.

    `greatest` (m), `rest` (R) and `expected` (Σ p · (m - s) over all classes) are float64 per
    event; they are constants, and not among the `arrays` that have gradients.
    """

    reads: ClassVar = "sharded"

    local: Any
    group: Any
    greatest: Tensor
    rest: Tensor
    expected: Tensor
    # Whether backward owes the gradient of hidden, which all ranks have a part of.
    hidden: bool = False

    def arrays(self) -> tuple[Tensor | None, ...]:
        return self.local.arrays()

    def filled(self, arrays: tuple[Tensor | None, ...]) -> Shard:
        return replace(self, local=self.local.filled(arrays))


_formula = Formula(verbs)


def _inner(measure: Measure, local: Local) -> Kernel:
    """The kernel for one rank's scores: the one that runs them where they are all there is."""
    key = Key(CLASSES, local.reads, "torch", verbs.device(_array(local)))
    inner = (k for k in TABLE.candidates(key) if k.refuses(measure, local) is None)
    return next(inner, _formula)


def own_classes(local: Local) -> int:
    """How many classes this rank has."""
    if isinstance(local, Projection):
        return int(local.weight.shape[0])
    return int(local.array.shape[local.axis])


@torch.no_grad()
def find(parts: Sequence[Measure], local: Local) -> list[shards.Found]:
    """What this rank finds in its own classes, for each part of P."""
    return [_find(replace(part, classes=own_classes(local), total=None), local) for part in parts]


def _find(part: Measure, local: Local) -> shards.Found:
    mass = part.mass(verbs)
    nothing = torch.zeros_like(mass)
    if not part.classes:
        return shards.Found(nothing - torch.inf, nothing, nothing, mass)
    # With mass 0 a loss is E_r alone, and nothing has been added that would have to go again.
    bare = _told(part, nothing, local)
    return shards.found(part, _inner(bare, local).forward(bare, local), verbs)


def _told(part: Measure, mass: Tensor, local: Local) -> Measure:
    """`part` with the mass that a kernel is told."""
    return replace(part, classes=own_classes(local), total=mass)


class Sharded:
    """The kernel for a `Shard`, around the kernel for one rank's scores."""

    name = "sharded"
    # It knows a part of the classes only: autograd cannot put the formula in its place.
    whole = False

    def refuses(self, measure: Any, scores: Any) -> str | None:
        return None if isinstance(scores, Shard) else "this kernel is for scores split over ranks"

    def refuse_operations(self) -> None:
        """Say that the gradient cannot be differentiated again."""
        raise PlogqError(
            "the gradient of a loss over ranks cannot be differentiated again, and torch.func and "
            "forward mode cannot pass through it; gather the scores (all_gather of "
            "torch.distributed.nn.functional, or DTensor.full_tensor()) and write Logits(scores)"
        )

    def forward(self, measure: Measure, scores: Shard, log_z: bool = False) -> Forward:
        mass = measure.mass(verbs)
        whole = shards.Found(scores.greatest, scores.rest, scores.expected, mass)
        loss, found = shards.losses(whole, mass, verbs)
        like = verbs.statistics(_array(scores.local)[:0])
        return Forward(
            verbs.cast_like(loss, like),
            verbs.cast_like(found, like) if log_z else None,
            (scores.greatest, scores.rest),
        )

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Any, ...]:
        local = scores.local
        own = _told(measure, measure.mass(verbs), local)
        if scores.hidden:
            # What ranks add up is not rounded to the type of hidden before.
            local = replace(local, hidden=verbs.statistics(local.hidden))
        if own.classes:
            found: Any = _inner(own, local).backward(own, local, residual, d_loss, d_log_z, out)
        else:
            found = tuple(None if x is None else torch.zeros_like(x) for x in local.arrays())
        if not scores.hidden:
            return found
        whole = ranks.sum_over(found[0].contiguous(), scores.group)
        return (verbs.cast_like(whole, scores.local.hidden), *found[1:])

    def fused(
        self, measure: Any, scores: Any, d_loss: float, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Any, ...]]:
        scores = replace(scores, hidden=isinstance(scores.local, Projection))
        return in_steps(self, verbs, measure, scores, d_loss, z_loss, out)


def _array(local: Local) -> Tensor:
    return local.hidden if isinstance(local, Projection) else local.array


sharded = Sharded()
