"""The Triton kernels for two stored predictions on PyTorch tensors: how they are launched."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar

import torch

from ....algebra.contract import Forward, in_steps
from ....algebra.scores import Scores
from ....algebra.versus import room
from ....native.versus import no_pair
from .. import arrays as verbs
from . import layout
from .arguments import flowing, per_event
from .binding import tiles_each
from .layout import on, tiles

Tensor = torch.Tensor


class Pairs:
    """Two predictions as stored logits: their cross-entropy or divergence."""

    name = "triton"
    kept: ClassVar = 7  # numbers per event that forward keeps for backward

    def refuses(self, measure: Any, scores: Any) -> str | None:
        why = no_pair(measure, scores)
        if why is not None:
            return why
        return layout.refuses(scores.p.array, "P") or layout.refuses(scores.q.array, "Q")

    def forward(self, measure: Any, scores: Any, log_z: bool = False) -> Forward:
        from . import pairs

        x, events, n = scores.q.array, measure.events, prod(measure.events)
        like: dict[str, Any] = {"device": x.device, "dtype": torch.float32}
        loss = torch.empty(events, **like)
        found = torch.empty(events, **like) if log_z else None
        known = torch.empty((*events, self.kept), device=x.device, dtype=torch.float64)
        if n:
            t = self._tiles(n, scores)
            with on(x):
                pairs.forward[(-(-n // t["ROWS"]),)](
                    *_laid(scores.p), *_laid(scores.q), _weight(measure), loss, found, known, n,
                    x.shape[scores.q.axis], **self._kind(scores), **t,
                )  # fmt: skip
        return Forward(loss, found, (known,))

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Tensor | None, ...]:
        from . import pairs

        x, events, n = scores.q.array, measure.events, prod(measure.events)
        if residual is None:
            residual = self.forward(measure, scores).residual
        results = room(scores, out, torch.empty_like)
        # Where events lie in more ways than the kernel has steps for, it writes to what is copied.
        made = [_direct(g, side) for g, side in zip(results, scores.sides(), strict=True)]
        if n:
            t = self._tiles(n, scores)
            classes = x.shape[scores.q.axis]
            deep = tiles_each(classes, t["BLOCK"])
            grid = (-(-n // t["ROWS"]), -(-classes // (t["BLOCK"] * deep)))
            to_q, to_p = (
                (None, 0, 1, 0, 0) if g is None else _laid(Scores("logits", g, side.axis))
                for g, side in zip(made, scores.sides(), strict=True)
            )
            with on(x):
                pairs.backward[grid](
                    *_laid(scores.p), *_laid(scores.q), *to_p, *to_q, _weight(measure),
                    residual[0], **flowing(d_loss, d_log_z, events, x), events=n, classes=classes,
                    TILES=deep, **self._kind(scores), **t,
                )  # fmt: skip
        for result, g in zip(results, made, strict=True):
            if result is not None and g is not result:
                result.copy_(g)
        return tuple(results)

    def fused(
        self, measure: Any, scores: Any, d_loss: Any, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Any, ...]]:
        return in_steps(self, verbs, measure, scores, d_loss, z_loss, out)

    def _tiles(self, events: int, scores: Any) -> dict[str, int]:
        return tiles(events, scores.q.array, scores.q.axis)

    def _kind(self, scores: Any) -> dict[str, bool]:
        sides = (scores.p.array, scores.q.array)
        return {"KL": scores.of == "kl", "EXACT": any(x.dtype is torch.float32 for x in sides)}


def _laid(side: Any) -> tuple[Any, ...]:
    x, place, step = layout.laid_out(side.array, side.axis % side.array.ndim)
    return (x, *place, step)


def _direct(g: Tensor | None, side: Any) -> Tensor | None:
    if g is None or layout.runs(g, side.axis % g.ndim) is not None:
        return g
    return torch.empty(g.shape, dtype=g.dtype, device=g.device)


def _weight(measure: Any) -> Tensor | None:
    """The weight of every event, None where all of them are 1."""
    return None if measure.value is None else per_event(measure.value[..., 0], measure.events)


pairs = Pairs()
