"""How far the losses of two predictions of the same rows are apart, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from math import ceil, hypot, inf, nan
from typing import Any

import numpy as np

from .column import Array, InputError
from .interval import NORMAL, Interval, around, uncertain
from .kept import Losses
from .matched import matched
from .moments import Moments
from .slices import Groups
from .summary import Summary, without_infinities
from .tally import FEW


@dataclass(frozen=True, slots=True)
class SliceDifference:
    """Events that share a value: the mean of H(b) - H(a) with its standard error, and what they
    contribute to the difference of all events."""

    column: str
    value: str
    count: int
    difference: float
    standard_error: float
    contribution: float


@dataclass(frozen=True, slots=True)
class RowDifference:
    """An event whose losses are far apart; `row` counts from 0 in the first file."""

    row: int
    id: str
    label: str
    cross_entropy_a: float
    cross_entropy_b: float
    difference: float


@dataclass(frozen=True, slots=True)
class Difference:
    """H of `b` minus H of `a` over the events that both have scored, in nats: below 0, b is better.

    `difference` is Σ w (H(b) - H(a)) / Σ w. It is ∞ where b alone gives 0 to what happened, -∞
    where a alone does, and NaN where both do; `finite_difference`, `standard_error` and `interval`
    are those of the other events. `unpaired_interval` is what it would be if the files held
    different events. `wins` are the events in which b has the lower loss, `losses` those in which
    a has, `ties` the others. `more_events` is how many more events would have the interval exclude
    0 if the difference and the spread stay what they are: 0 where it does, NaN where no number
    would. `left_out` events were scored in one of the two alone.
    """

    a: str
    b: str
    events: int
    left_out: int
    cross_entropy_a: float
    cross_entropy_b: float
    difference: float
    finite_difference: float
    standard_error: float
    interval: Interval
    interval_method: str
    unpaired_standard_error: float
    unpaired_interval: Interval
    infinite_a: int
    infinite_b: int
    infinite_both: int
    wins: int
    losses: int
    ties: int
    more_events: float
    slices: tuple[SliceDifference, ...]
    rows: tuple[RowDifference, ...]

    @property
    def settled(self) -> bool:
        """Whether 0 lies outside the interval."""
        low, high = self.interval
        return low > 0 or high < 0


@dataclass(frozen=True, slots=True)
class Differences:
    """What a comparison holds: numbers alone."""

    names: tuple[str, ...]
    on: str | None
    files: tuple[Summary, ...]
    pairs: tuple[Difference, ...]

    def to_dict(self) -> dict[str, Any]:
        """The comparison for JSON, which knows no ∞ and no NaN: they become None."""
        plain: dict[str, Any] = {
            "on": self.on,
            "files": [
                {**report.to_dict(), "file": name}
                for name, report in zip(self.names, self.files, strict=True)
            ],
            "pairs": [{**asdict(pair), "settled": pair.settled} for pair in self.pairs],
        }
        return without_infinities(plain)


def compared(files: Sequence[tuple[Summary, Losses]], worst: int) -> Differences:
    """Every two files, of which the losses are kept.

    Raises:
        InputError: they are not of the same rows, or no row is scored in two of them.
    """
    reports = [report for report, _ in files]
    aligned = matched([losses for _, losses in files], [report.row_count for report in reports])
    return Differences(
        names=tuple(each.name for each in aligned),
        on=aligned[0].roles.on,
        files=tuple(reports),
        pairs=tuple(_pair(aligned[0], a, b, worst) for a, b in combinations(aligned, 2)),
    )


def _pair(first: Losses, a: Losses, b: Losses, worst: int) -> Difference:
    """b beside a; the slices, the clusters and the names of the rows are those of `first`."""
    scored = a.scored & b.scored
    if not scored.any():
        raise InputError(f"no row is scored in both {a.name} and {b.name}")
    x, y = a.loss, b.loss
    only_a, only_b = scored & (x == inf) & (y < inf), scored & (y == inf) & (x < inf)
    neither = scored & (x == inf) & (y == inf)
    finite = scored & (x < inf) & (y < inf)
    with np.errstate(invalid="ignore"):
        gap = np.where(scored & ~neither, y - x, 0.0)
    weight, index = a.weight, np.flatnonzero(finite)
    clusters = _clusters(first)
    mean, error, interval, method = _estimate(gap, weight, index, clusters)
    errors = [_estimate(h, weight, index, clusters)[1] for h in (x, y)]
    apart = hypot(*errors)
    full, count = mean, int(scored.sum())
    if neither.any() or (only_a.any() and only_b.any()):
        full = nan
    elif only_a.any() or only_b.any():
        full = inf if only_b.any() else -inf
    return Difference(
        a=a.name,
        b=b.name,
        events=count,
        left_out=int((a.scored ^ b.scored).sum()),
        cross_entropy_a=_mean(x[scored], weight[scored]),
        cross_entropy_b=_mean(y[scored], weight[scored]),
        difference=full,
        finite_difference=mean,
        standard_error=error,
        interval=interval,
        interval_method=method,
        unpaired_standard_error=apart,
        unpaired_interval=around(mean, apart),
        infinite_a=int(only_a.sum()),
        infinite_b=int(only_b.sum()),
        infinite_both=int(neither.sum()),
        wins=int((gap[scored] < 0).sum()),
        losses=int((gap[scored] > 0).sum()),
        ties=int((gap[scored] == 0).sum()),
        more_events=_more(full, error, interval, count),
        slices=_slices(first, gap, weight, index),
        rows=_rows(first, a, b, gap, np.flatnonzero(scored), worst),
    )


def _clusters(first: Losses) -> tuple[Groups, Array] | None:
    if first.roles.cluster is None:
        return None
    return first.groups[-1], first.places[-1]


def _estimate(
    values: Array, weight: Array, index: Array, clusters: tuple[Groups, Array] | None
) -> tuple[float, float, Interval, str]:
    """The mean of some of the values, its standard error and its interval."""
    values, weight = values[index], weight[index]
    if not len(values):
        return nan, nan, (nan, nan), "central limit theorem"
    moments, groups = Moments(), None
    moments.add(values, weight)
    if clusters is not None:
        groups = clusters[0].again()
        groups.take(clusters[1][index], values, weight)
    first = np.stack([values, weight])[:, : FEW + 1]
    return moments.mean, *uncertain(moments, groups, first, 0)


def _mean(values: Array, weight: Array) -> float:
    if np.isinf(values).any():
        return inf
    moments = Moments()
    moments.add(values, weight)
    return moments.mean


def _more(difference: float, error: float, interval: Interval, events: int) -> float:
    """How many more events would settle it: the error falls as the root of their number."""
    low, high = interval
    if low > 0 or high < 0:
        return 0.0
    if not np.isfinite(difference) or not error >= 0 or not difference:
        return nan
    return float(max(1, ceil(events * (NORMAL * error / difference) ** 2) - events))


def _slices(first: Losses, gap: Array, weight: Array, index: Array) -> tuple[SliceDifference, ...]:
    """Per column, the slices that contribute the most before the others."""
    total, count = float(weight[index].sum()), len(first.roles.by)
    found: list[SliceDifference] = []
    for groups, places in zip(first.groups[:count], first.places[:count], strict=True):
        again = groups.again()
        again.take(places[index], gap[index], weight[index])
        lines = [
            SliceDifference(
                s.column, s.value, s.count, s.cross_entropy, s.standard_error,
                s.weight * s.cross_entropy / total,
            )
            for s in again.slices()
        ]  # fmt: skip
        found += sorted(lines, key=lambda line: -abs(line.contribution))
    return tuple(found)


def _rows(
    first: Losses, a: Losses, b: Losses, gap: Array, scored: Array, most: int
) -> tuple[RowDifference, ...]:
    """The events that are furthest apart; of equal ones the first."""
    order = scored[np.argsort(-np.abs(gap[scored]), kind="stable")][:most]
    return tuple(
        RowDifference(
            row=int(first.rows[i]) if first.ids is not None else i,
            id="" if first.ids is None else first.ids.named(np.array([i]))[0],
            label=first.label(i),
            cross_entropy_a=float(a.loss[i]),
            cross_entropy_b=float(b.loss[i]),
            difference=float(gap[i]),
        )
        for i in order.tolist()
        if gap[i]
    )
