"""The Triton kernels for LinearLogits on PyTorch tensors: how they are launched.

Forward keeps a state per event and span of classes. Backward keeps a workspace for the gradient of
a chunk of scores and a float32 sum for that of hidden: a small share of the gradients themselves.
Events that nothing flows back to are put last, on the device, and no product is made for them.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any, NamedTuple

import torch

from ....algebra import shards
from ....algebra.contract import Forward, in_steps
from ....algebra.measure import Measure
from ....algebra.scores import Projection
from .. import arrays as verbs
from . import arguments as args
from . import layout
from .arguments import flowing
from .binding import spans, together
from .layout import on, power_of_two

Tensor = torch.Tensor

# The gradient of a chunk of scores takes no more than a 19th of what the weights take, but enough
# for a product to run at full speed.
_SHARE, _LEAST_BYTES = 19, 8 << 20


class Linear:
    """Scores still to be made: hidden · weightᵀ + bias."""

    name = "triton"

    def refuses(self, measure: Any, scores: Any) -> str | None:
        if not isinstance(scores, Projection):
            return "this kernel takes LinearLogits"
        why = measure.beyond_one_background()
        if why is not None:
            return why
        hidden, weight = scores.hidden, scores.weight
        if hidden.dtype is not weight.dtype:
            return (
                f"hidden is {verbs.dtype_name(hidden)} and weight {verbs.dtype_name(weight)}; "
                "this kernel takes two of one type"
            )
        if hidden.dtype is torch.float16:
            return (
                "hidden is float16, in which gradients of scores vanish before they are carried "
                "on; this kernel takes bfloat16 and float32"
            )
        arrays = (("hidden", hidden), ("weight", weight), ("P", measure.dense))
        return next(
            (why for n, x in arrays if x is not None and (why := layout.refuses(x, n))), None
        )

    def forward(self, measure: Measure, scores: Projection, log_z: bool = False) -> Forward:
        from . import linear

        x = _Given(measure, scores)
        shape, device = measure.events, scores.hidden.device
        # What is left out has no mass: its loss is 0, and nobody asks for its log Z. In a shard the
        # mass is only what the kernel is told, and what it finds is asked for.
        whole = log_z or measure.total is not None
        order, count = (None, None) if whole else x.first(x.mass)
        wide: dict[str, Any] = {"device": device, "dtype": torch.float64}
        loss = torch.zeros(shape, device=device)
        found = torch.empty(shape, device=device) if log_z else None
        residual = tuple(torch.zeros(shape, **wide) for _ in range(2))
        if not x.events:
            return Forward(loss, found, residual)
        rows = -(-x.events // x.block)
        span, splits = spans(x.classes, rows, x.block, x.classes)
        states = torch.empty((4, splits, x.events), **wide)
        if order is not None:
            # Nothing is found of an event that is left out: no class, and no cost.
            states[0], states[1], states[2:] = torch.finfo(torch.float32).min, -1.0, 0.0
        label = torch.zeros(x.events, **wide)
        with on(scores.hidden):
            linear.forward[(rows, splits)](
                *x.scores, *x.sparse, *x.dense, **x.parts, states=states, label_score=label,
                order=order, count=count, events=x.events, classes=x.classes,
                features=x.features, span=span, softcap=scores.softcap or 1.0,
                COST=x.soft, **x.kind, **x.tile, **x.launch,
            )  # fmt: skip
            # The scores of labels are capped already, and there is one an event.
            given = (label, 1, 1, 0, 0), (None, None, 0) if x.soft else x.sparse
            outputs = (loss, found, residual[0], residual[1], states)
            together(
                *given, x.mass, outputs, x.events, x.classes, splits, 1.0, ignore=None,
                CAPPED=False, WIDE=False, RAW=False,
            )  # fmt: skip
        return Forward(loss, found, residual)

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Tensor | None, ...]:
        x = _Given(measure, scores)
        q, hidden = scores, scores.hidden
        if not x.events:
            return tuple(None if a is None else torch.zeros_like(a) for a in q.arrays())
        d_hidden = torch.zeros((x.events, x.features), device=hidden.device)
        d_weight = torch.empty_like(q.weight, memory_format=torch.contiguous_format)
        d_bias = None if q.bias is None else torch.empty_like(q.bias)
        flow = flowing(d_loss, d_log_z, measure.events, hidden)
        order, count = x.first(_weighed(x, flow))
        with on(hidden):
            for start in range(0, x.classes, x.width):
                self._chunk(x, q, residual, flow, order, count, start, d_hidden, d_weight, d_bias)
        found = d_hidden.to(hidden.dtype)
        del d_hidden
        if order is not None:
            found = torch.empty_like(found).index_copy_(0, order, found)
        return found.reshape(hidden.shape), d_weight, d_bias

    def fused(
        self, measure: Any, scores: Any, d_loss: float, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Any, ...]]:
        return in_steps(self, verbs, measure, scores, d_loss, z_loss)

    def _chunk(
        self, x: _Given, q: Projection, residual: Any, flow: dict[str, Any], order: Tensor | None,
        count: Tensor | None, start: int, d_hidden: Tensor, d_weight: Tensor,
        d_bias: Tensor | None,
    ) -> None:  # fmt: skip
        """The gradients of the classes from `start` on, and what they add to that of hidden."""
        from . import linear

        device, width = q.hidden.device, min(x.width, x.classes - start)
        rows, columns = -(-x.events // x.block), -(-width // x.block)
        gradient = torch.empty((x.events, width), device=device, dtype=q.hidden.dtype)
        sums = None if d_bias is None else torch.zeros((rows, width), device=device)
        flags = None
        if q.filter is not None:
            flags = torch.empty((rows, columns), device=device, dtype=torch.int8)
        linear.backward[(rows, columns)](
            *x.scores, gradient, *x.sparse, *x.dense, **x.parts, mass=x.mass,
            greatest=residual[0], rest=residual[1], **flow, order=order, count=count, sums=sums,
            flags=flags, least=q.filter or 0.0, events=x.events, first_class=start, width=width,
            features=x.features, softcap=q.softcap or 1.0,
            SOFT=x.soft, **x.kind, **x.tile, **x.launch,
        )  # fmt: skip
        hidden, weight, _, h_step, w_step = x.scores
        step = {"FLAG": x.block, **x.product, **x.launch}
        across = -(-x.features // x.product["BLOCK"])
        linear.product[(rows * across,)](
            gradient, width, 1, weight[start:], w_step, None, d_hidden, x.features,
            flags, columns, 1, x.events, x.features, width, count, None, ADD=True, **step,
        )  # fmt: skip
        linear.product[(columns * across,)](
            gradient, 1, width, hidden, h_step, order, d_weight[start:], x.features,
            flags, 1, columns, width, x.features, x.events, None, count, ADD=False, **step,
        )  # fmt: skip
        if d_bias is not None and sums is not None:
            d_bias[start : start + width] = sums.sum(0)


class _Given:
    """P and Q of scores still to be made as the kernels' arguments, and the sizes of tiles."""

    def __init__(self, m: Measure, q: Projection) -> None:
        self.events, self.classes, self.features = prod(m.events), *q.weight.shape
        flat = replace(shards.flat(m, self.events, verbs), sums=None)
        hidden = q.hidden.reshape(self.events, self.features)
        hidden, weight = (x if x.stride(-1) == 1 else x.contiguous() for x in (hidden, q.weight))
        self.scores = (hidden, weight, layout.per_class(q.bias), hidden.stride(0), weight.stride(0))
        self.sparse = args.sparse_of(flat)
        self.dense: tuple[Any, ...] = (None, 0, 0)
        if flat.dense is not None:
            self.dense = (flat.dense, *flat.dense.stride())
        self.parts = args.parts(flat)
        self.mass = args.mass_of(flat)
        self.soft = flat.dense is not None or bool(flat.background) or self.sparse[2] > 1
        self.kind = {"CAPPED": q.softcap is not None, "WIDE": hidden.dtype is torch.float32}
        # Events may have no mass where labels are ignored or weighted.
        weights = (flat.value, flat.event, flat.class_weight)
        self.uneven = any(w is not None for w in weights)
        sizes = _sizes(hidden, self.soft)
        self.block = min(sizes.block, power_of_two(max(self.events, self.classes, 16)))
        step = min(sizes.step, power_of_two(max(self.features, 16)))
        even = self.features % step == 0
        self.tile = {"ROWS": self.block, "BLOCK": self.block, "STEP": step, "EVEN": even}
        columns = min(sizes.columns, power_of_two(max(self.features, 16)))
        self.product = {"ROWS": self.block, "BLOCK": columns, "STEP": min(sizes.step, self.block)}
        self.launch = {
            "num_warps": sizes.warps,
            "num_stages": sizes.stages,
            "WIDEN": not hidden.is_cuda,
        }
        if torch.version.hip is None and not self.kind["WIDE"]:
            # Two programs share a multiprocessor, and one multiplies while the other adds up.
            self.launch["maxnreg"] = 128
        room = max(weight.numel() * weight.element_size() // _SHARE, _LEAST_BYTES)
        most = room // (max(1, self.events) * hidden.element_size() * self.block)
        tiles = -(-self.features // columns)
        # From twice as many on as there are, any choice has all classes.
        most = max(1, min(most, 2 * -(-self.classes // self.block)))
        self.width = min(self.classes, even_blocks(most, tiles, slots(hidden)) * self.block)

    def first(self, weighed: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """The events with those that weigh something first, and how many these are; or None."""
        if weighed is None or not self.uneven:
            return None, None
        idle = weighed == 0.0
        order = torch.sort(idle, stable=True).indices
        return order, (self.events - idle.sum()).reshape(1)


def even_blocks(most: int, tiles: int, slots: int) -> int:
    """How many blocks of `tiles` programs each, at most `most`, keep all slots busy to the end."""

    def busy(blocks: int) -> float:
        rounds = -(-blocks * tiles // slots)
        return blocks * tiles / (rounds * slots)

    return max(range((most + 1) // 2, most + 1), key=lambda blocks: (busy(blocks), blocks))


def slots(x: Tensor) -> int:
    """How many programs of products run at a time on the device of x."""
    return 2 * torch.cuda.get_device_properties(x.device).multi_processor_count if x.is_cuda else 1


class _Sizes(NamedTuple):
    """Events and classes of a tile, features of a product's tile, and how a product is fed."""

    block: int
    columns: int
    step: int
    warps: int
    stages: int


def _sizes(hidden: Tensor, soft: bool) -> _Sizes:
    """Sizes for the shared memory (99 KB) and the registers that any device since Ampere has.

    Soft targets have more numbers for every score.
    """
    if hidden.dtype is torch.float32:
        return _Sizes(64, 64, 32, 8, 2)
    return _Sizes(64, 128, 64, 8, 3) if soft else _Sizes(128, 128, 64, 8, 3)


def _weighed(x: _Given, flow: dict[str, Any]) -> Tensor | None:
    """What flows back to each event, as one number that is 0 where nothing does."""
    if x.mass is None:
        return None
    d_loss, d_log_z = flow["d_loss"], flow["d_log_z"]
    total = x.mass * (flow["d_all"] if d_loss is None else d_loss.reshape(-1))
    return total.abs() if d_log_z is None else total.abs() + d_log_z.reshape(-1).abs()


linear = Linear()
