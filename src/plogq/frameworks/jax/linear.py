"""LinearLogits in JAX, a block of classes at a time: a scan, and no N×K array in the program.

Forward makes the scores of a block by one matrix product, and the kernel for stored logits finds in
them what the loss needs of these classes. Backward makes each block again, takes its gradient, and
carries that to hidden and weight by two more products.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ...algebra import shards
from ...algebra.contract import Forward, Kernel, in_steps
from ...algebra.formula import Formula
from ...algebra.measure import Measure
from ...algebra.scores import Projection, Scores
from . import arrays as verbs

Array = jax.Array

# A block takes a 32nd of what all scores would take, but no less than this: a smaller product is
# not made at full speed. Blocks are whole numbers of lanes wide.
_SHARE, _LEAST_BYTES, _LANES, _OPEN = 32, 4 << 20, 128, 1024


class Blockwise:
    """The linear kernel: a scan over blocks of classes, around a kernel for stored logits.

    `elsewhere` is the same around the formula, for programs in which that kernel does not run.
    """

    name = "linear"

    def __init__(self, stored: Kernel) -> None:
        self.formula: Kernel = Formula(verbs)
        self.stored = stored
        self.elsewhere = self if isinstance(stored, Formula) else Blockwise(self.formula)

    def refuses(self, measure: Any, scores: Any) -> str | None:
        return None if isinstance(scores, Projection) else "the linear kernel takes LinearLogits"

    def forward(self, measure: Measure, scores: Projection, log_z: bool = False) -> Forward:
        blocks = _Blocks(measure, scores)
        nothing = jnp.zeros_like(blocks.mass)

        def step(found: shards.Found, start: Any, width: int) -> shards.Found:
            part, tile = blocks.part(start, width, nothing), blocks.scores(start, width)
            result = self._inner(part, tile).forward(part, tile)
            here = shards.found(part, result, verbs)
            return shards.merged(found, shards.Found(*map(verbs.weights, here)), verbs)

        empty = shards.Found(jnp.full_like(nothing, -inf), nothing, nothing, nothing)
        greatest, rest, expected, _ = blocks.over(step, empty)
        together = shards.Found(greatest, rest, expected, blocks.mass)
        loss, found_log_z = shards.losses(together, blocks.mass, verbs)
        like, events = verbs.statistics(scores.hidden[..., :0]), measure.events
        return Forward(
            verbs.cast_like(loss, like).reshape(events),
            verbs.cast_like(found_log_z, like).reshape(events),
            (greatest.reshape(events), rest.reshape(events)),
        )

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Any, ...]:
        blocks, q = _Blocks(measure, scores), scores
        count = blocks.mass.shape
        known = tuple(x.reshape(count) for x in residual)
        upstream = tuple(
            jnp.broadcast_to(verbs.weights(x), measure.events).reshape(count)
            if hasattr(x, "shape")
            else jnp.full(count, x, verbs.wide())
            for x in (d_loss, d_log_z)
        )

        # What nothing flows back to may be NaN, and 0 · NaN would be too.
        flowing = verbs.times(blocks.mass, upstream[0])
        nothing = verbs.equal(flowing, 0.0) & verbs.equal(upstream[1], 0.0)
        kept = jnp.where(verbs.expand(nothing), 0.0, blocks.hidden)

        def step(sums: _Sums, start: Any, width: int) -> _Sums:
            part, tile = blocks.part(start, width, blocks.mass), blocks.scores(start, width)
            kernel = self._inner(part, tile)
            (d_scores,) = kernel.backward(part, tile, known, *upstream)
            weight = verbs.span(q.weight, start, width, 0)
            bias = None
            if sums.bias is not None:
                each = verbs.cast_like(d_scores.sum(axis=0), sums.bias)
                bias = jax.lax.dynamic_update_slice_in_dim(sums.bias, each, start, 0)
            own = verbs.cast_like(product(d_scores.T, kept), sums.weight)
            return _Sums(
                sums.hidden + product(d_scores, weight),
                jax.lax.dynamic_update_slice_in_dim(sums.weight, own, start, 0),
                bias,
            )

        like = verbs.statistics_dtype(q.hidden)
        bias = None if q.bias is None else jnp.zeros_like(q.bias)
        zero = _Sums(jnp.zeros(blocks.hidden.shape, like), jnp.zeros_like(q.weight), bias)
        sums = blocks.over(step, zero)
        hidden = verbs.cast_like(sums.hidden.reshape(q.hidden.shape), q.hidden)
        return hidden, sums.weight, sums.bias

    def fused(
        self, measure: Any, scores: Any, d_loss: Any, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Any, ...]]:
        return in_steps(self, verbs, measure, scores, d_loss, z_loss)

    def _inner(self, part: Measure, tile: Scores) -> Kernel:
        return self.stored if self.stored.refuses(part, tile) is None else self.formula


class _Sums(NamedTuple):
    """The gradients as they add up, in float32 at the least but for those that are written once."""

    hidden: Array
    weight: Array
    bias: Array | None


class _Blocks:
    """P and Q with one axis of events, a block of classes at a time."""

    def __init__(self, measure: Measure, q: Projection) -> None:
        self.q, self.classes = q, q.weight.shape[0]
        count: Any = prod(measure.events)
        self.flat = shards.flat(measure, count, verbs)
        self.mass = jnp.broadcast_to(verbs.weights(self.flat.mass(verbs)), (count,))
        self.hidden = q.hidden.reshape(count, q.hidden.shape[-1])
        # A number of events that is left open (jax.export) is taken for a batch of this many.
        events = max(1, count) if isinstance(count, int) else _OPEN
        row = events * verbs.statistics_dtype(q.hidden).itemsize
        wide = max(row * self.classes // _SHARE, _LEAST_BYTES) // row
        self.width = min(self.classes, max(_LANES, wide // _LANES * _LANES))

    def over(self, step: Callable[[Any, Any, int], Any], start: Any) -> Any:
        """`step` with every block: those of full width in a scan, and then what is left."""
        blocks, left = divmod(self.classes, self.width)
        starts = jnp.arange(blocks, dtype=jnp.int32) * self.width
        found, _ = jax.lax.scan(lambda x, i: (step(x, i, self.width), None), start, starts)
        return step(found, self.classes - left, left) if left else found

    def scores(self, start: Any, width: int) -> Scores:
        """hidden · weightᵀ + bias of these classes."""
        z = product(self.hidden, verbs.span(self.q.weight, start, width, 0).T)
        if self.q.bias is not None:
            z = z + verbs.span(self.q.bias, start, width, 0).astype(z.dtype)
        return Scores("logits", z, 1, self.q.softcap)

    def part(self, start: Any, width: int, total: Array) -> Measure:
        """P in these classes."""
        return shards.restricted(self.flat, start, width, total, verbs)


def product(a: Array, b: Array) -> Array:
    """a · b, with sums in float32 at the least."""
    wide = jnp.promote_types(jnp.promote_types(a.dtype, b.dtype), jnp.float32)
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST, preferred_element_type=wide)
