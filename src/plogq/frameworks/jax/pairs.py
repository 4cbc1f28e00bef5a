"""Two predictions in JAX: the C++ kernel where both are stored, and a scan where scores are made.

The scan takes some events at a time: their scores are one product a side, the kernel for two stored
predictions finds losses or gradients in them, and two more products a side carry these on. So no
side has an N×K array in the program.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ...algebra import shards
from ...algebra.contract import Forward, Kernel, in_steps
from ...algebra.formula import Formula
from ...algebra.measure import Measure
from ...algebra.scores import Projection, Scores, Versus
from ...native.versus import FUNCTIONS, no_pair
from . import arrays as verbs
from .kernels import called, refuses
from .kernels import each as per_event
from .linear import product

Array = jax.Array

# A block takes such a share of what all scores of one side would, but no less than this.
_LEAST_BYTES, _OPEN = 1 << 20, 1024


class Pairs:
    """Two stored predictions, by the C++ kernel."""

    name = "cpu"

    def __init__(self, flush: bool = False) -> None:
        self.flush = flush

    def refuses(self, measure: Any, scores: Any) -> str | None:
        why = no_pair(measure, scores)
        return why or refuses(scores.p.array, "P") or refuses(scores.q.array, "Q")

    def forward(self, measure: Measure, scores: Versus, log_z: bool = False) -> Forward:
        q: Any = scores.q
        loss = jax.ShapeDtypeStruct(measure.events, verbs.statistics_dtype(q.array))
        return Forward(*self._call([loss, loss], measure, scores, [], forward=True))

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Array | None, ...]:
        upstream: list[Any] = [per_event(x, measure.events) for x in (d_loss, d_log_z)]
        wanted = [
            jax.ShapeDtypeStruct(side.array.shape, side.array.dtype)
            for side, asked in zip(scores.sides(), scores.wanted, strict=True)
            if asked
        ]
        found = iter(self._call(wanted, measure, scores, upstream, forward=False))
        return tuple(next(found) if asked else None for asked in scores.wanted)

    def fused(
        self, measure: Any, scores: Any, d_loss: Any, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Array | None, ...]]:
        scores = replace(scores, wanted=(True, False))
        return in_steps(self, verbs, measure, scores, d_loss, z_loss)

    def _call(
        self, results: Any, m: Measure, scores: Any, upstream: list[Array], forward: bool
    ) -> list[Array]:
        p, q = scores.p, scores.q
        weight = None if m.value is None else per_event(m.value[..., 0], m.events)
        of_q, of_p = (False, False) if forward else scores.wanted
        return called(
            "versus",
            results,
            [q.array, p.array, weight, *upstream],
            # A block of scores is made to be turned into its gradient.
            in_place=self.flush and of_q,
            forward=forward,
            of=FUNCTIONS[scores.of],
            axis_q=q.axis % q.array.ndim,
            axis_p=p.axis % p.array.ndim,
            of_q=of_q,
            of_p=of_p,
            flush=self.flush,
        )


class ByEvents:
    """Two predictions of which one or both are LinearLogits, some events at a time.

    `share` is that of all scores which those of a block take. `elsewhere` is the same around the
    formula, for programs in which the kernel for stored predictions does not run.
    """

    name = "chunked"
    in_turn = True  # so of no use in a program whose events are divided over devices

    def __init__(self, stored: Kernel, share: int) -> None:
        self.formula: Kernel = Formula(verbs)
        self.stored, self.share = stored, share
        self.elsewhere = self if isinstance(stored, Formula) else ByEvents(self.formula, 4 * share)

    def refuses(self, measure: Any, scores: Any) -> str | None:
        if isinstance(scores, Versus) and any(isinstance(s, Projection) for s in scores.sides()):
            return None
        return "this kernel of two predictions takes LinearLogits for one of them"

    def forward(self, measure: Measure, scores: Versus, log_z: bool = False) -> Forward:
        def step(nothing: Any, block: _Block) -> tuple[Any, Any]:
            found = block.kernel.forward(block.measure, block.pair, True)
            return nothing, (found.loss, found.log_z)

        _, (loss, found) = _Blocks(self, measure, scores).over(step, None, ())
        first: Any = scores.arrays()[0]
        events, like = measure.events, verbs.statistics(first[..., :0])
        return Forward(*(verbs.cast_like(x.reshape(events), like) for x in (loss, found)))

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Any, ...]:
        blocks = _Blocks(self, measure, scores)
        given: list[Any] = [per_event(x, measure.events) for x in (d_loss, d_log_z)]
        upstream = tuple(x.reshape(blocks.count) for x in given)
        sides = scores.sides()
        wanted = scores.wanted if len(sides) > 1 else (True,)

        def step(sums: Any, block: _Block) -> tuple[Any, Any]:
            d, d_z = block.given
            slopes = block.kernel.backward(block.measure, block.pair, None, d, d_z)
            # What nothing flows back to may be NaN, and 0 · NaN would be too.
            idle = verbs.equal(verbs.times(block.measure.mass(verbs), d), 0.0)
            idle = verbs.expand(idle & verbs.equal(d_z, 0.0))
            later: list[Any] = []
            rows: list[Any] = []
            for side, held, slope, total in zip(sides, block.held, slopes, sums, strict=True):
                if not isinstance(side, Projection) or slope is None or total is None:
                    later.append(total)
                    rows.append(None if total is None else slope)
                    continue
                kept = jnp.where(idle, 0.0, held)
                later.append(total.with_block(slope, kept))
                rows.append(verbs.cast_like(product(slope, side.weight), side.hidden))
            return tuple(later), tuple(rows)

        none = tuple(
            _sums(side) if asked else None for side, asked in zip(sides, wanted, strict=True)
        )
        sums, rows = blocks.over(step, none, upstream)
        found: list[Any] = []
        for side, total, each in zip(sides, sums, rows, strict=True):
            if total is None:
                found += [None] * len(side.arrays())
            elif isinstance(side, Projection):
                found += [each.reshape(side.hidden.shape), *total.cast(side)]
            else:
                moved = verbs.to_last(side.array, side.axis)
                found.append(verbs.from_last(each.reshape(moved.shape), side.axis))
        return tuple(found)

    def fused(
        self, measure: Any, scores: Any, d_loss: Any, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Any, ...]]:
        scores = replace(scores, wanted=(True, False))
        return in_steps(self, verbs, measure, scores, d_loss, z_loss)


class _Sums(NamedTuple):
    """The gradients of weight and bias as they add up, in float32 at the least."""

    weight: Array
    bias: Array | None

    def with_block(self, slope: Array, hidden: Array) -> _Sums:
        bias = None if self.bias is None else self.bias + slope.sum(axis=0)
        return _Sums(self.weight + product(slope.T, hidden), bias)

    def cast(self, q: Projection) -> tuple[Array, Array | None]:
        of_bias: Any = q.bias
        bias = None if self.bias is None else verbs.cast_like(self.bias, of_bias)
        return verbs.cast_like(self.weight, q.weight), bias


def _sums(side: Any) -> Any:
    """Where the gradients of a side add up; for one that is stored there is nothing to add."""
    if not isinstance(side, Projection):
        return ()
    wide = verbs.statistics_dtype(side.hidden)
    bias = None if side.bias is None else jnp.zeros(side.bias.shape, wide)
    return _Sums(jnp.zeros(side.weight.shape, wide), bias)


class _Block(NamedTuple):
    """Some events: their weights, both sides' scores, what these are of, and what else is given."""

    kernel: Kernel
    measure: Measure
    pair: Versus
    held: tuple[Array, ...]
    given: tuple[Array, ...]


class _Blocks:
    """Both sides with one axis of events, some of them at a time."""

    def __init__(self, owner: ByEvents, measure: Measure, pair: Versus) -> None:
        self.owner, self.pair = owner, pair
        self.count: Any = prod(measure.events)
        self.flat = shards.flat(measure, self.count, verbs)
        self.held = tuple(self._rows(side) for side in pair.sides())
        # A number of events that is left open (jax.export) is taken for one block.
        self.known = isinstance(self.count, int)
        linear = next(side for side in pair.sides() if isinstance(side, Projection))
        row = linear.weight.shape[0] * verbs.statistics_dtype(linear.hidden).itemsize
        least = max(_LEAST_BYTES // row, 1)
        # The formula makes several arrays of the size of a block, and the kernel none.
        bare = [self._scores(side, None) for side in pair.sides()]
        stored = replace(pair, p=bare[-1], q=None if pair.q is None else bare[0])
        native = owner is owner.elsewhere or no_pair(self.flat, stored) is None
        share = owner.share if native else owner.elsewhere.share
        self.step: Any = max(least, self.count // share) if self.known else self.count

    def _rows(self, side: Any) -> Array:
        x = side.hidden if isinstance(side, Projection) else verbs.to_last(side.array, side.axis)
        return x.reshape(self.count, x.shape[-1])

    def over(self, step: Callable[..., Any], sums: Any, given: tuple[Array, ...]) -> Any:
        """`step` with every block: those of full size in a scan, and then what is left."""
        weight = () if self.flat.value is None else (self.flat.value,)
        each = (self.held, given, weight)

        def one(sums: Any, parts: Any) -> Any:
            held, given, weight = parts
            events = (held[0].shape[0],)
            index = verbs.indices(jnp.zeros((*events, 1)))
            measure = Measure(events, 1, index, weight[0] if weight else None)
            sides = zip(self.pair.sides(), held, strict=True)
            scores = [self._scores(side, x) for side, x in sides]
            pair = replace(
                self.pair, p=scores[-1], q=scores[0] if self.pair.q is not None else None
            )
            fits = self.owner.stored.refuses(measure, pair) is None
            kernel = self.owner.stored if fits else self.owner.formula
            return step(sums, _Block(kernel, measure, pair, held, given))

        if not self.known or self.count <= self.step:
            return one(sums, each)
        blocks, left = divmod(self.count, self.step)
        whole = blocks * self.step
        cut = jax.tree.map(lambda x: x[:whole].reshape(blocks, self.step, *x.shape[1:]), each)
        sums, found = jax.lax.scan(one, sums, cut)
        found = jax.tree.map(lambda y: y.reshape(whole, *y.shape[2:]), found)
        if not left:
            return sums, found
        sums, last = one(sums, jax.tree.map(lambda x: x[whole:], each))
        return sums, jax.tree.map(lambda *ys: jnp.concatenate(ys), found, last)

    def _scores(self, side: Any, x: Any) -> Scores:
        """The scores of some events, or without these what they are besides."""
        if not isinstance(side, Projection):
            return Scores(side.kind, x, 1, side.softcap)
        if x is None:
            return Scores("logits", None, 1, side.softcap)
        z = product(x, side.weight.T)
        if side.bias is not None:
            z = z + side.bias.astype(z.dtype)
        return Scores("logits", z, 1, side.softcap)


pairs = Pairs()
by_events = ByEvents(Pairs(flush=True), 42)
