"""Two predictions over the ranks of a group: each rank has the same classes of both.

A maximum and a sum over the ranks give log Z of both sides, and the formula, told these, finds on
each rank what its classes add to the value; that is one sum more. What those sums were is kept, so
that backward says nothing to the other ranks but for a hidden state that all of them share.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..algebra import versus
from ..algebra.contract import Forward, in_steps
from ..algebra.scores import Projection, Versus
from ..frameworks.torch import arrays as verbs
from ..frameworks.torch.uncompiled_derivatives import formula
from . import collectives as ranks
from .kernel import own_classes, sharded


class Over:
    """Adds sums up over the ranks, and gives the same again in the same order when rewound."""

    def __init__(self, group: Any, hidden: tuple[bool, ...]) -> None:
        self.group, self.hidden = group, hidden
        self.kept: list[list[Any]] = []
        self.at: int | None = None

    def __call__(self, sums: list[Any]) -> list[Any]:
        if self.at is not None:
            self.at += 1
            return self.kept[self.at - 1]
        self.kept.append(list(ranks.sums([verbs.weights(x) for x in sums], self.group)))
        return self.kept[-1]


class ShardedPairs:
    """The kernel for two predictions over ranks."""

    name = "sharded"
    # It knows a part of the classes only: autograd cannot put the formula in its place.
    whole = False

    def refuses(self, measure: Any, scores: Any) -> str | None:
        if isinstance(scores, Versus) and scores.known:
            return None
        return "this kernel is for two predictions that are split over ranks"

    def refuse_operations(self) -> None:
        sharded.refuse_operations()

    def forward(self, measure: Any, scores: Versus, log_z: bool = False) -> Forward:
        over: Over = scores.over
        over.kept, over.at = [], None
        found = versus.forward(formula, measure, scores)
        if scores.of == "js":
            # What the slopes are levelled by is a sum over all classes too.
            over.kept = []
            versus.slopes_of(formula, measure, scores, 1.0, 0.0)
        return found

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Any, ...]:
        over: Over = scores.over
        over.at = 0
        # What ranks add up is not rounded to the type of hidden before.
        wide = [_wide(side) for side in scores.sides()]
        pair = replace(scores, p=wide[-1], q=None if scores.q is None else wide[0])
        if own_classes(pair.p):
            found: list[Any] = list(versus.backward(formula, measure, pair, d_loss, d_log_z))
        else:
            found = [None if x is None else verbs.zeros(x.shape, x) for x in pair.arrays()]
        at = 0
        for side, asked in zip(scores.sides(), over.hidden, strict=True):
            if isinstance(side, Projection) and asked:
                whole = ranks.sum_over(found[at].contiguous(), over.group)
                found[at] = verbs.cast_like(whole, side.hidden)
            at += len(side.arrays())
        return tuple(found)

    def fused(
        self, measure: Any, scores: Any, d_loss: float, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Any, ...]]:
        scores.over.hidden = tuple(isinstance(side, Projection) for side in scores.sides())
        return in_steps(self, verbs, measure, scores, d_loss, z_loss, out)


def _wide(side: Any) -> Any:
    if not isinstance(side, Projection):
        return side
    return replace(side, hidden=verbs.statistics(side.hidden))


pairs = ShardedPairs()
