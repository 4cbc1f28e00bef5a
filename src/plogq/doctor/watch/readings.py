"""Facts from what made an array and from its numbers together: provenance decides, numbers add."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..contracts import Contract, Holds, Takes
from ..facts import DECIDED, OUTPUTS, Array, Made, Step, place_of
from .evidence import Evidence, Numbers

_OPAQUE = Step("scale")  # what made it was not seen: a warning at the most
_ENOUGH = 32  # one-hot rows before a yes/no loss is suspected


def axis_of(contract: Contract, rank: int | None, options: dict[str, object] | None = None) -> Any:
    """The class axis of a loss for arrays of a rank, counted from the front."""
    if not rank or (contract.axis is None and contract.exclusive is False):
        return None
    given = (options or {}).get("axis")
    axis = given if isinstance(given, int) else contract.axis
    if axis is None:
        axis = -1
    if contract.axis == 1 and rank == 1:
        axis = 0
    return place_of(axis, rank)


def prediction(contract: Contract, q: Array, p: Array, seen: Evidence) -> Array:
    """What is known of a prediction: its maker, or what its numbers show."""
    unit = seen.n >= _ENOUGH and not seen.bad and (seen.low or 0) >= 0 and (seen.high or 2) <= 1
    free = q.made is Made.SCORES or (q.made is Made.RELU and q.scaled)
    if free and contract.takes is Takes.PROBABILITIES and unit:
        q = q.but(made=None)  # a layer whose outputs are probabilities by its weights
    if q.made is not None:
        return q
    axis = axis_of(contract, q.rank)
    width = q.shape[axis] if q.shape is not None and axis is not None else None
    out = q.but(axis=axis, width=width)
    if seen.n == 0 or seen.bad or seen.low is None or seen.high is None:
        return out
    if p.made in OUTPUTS and seen.whole and seen.low >= 0:
        if seen.all_hot:
            return out.but(made=Made.ONE_HOT, by="rows with a single one", low=0, high=1)
        if seen.bits:
            made = Made.MULTI_HOT if width not in (None, 1) else Made.LABELS
            return out.but(made=made, by="zeros and ones", low=0, high=1)
    many = isinstance(width, int) and width >= 2
    outside = seen.low < -1e-5 or seen.high > 1 + 1e-5
    numbers = f"values from {seen.low:.4g} to {seen.high:.4g}"
    soft = seen.all_soft and seen.rows >= 8 and not seen.all_hot and many
    if contract.takes is Takes.SCORES and contract.exclusive and soft:
        return out.but(made=Made.SOFTMAX, by="rows in [0, 1] that sum to 1", path=(_OPAQUE,))
    if contract.takes is Takes.PROBABILITIES and outside and not contract.divergence:
        return out.but(made=Made.SCORES, by=numbers)
    if contract.takes is Takes.LOG_PROBABILITIES and seen.high > 1e-3 and many:
        if soft:
            return out.but(made=Made.SOFTMAX, by="rows in [0, 1] that sum to 1", path=(_OPAQUE,))
        if outside:
            return out.but(made=Made.SCORES, by=numbers)
    return out


def target(
    contract: Contract, q: Array, p: Array, seen: Evidence, options: dict[str, object]
) -> Array:
    """What is known of a target: its maker where it is an output, else what its numbers show."""
    if p.made in OUTPUTS or p.made in DECIDED:
        return p.but(low=seen.low, high=seen.high) if p.made is Made.ARGMAX else p
    if p.made is Made.ONE_HOT and p.axis is not None:
        return p
    if seen.n == 0 or seen.bad or seen.low is None or seen.high is None:
        return _without_numbers(contract, q, p)
    p = p.but(made=None, low=seen.low, high=seen.high, axis=None, width=None)
    if contract.exclusive:
        return _of_classes(contract, q, p, seen, options)
    if seen.low < -1e-6 or seen.high > 1 + 1e-6:
        made = Made.LABELS if seen.whole else Made.DATA
        return p.but(made=made, by=_range_words(seen))
    k = q.classes
    if seen.all_hot and p.rank == q.rank and k is not None and k >= 3 and seen.rows >= _ENOUGH:
        at = 1 if contract.peer == "torch" else (p.rank or 1) - 1
        return p.but(made=Made.ONE_HOT, by="rows with a single one", axis=at, width=k)
    if seen.bits:
        wide = p.shape is not None and len(p.shape) >= 2 and p.shape[-1] != 1
        return p.but(made=Made.MULTI_HOT if wide else Made.LABELS, by="zeros and ones")
    return p.but(made=Made.DATA, by=_range_words(seen))


def _range_words(seen: Evidence) -> str:
    return f"values from {seen.low:g} to {seen.high:g}"


def _without_numbers(contract: Contract, q: Array, p: Array) -> Array:
    """A traced target: its type and shape tell indices from rows."""
    if p.made is not None or not contract.exclusive or p.rank is None or q.rank is None:
        return p
    if p.kind == "int" and p.rank == q.rank - 1:
        return p.but(made=Made.LABELS, by="whole numbers")
    at = axis_of(contract, p.rank)
    wide = p.shape[at] if p.rank == q.rank and p.shape is not None and at is not None else None
    if contract.holds is Holds.INDEX and isinstance(wide, int) and wide == q.classes and wide > 1:
        return p.but(made=Made.ONE_HOT, by=f"rows of {wide}", axis=at, width=wide)
    return p


def _of_classes(
    contract: Contract, q: Array, p: Array, seen: Evidence, options: dict[str, object]
) -> Array:
    """The target of a loss over exclusive classes."""
    axis = axis_of(contract, p.rank, options)
    rows = p.rank is not None and p.rank == q.rank and p.rank >= 2 and axis is not None
    k = p.shape[axis] if rows and p.shape is not None and axis is not None else None
    if rows and isinstance(k, int) and k >= 2:
        if seen.all_hot:
            return p.but(made=Made.ONE_HOT, by="rows with a single one", axis=axis, width=k)
        if seen.bits and seen.several > 0 and seen.hot + seen.several + seen.empty == seen.rows:
            return p.but(made=Made.MULTI_HOT, by="rows of zeros and ones", axis=axis, width=k)
        if contract.divergence and seen.log_rows == seen.rows > 0 and (seen.low or 0) < 0:
            return p.but(made=Made.LOG_SOFTMAX, by="logarithms of probabilities", axis=axis)
        if (seen.low or 0) < -1e-3 and not seen.whole and not contract.divergence:
            return p.but(made=Made.SCORES, by=_range_words(seen), axis=axis, width=k)
        return p.but(made=Made.DATA, by="rows of weights", axis=axis, width=k)
    if not seen.whole:
        return p
    p = p.but(made=Made.LABELS, by=f"labels from {seen.low:g} to {seen.high:g}")
    return _ranged(contract, q, p, seen, options)


def _ranged(
    contract: Contract, q: Array, p: Array, seen: Evidence, options: dict[str, object]
) -> Array:
    """Labels: how far they run, as far as that is sure, and whether some are padding."""
    k = q.classes
    given = options.get("ignore_index", options.get("ignore_class"))
    # Of rows that were flattened, or masked, label 0 may be the padding that is not there any more.
    flat = p.rank == 1 and not any(s.verb in ("reshape", "slice") for s in q.path)
    outside = k is not None and seen.high is not None and seen.high >= k
    if isinstance(given, int) and k is not None and 0 <= given < k and not outside:
        counts = seen.counts
        n = int(counts[given]) if given < len(counts) else 0
        real = flat if seen.is_class is None else seen.is_class
        if n and real and n <= max(0.3, 2 / k) * max(1, seen.n):
            return p
        return p.but(made=Made.PADDED, low=float(given), by="padded rows")
    pad = seen.padding()
    if pad is not None and given is None and k is not None and k > 2 and 0 <= pad < k:
        return p.but(made=Made.PADDED, low=float(pad), by="padded rows")
    if p.low == 1 and k is not None:
        all_others = 2 < k <= 200 and bool((seen.counts[1:] > 0).all())
        all_others = all_others and len(seen.counts) in (k, k + 1)
        if not (flat and seen.n >= 8 * k and all_others):
            p = p.but(low=0.0)  # that the first class is missing may be chance
    if contract.holds is Holds.DISTRIBUTION and p.kind == "float":
        return p.but(kind="int")
    return p


def weights(
    w: Array | None, numbers: Numbers | None, labels: Evidence, contract: Contract
) -> Array | None:
    """Class weights: whether they grow with how often their class occurs."""
    if w is None or w.rising is not None:
        return w
    if numbers is None or labels.bad:
        return w
    flat = np.asarray(numbers, np.float64).reshape(-1)
    if not contract.exclusive:
        share = labels.share_of_ones
        odds = share / (1 - share) if 0 < share < 0.35 else 0.0
        if flat.size == 1 and labels.n >= 100 and labels.bits and odds:
            rising = abs(flat[0] - odds) < 0.25 * odds
            return w.but(rising=True, made=Made.COUNTS, by="pos_weight") if rising else w
        return w
    counts = labels.counts.astype(np.float64)
    if len(counts) != flat.size or flat.size < 2 or (counts == 0).any() or (flat <= 0).any():
        return w
    spread = counts.max() / counts.min()
    ratio = np.log(flat / counts)
    apart = ratio.max() - ratio.min()
    if counts.sum() < 50 or (spread < 2 and not (apart < 1e-3 and spread > 1.02)):
        return w
    if apart < 0.35 * np.log(spread):
        return w.but(rising=True, made=Made.COUNTS, by="weight")
    return w
