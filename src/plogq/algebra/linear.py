"""LinearLogits in tiles: the scores of some events and some classes at a time, never all of them.

Forward makes each tile by one matrix product, and the kernel for stored logits finds in it what
the loss needs of these classes. Backward makes each tile again and turns it into its own gradient
in place, which two more products carry to hidden and weight. Four products in all, each as large
as a matrix product has to be to run at full speed.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from . import shards
from .contract import Forward, Kernel, in_steps
from .measure import Measure
from .scores import Projection, Scores

Array = Any

# A tile takes a 25th of what all scores would take, within these bounds: below, a product is too
# small to run at full speed; above, a tile leaves the cache before it is used.
_TILE_SHARE, _LEAST_BYTES, _MOST_BYTES = 25, 8 << 20, 32 << 20
_EVENTS = 4096
# Gradient filtering looks at this many events together: a class is left out if none needs it.
_FILTERED_EVENTS = 128


class Tiled:
    """The linear kernel: tiles over the framework's matrix product and an inner kernel.

    The inner kernel is the first of those for stored logits that does not refuse the target, the
    formula last.
    """

    name = "linear"

    def __init__(self, xp: Any, *inner: Kernel) -> None:
        self.xp, self.inner = xp, inner

    def refuses(self, measure: Any, scores: Any) -> str | None:
        if not isinstance(scores, Projection):
            return "the linear kernel takes LinearLogits"
        return self.xp.no_products(scores.hidden)

    def forward(self, measure: Measure, scores: Projection, log_z: bool = False) -> Forward:
        with self.xp.exact(), self.xp.quiet():
            return self._forward(measure, scores, log_z)

    def _forward(self, measure: Measure, scores: Projection, log_z: bool) -> Forward:
        tiles, xp = _Tiles(measure, scores, self.xp), self.xp
        whole: list[Any] = [None] * len(tiles.blocks)
        for classes in tiles.chunks:
            weight = tiles.weight(classes)
            for i, rows in enumerate(tiles.blocks):
                tile = tiles.scores(rows, classes, weight)
                part = tiles.measure(rows, classes, tiles.nothing[rows])
                result = self._inner(part, tile).forward(part, tile)
                shard = shards.found(part, result, xp)
                whole[i] = shard if whole[i] is None else shards.merged(whole[i], shard, xp)
        greatest, rest, expected, _ = (xp.joined(x) for x in zip(*whole, strict=True))
        together = shards.Found(greatest, rest, expected, tiles.mass)
        loss, found_log_z = shards.losses(together, tiles.mass, xp)
        like, events = xp.statistics(scores.hidden), measure.events
        return Forward(
            xp.cast_like(loss, like).reshape(events),
            xp.cast_like(found_log_z, like).reshape(events) if log_z else None,
            (greatest.reshape(events), rest.reshape(events)),
        )

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Any, ...]:
        with self.xp.exact(), self.xp.quiet():
            return self._backward(measure, scores, residual, d_loss, d_log_z)

    def _backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any
    ) -> tuple[Any, ...]:
        xp, tiles = self.xp, _Tiles(measure, scores, self.xp)
        count = len(tiles.mass)
        greatest, rest = (x.reshape(count) for x in residual)
        d_loss, d_log_z = (shards.per_event(x, count, tiles.nothing, xp) for x in (d_loss, d_log_z))
        flowing = xp.times(tiles.mass, d_loss)
        nothing = xp.equal(flowing, 0.0) & xp.equal(d_log_z, 0.0)
        gradients = _Gradients(tiles, scores, xp.absolute(flowing + d_log_z), nothing, xp)
        for classes in tiles.chunks:
            weight = tiles.weight(classes)
            gradients.start(classes)
            for rows in tiles.blocks:
                tile = tiles.scores(rows, classes, weight)
                part = tiles.measure(rows, classes, tiles.mass[rows])
                known = greatest[rows], rest[rows]
                self._inner(part, tile).backward(
                    part, tile, known, d_loss[rows], d_log_z[rows], out=tile.array
                )
                gradients.add(rows, weight, tile.array)
            gradients.finish(classes)
        return gradients.result()

    def fused(
        self, measure: Measure, scores: Projection, d_loss: float, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Any, ...]]:
        return in_steps(self, self.xp, measure, scores, d_loss, z_loss)

    def _inner(self, part: Measure, tile: Scores) -> Kernel:
        return next(kernel for kernel in self.inner if kernel.refuses(part, tile) is None)


class _Tiles:
    """How events and classes are cut up, and the one tile that is used again and again."""

    def __init__(self, measure: Measure, q: Projection, xp: Any) -> None:
        self.q, self.xp = q, xp
        classes, features = q.weight.shape
        count = prod(measure.events)
        self.flat = shards.flat(measure, count, xp)
        self.mass = self.flat.mass(xp) + xp.full((count,), 0.0, q.hidden)
        self.nothing = xp.full((count,), 0.0, q.hidden)
        self.hidden = xp.statistics(q.hidden.reshape(count, features))
        wide = xp.statistics(q.weight[:0])
        item = wide.itemsize
        rows = max(1, min(count, _EVENTS))
        size = min(max(count * classes * item // _TILE_SHARE, _LEAST_BYTES), _MOST_BYTES)
        columns = max(1, min(classes, size // (rows * item)))
        self.work = xp.empty((rows * columns,), wide)
        self.blocks = [*_slices(count, rows)] or [slice(0, 0)]
        self.chunks = [*_slices(classes, columns)]

    def weight(self, classes: slice) -> Array:
        return self.xp.statistics(self.q.weight[classes])

    def scores(self, rows: slice, classes: slice, weight: Array) -> Scores:
        """hidden · weightᵀ + bias of these events and classes, in the workspace."""
        shape = rows.stop - rows.start, classes.stop - classes.start
        tile = self.work[: shape[0] * shape[1]].reshape(shape)
        bias = None if self.q.bias is None else self.xp.statistics(self.q.bias[classes])
        self.xp.product_into(tile, self.hidden[rows], weight.T, bias)
        return Scores("logits", tile, 1, self.q.softcap)

    def measure(self, rows: slice, classes: slice, total: Array) -> Measure:
        """P of these events in these classes."""

        block = shards.of_events(self.flat, rows, rows.stop - rows.start)
        count = classes.stop - classes.start
        return shards.restricted(block, classes.start, count, total, self.xp)


class _Gradients:
    """Where the gradients of hidden, weight and bias add up, in float32 at the least."""

    def __init__(
        self, tiles: _Tiles, q: Projection, weighed: Array, nothing: Array, xp: Any
    ) -> None:
        self.tiles, self.q, self.xp = tiles, q, xp
        like = xp.statistics(q.hidden[:0])
        count, features = tiles.hidden.shape
        self.hidden = xp.zeros((count, features), like)
        self.weight = xp.empty(tuple(q.weight.shape), q.weight)
        self.bias = None if q.bias is None else xp.empty(tuple(q.bias.shape), q.bias)
        widest = max(c.stop - c.start for c in tiles.chunks)
        # A weight of the widest type is its own accumulator.
        narrow = like.dtype != q.weight.dtype
        self.sum = xp.empty((widest, features), like) if narrow else None
        self.bias_sum: Any = 0.0
        self.least = None if q.filter is None else q.filter * weighed
        # What nothing flows back to may be NaN, and 0 · NaN would be too.
        self.kept = tiles.hidden
        if not tiles.flat.unit_mass():
            self.kept = xp.where(xp.expand(nothing), 0.0, tiles.hidden)

    def start(self, classes: slice) -> None:
        """Begin with the classes of a chunk."""
        count = classes.stop - classes.start
        self.part = self.weight[classes] if self.sum is None else self.sum[:count]
        self.first = True
        if self.least is not None:
            self.part[...] = 0.0
        self.bias_sum = 0.0

    def add(self, rows: slice, weight: Array, d_scores: Array) -> None:
        """Carry the gradient of a tile of scores to hidden and weight."""
        xp = self.xp
        hidden = self.kept[rows]
        if self.bias is not None:
            self.bias_sum = self.bias_sum + xp.column_sums(d_scores)
        if self.least is None:
            xp.add_product(self.hidden[rows], d_scores, weight)
            (xp.product_into if self.first else xp.add_product)(self.part, d_scores.T, hidden)
            self.first = False
            return
        for some in _slices(rows.stop - rows.start, _FILTERED_EVENTS):
            here = slice(rows.start + some.start, rows.start + some.stop)
            kept = xp.exceeding(d_scores[some], self.least[here])
            few = d_scores[some][:, kept]
            xp.add_product(self.hidden[here], few, weight[kept])
            self.part[kept] += few.T @ hidden[some]

    def finish(self, classes: slice) -> None:
        """Put the sums of a chunk in their places."""
        if self.sum is not None:
            self.weight[classes] = self.xp.cast_like(self.part, self.weight)
        if self.bias is not None:
            self.bias[classes] = self.xp.cast_like(self.bias_sum, self.bias)

    def result(self) -> tuple[Array, Array, Array | None]:
        hidden = self.hidden.reshape(tuple(self.q.hidden.shape))
        return self.xp.cast_like(hidden, self.q.hidden), self.weight, self.bias


def _slices(count: int, step: int) -> Iterator[slice]:
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))
