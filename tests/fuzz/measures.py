"""P in 80-bit arithmetic: its masses over the classes, and what flows back to the arrays it holds.

Every target is linear in each of its arrays, so a wrapper is a line forward and a line back. A
weight of 0 takes an event out of everything, whatever else is stored for it: 0 · NaN is 0 here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .program import Array, Arrays, Labels, Probs, Smoothed, Sparse, Target, Weighted, YesNo

Wide = Any  # an array of np.longdouble
# Gradients by name, each with the sum of the sizes of its terms, which its error is relative to.
Found = dict[str, tuple[Wide, Wide]]
Back = Callable[[Wide, Wide, Found], None]


def wide(x: Array) -> Wide:
    """The same numbers in 80 bits: exact for every floating type of up to 64 and every integer."""
    if x.dtype.kind in "iub":
        return x.astype(np.longdouble)
    return x.astype(np.float64).astype(np.longdouble)


def times(a: Wide, b: Wide) -> Wide:
    """a · b, and 0 where either is 0."""
    with np.errstate(all="ignore"):
        return np.where((a == 0) | (b == 0), np.longdouble(0), a * b)


def rows(x: Array, axis: int) -> Wide:
    """[N, K] from an array with its classes on `axis`."""
    last = np.moveaxis(wide(x), axis, -1)
    return last.reshape(int(np.prod(last.shape[:-1], dtype=int)), last.shape[-1])


def unrows(x: Wide, like: Array, axis: int) -> Wide:
    """[N, K] back in the shape of `like`."""
    last = np.moveaxis(like, axis, -1).shape
    return np.moveaxis(x.reshape(last), -1, axis)


def masses(p: Target, arrays: Arrays, events: tuple[int, ...], classes: int) -> tuple[Wide, Back]:
    """[N, K] masses, and the function that carries a gradient of theirs back to P's arrays."""
    if isinstance(p, Smoothed):
        inner, back = masses(p.target, arrays, events, classes)
        share = np.longdouble(p.epsilon)
        spread = share * inner.sum(1, keepdims=True) / classes

        def smooth_back(g: Wide, size: Wide, found: Found) -> None:
            mean, mean_size = (x.mean(1, keepdims=True) if x.size else x for x in (g, size))
            back((1 - share) * g + share * mean, (1 - share) * size + share * mean_size, found)

        return (1 - share) * inner + spread, smooth_back
    if isinstance(p, Weighted):
        return _weighted(p, arrays, events, classes)
    if isinstance(p, Labels):
        return one_hot(arrays[p.index].reshape(-1, 1), p.ignore, classes), _nothing
    if isinstance(p, Sparse):
        index, probs = arrays[p.index], arrays[p.probs]
        flat = index.reshape(int(np.prod(events, dtype=int)), index.shape[-1])
        values = rows(probs, -1)
        found_masses = np.zeros((len(flat), classes), np.longdouble)
        for t in range(index.shape[-1]):
            found_masses += times(one_hot(flat[:, t : t + 1], None, classes), values[:, t : t + 1])

        def sparse_back(g: Wide, size: Wide, found: Found) -> None:
            at = np.clip(flat.astype(np.int64), 0, classes - 1)
            each = (np.take_along_axis(x, at, 1).reshape(probs.shape) for x in (g, size))
            found[p.probs] = tuple(each)

        return found_masses, sparse_back
    if isinstance(p, YesNo):
        y = wide(arrays[p.probs]).reshape(-1)

        def yes_no_back(g: Wide, size: Wide, found: Found) -> None:
            of = arrays[p.probs].shape
            found[p.probs] = ((g[:, 1] - g[:, 0]).reshape(of), size.sum(1).reshape(of))

        return np.stack([1 - y, y], 1), yes_no_back

    def dense_back(g: Wide, size: Wide, found: Found) -> None:
        like = arrays[p.probs]
        found[p.probs] = (unrows(g, like, p.axis), unrows(size, like, p.axis))

    return rows(arrays[p.probs], p.axis), dense_back


def one_hot(index: Array, ignore: int | None, classes: int) -> Wide:
    """[N, K] from [N, 1]: nothing for an ignored label, NaN for one that is no class."""
    # Written out, since ignore may be a number that this dtype does not have.
    ignored = np.array([ignore is not None and int(y) == ignore for y in index[:, 0]], bool)
    inside = (index[:, 0] >= 0) & (index[:, 0] < classes)
    found = np.zeros((len(index), classes), np.longdouble)
    at = np.flatnonzero(inside & ~ignored)
    found[at, index[at, 0].astype(np.int64)] = 1
    found[~inside & ~ignored] = np.nan
    return found


def _weighted(
    p: Weighted, arrays: Arrays, events: tuple[int, ...], classes: int
) -> tuple[Wide, Back]:
    inner, back = masses(p.target, arrays, events, classes)
    n = int(np.prod(events, dtype=int))
    sample = np.ones((n, 1), np.longdouble)
    if p.sample is not None:
        sample = wide(arrays[p.sample]).reshape(n, 1)
    each = np.ones((1, classes), np.longdouble)
    if isinstance(p.classes, str):
        each = wide(arrays[p.classes]).reshape(1, classes)
    elif p.classes is not None:
        sides = [wide(np.asarray(arrays[c] if isinstance(c, str) else float(c))) for c in p.classes]
        each = np.stack([np.broadcast_to(s, events).reshape(n) for s in sides], 1)
    by_class = times(each, inner)

    def weighted_back(g: Wide, size: Wide, found: Found) -> None:
        if p.sample is not None:
            of = arrays[p.sample].shape
            found[p.sample] = tuple(
                times(abs(by_class) if x is size else by_class, x).sum(1).reshape(of)
                for x in (g, size)
            )
        if isinstance(p.classes, str):
            found[p.classes] = tuple(times(sample, times(inner, x)).sum(0) for x in (g, size))
        elif p.classes is not None:
            for side, name in enumerate(p.classes):
                if isinstance(name, str):
                    terms = (
                        times(sample[:, 0], times(inner[:, side], x[:, side])) for x in (g, size)
                    )
                    found[name] = tuple(
                        _sum_to(t.reshape(events), arrays[name].shape) for t in terms
                    )
        factor = times(sample, each)
        back(times(factor, g), times(factor, size), found)

    return times(sample, by_class), weighted_back


def _sum_to(x: Wide, shape: tuple[int, ...]) -> Wide:
    """The sum over the axes along which `shape` was broadcast."""
    x = x.sum(tuple(range(x.ndim - len(shape))))
    return x.sum(tuple(i for i, n in enumerate(shape) if n == 1 != x.shape[i]), keepdims=True)


def _nothing(g: Wide, size: Wide, found: Found) -> None:
    """Labels have no gradient."""


def distribution(p: Target, arrays: Arrays, events: tuple[int, ...], classes: int) -> Wide:
    """[N, K] probabilities: P without its weights, which multiply the terms of an entropy."""
    if isinstance(p, Weighted):
        return distribution(p.target, arrays, events, classes)
    if isinstance(p, Smoothed):
        inner = distribution(p.target, arrays, events, classes)
        return (1 - np.longdouble(p.epsilon)) * inner + np.longdouble(p.epsilon) / classes
    return masses(p, arrays, events, classes)[0]


def held(p: Target) -> Labels | Probs | Sparse | YesNo:
    """What the wrappers are around."""
    return held(p.target) if isinstance(p, Smoothed | Weighted) else p
