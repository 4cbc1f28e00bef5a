"""The Triton kernels for stored scores on PyTorch tensors: how they are launched.

Nothing here looks at a value, so that no call waits for the device and all of it can be captured in
a CUDA graph. Arrays go in as they lie, whatever axis their classes are on.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import torch

from ....algebra.contract import Forward, in_steps
from ....algebra.measure import Measure
from ....algebra.scores import BinaryScores, Scores
from ....algebra.yes_no import BinaryMeasure
from .. import arrays as verbs
from . import arguments as args
from . import layout
from .arguments import flowing, per_event
from .layout import FLOATS, on, power_of_two, tiles

Tensor = torch.Tensor

# A lane adds up so many elements before its sum joins others, so that no sum is long. Few long rows
# are split further, until there are programs enough for the largest devices. None of it depends on
# the device, so that its numbers do not.
_RUN, _PROGRAMS, _LEAST_SPAN = 32, 512, 8192

# A program that has whole rows takes so many classes at a time, with as many warps: few rows are
# under way then, and what was read of them is still in the cache when it is read again. So few
# events are better split.
_WHOLE, _WARPS, _LEAST_EVENTS = 8192, 32, 64

_MOST = 65535  # programs along the second axis of a grid

_YES_NO = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@dataclass(slots=True, eq=False, repr=False)
class Unread(Measure):
    """Labels as they were given: the kernel itself sees which are ignored or out of range."""

    ignore: int | None = None


class Stored:
    """Stored logits over exclusive classes."""

    name = "triton"

    def refuses(self, measure: Any, scores: Any) -> str | None:
        if not isinstance(scores, Scores) or scores.kind != "logits":
            return "this kernel takes stored logits over exclusive classes"
        why = measure.beyond_one_background()
        if why is None and measure.dense is not None:
            why = layout.refuses(measure.dense, "P")
        return layout.refuses(scores.array, "Q") if why is None else why

    def forward(self, measure: Measure, scores: Scores, log_z: bool = False) -> Forward:
        from . import stored

        m, x = measure, scores.array
        events = prod(m.events)
        made = _outputs(m.events, x.device, log_z)
        loss, found, residual = made.loss, made.log_z, made.residual
        if not events:
            return made
        q, t = _Given(m, scores), tiles(events, x, scores.axis)
        rows = -(-events // t["ROWS"])
        span, splits = spans(m.classes, rows, t["BLOCK"], t["BLOCK"] * _RUN)
        states = None
        if splits > 1:
            states = torch.empty((4, splits, events), device=x.device, dtype=torch.float64)
        outputs = (loss, found, *residual, states)
        with on(x):
            stored.forward[(rows, splits)](
                *q.scores, *q.sparse, *q.dense, **q.parts, mass=q.mass,
                loss=loss, log_z=found, greatest=residual[0], rest=residual[1], states=states,
                events=events, classes=m.classes, span=span, softcap=scores.softcap or 1.0,
                SPLIT=splits > 1, EXACT=q.exact, **q.kind, **t,
            )  # fmt: skip
            if states is not None:
                together(
                    q.scores, q.sparse, q.mass, outputs, events, m.classes, splits,
                    scores.softcap or 1.0, WIDE=True, **q.kind,
                )  # fmt: skip
        return made

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Tensor, ...]:
        from . import gradient

        m, x = measure, scores.array
        events = prod(m.events)
        result = torch.empty_like(x) if out is None else out
        if not events:
            return (result,)
        axis = scores.axis % x.ndim
        to = (
            result
            if layout.runs(result, axis) is not None
            else torch.empty(x.shape, dtype=x.dtype, device=x.device)
        )
        q, t = _Given(m, scores), tiles(events, x, scores.axis)
        given = {
            **q.parts,
            "mass": q.mass,
            "greatest": residual[0],
            "rest": residual[1],
            **flowing(d_loss, d_log_z, m.events, x),
            "events": events,
            "softcap": scores.softcap or 1.0,
            "CAPPED": scores.softcap is not None,
            "EXACT": q.exact,
        }
        index, value, entries = q.sparse
        several = runs = None
        with on(x):
            if index is not None and entries > 1:
                runs = args.in_runs(index, value)
                index, value = runs.classes, runs.value
                several = torch.empty((events, entries), device=x.device, dtype=torch.float32)
                gradient.entries_of[(events,)](
                    *q.scores, several, index, value, entries, *q.dense, **given,
                    ENTRIES=power_of_two(entries),
                )  # fmt: skip
                index = value = None
            _, place, step = layout.laid_out(to, axis)
            deep = tiles_each(m.classes, t["BLOCK"])
            grid = (-(-events // t["ROWS"]), -(-m.classes // (t["BLOCK"] * deep)))
            gradient.backward[grid](
                *q.scores, to, *place, step, index, value, *q.dense, **given,
                classes=m.classes, ignore=q.kind["ignore"], RAW=q.kind["RAW"], TILES=deep, **t,
            )  # fmt: skip
        if several is not None and runs is not None:
            found = several.to(x.dtype).reshape(runs.classes.shape).gather(-1, runs.last)
            to.scatter_(axis, runs.classes.movedim(-1, axis), found.movedim(-1, axis))
        if to is not result:
            result.copy_(to)
        return (result,)

    def fused(
        self, measure: Any, scores: Any, d_loss: Any, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Tensor, ...]]:
        m, x = measure, scores.array
        result = torch.empty_like(x) if out is None else out
        t = whole_rows(m, x, scores.axis, result)
        if t is None:
            return in_steps(self, verbs, measure, scores, d_loss, z_loss, result)
        from . import at_once

        forward = _outputs(m.events, x.device, z_loss != 0)
        q, events = _Given(m, scores), prod(m.events)
        flow = flowing(d_loss, 0.0, m.events, x)
        _, place, step = layout.laid_out(result, scores.axis % x.ndim)
        with on(x):
            at_once.fused[(-(-events // t.rows),)](
                *q.scores, result, *place, step, *q.sparse, *q.dense, **q.parts, mass=q.mass,
                loss=forward.loss, log_z=forward.log_z, greatest=forward.residual[0],
                rest=forward.residual[1], d_loss=flow["d_loss"], d_all=flow["d_all"],
                loss_step=flow["loss_step"], z_loss=z_loss, events=events, classes=m.classes,
                softcap=scores.softcap or 1.0, EXACT=q.exact, **q.kind, ROWS=t.rows, BLOCK=t.block,
                num_warps=t.warps,
            )  # fmt: skip
        return forward, (result,)


def _outputs(events: tuple[int, ...], device: torch.device, log_z: bool) -> Forward:
    """What forward owes, still to be written."""
    like: dict[str, Any] = {"device": device, "dtype": torch.float32}
    return Forward(
        torch.empty(events, **like),
        torch.empty(events, **like) if log_z else None,
        tuple(torch.empty(events, device=device, dtype=torch.float64) for _ in range(2)),
    )


class Rows(NamedTuple):
    """Events and classes of a tile, and warps of a program that has all classes of its events."""

    rows: int
    block: int
    warps: int


def whole_rows(m: Measure, x: Tensor, axis: int, result: Tensor) -> Rows | None:
    """How `at_once.fused` is launched, or None where events are few, or their classes too many."""
    axis %= x.ndim
    events, near = prod(m.events), x.stride(axis) == 1 and result.stride(axis) == 1
    entries = 0 if m.index is None else m.index.shape[-1]
    block = min(power_of_two(m.classes), _WHOLE)
    if events < _LEAST_EVENTS or m.classes > block * _RUN or entries > 1 or not near:
        return None
    return None if layout.runs(result, axis) is None else rows_of(m.classes)


def rows_of(classes: int) -> Rows:
    """The sizes of a program that has all classes of its events."""
    block = min(power_of_two(classes), _WHOLE)
    return Rows(max(1, layout._TILE // block), block, max(4, min(_WARPS, block // 256)))


def small(x: Tensor, y: Tensor, ignore: int | None, d_loss: float) -> tuple[Tensor, Tensor]:
    """The losses of labels and their gradient, of contiguous scores: one launch, little said."""
    from . import at_once

    events, classes = y.numel(), x.shape[-1]
    t, gradient = rows_of(classes), torch.empty_like(x)
    loss = x.new_empty(y.shape, dtype=torch.float32)
    where = (classes, 1, 0, 1)
    with on(x):
        at_once.fused[(-(-events // t.rows),)](
            x, *where, gradient, *where, y, None, 1, None, 0, 1, 0, 0, None, None, None, None, None,
            loss, None, None, None, None, d_loss, 0, 0.0, events, classes, 1.0, ignore,
            CAPPED=False, EXACT=x.dtype is torch.float32, RAW=True, ROWS=t.rows, BLOCK=t.block,
            num_warps=t.warps,
        )  # fmt: skip
    return loss, gradient


class _Given:
    """P and Q of stored scores as the kernels' arguments."""

    def __init__(self, m: Measure, q: Scores) -> None:
        x, place, step = layout.laid_out(q.array, q.axis % q.array.ndim)
        self.scores = (x, *place, step)
        self.sparse = args.sparse_of(m)
        self.dense: tuple[Any, ...] = (None, 0, 1, 0, 0)
        if m.dense is not None:
            p, place, step = layout.laid_out(m.dense, m.axis % m.dense.ndim)
            self.dense = (p, *place, step)
        self.parts = args.parts(m)
        self.mass = args.mass_of(m)
        capped = q.softcap is not None
        self.exact = capped or x.dtype is torch.float32
        raw = isinstance(m, Unread)
        self.kind = {"CAPPED": capped, "RAW": raw, "ignore": m.ignore if raw else None}


def together(
    scores: Any, sparse: Any, mass: Any, outputs: Any, events: int, classes: int, splits: int,
    softcap: float, **kind: Any,
) -> None:  # fmt: skip
    """The losses of events from the states of the spans of their classes."""
    from . import stored

    rows = min(power_of_two(events), 16)
    stored.together[(-(-events // rows),)](
        *scores, *sparse, mass, *outputs, events, classes, splits, splits * events, softcap,
        ROWS=rows, SPLITS=power_of_two(splits), **kind,
    )  # fmt: skip


def spans(classes: int, rows: int, block: int, most: int) -> tuple[int, int]:
    """How many classes a program takes, in whole blocks, and how many programs share a row."""
    splits = -(-classes // most)
    if classes > _LEAST_SPAN:
        splits = max(splits, min(classes // _LEAST_SPAN, _PROGRAMS // rows))
    splits = min(splits, _MOST)
    span = -(-classes // (splits * block)) * block
    return span, -(-classes // span)


def tiles_each(classes: int, block: int) -> int:
    """How many tiles of an event a program of backward takes: 4, but for classes beyond number."""
    least = -(-classes // (block * _MOST))
    return max(4, power_of_two(least))


class Binary:
    """Stored logits of independent yes/no outcomes."""

    name = "triton"

    def refuses(self, measure: Any, scores: Any) -> str | None:
        if not isinstance(scores, BinaryScores) or scores.kind != "logits":
            return "this kernel takes stored logits of yes/no outcomes"
        why = measure.beyond_numbers()
        if why is not None:
            return why
        y = measure.target
        if y.dtype not in (*FLOATS, *_YES_NO):
            return (
                f"P is {verbs.dtype_name(y)}; the kernels take float32, bfloat16, float16, bool "
                "and integers but the wide unsigned ones"
            )
        return layout.refuses(scores.array, "Q")

    def forward(self, measure: BinaryMeasure, scores: BinaryScores, log_z: bool = False) -> Forward:
        from . import binary

        x, given = self._given(measure, scores)
        loss = torch.empty(x.shape, device=x.device, dtype=torch.float32)
        found = torch.empty_like(loss) if log_z else None
        if x.numel():
            with on(x):
                binary.forward[(-(-x.numel() // 1024),)](
                    *given, loss, found, *measure.yes, *measure.no, x.numel(), BLOCK=1024
                )
        return Forward(loss, found)

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Tensor, ...]:
        from . import binary

        x, given = self._given(measure, scores)
        to = (
            out
            if out is not None and out.is_contiguous()
            else torch.empty(x.shape, dtype=x.dtype, device=x.device)
        )
        if x.numel():
            with on(x):
                binary.backward[(-(-x.numel() // 1024),)](
                    *given, to, *flowing(d_loss, d_log_z, tuple(x.shape), x).values(),
                    *measure.yes, *measure.no, x.numel(), BLOCK=1024,
                )  # fmt: skip
        if out is not None and to is not out:
            return (out.copy_(to),)
        return (to,)

    def fused(
        self, measure: Any, scores: Any, d_loss: float, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Tensor, ...]]:
        return in_steps(self, verbs, measure, scores, d_loss, z_loss, out)

    def _given(self, m: BinaryMeasure, q: BinaryScores) -> tuple[Tensor, tuple[Any, ...]]:
        x, y = q.array.contiguous(), m.target.contiguous()
        if y.dtype is torch.bool:
            y = y.view(torch.uint8)
        return x, (x, y, per_event(m.event, tuple(x.shape)))


stored = Stored()
binary = Binary()
