"""What the numbers of a report mean, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, isfinite, isnan

from .page import many, nats, percent
from .shown import excerpt
from .summary import Summary

# Below this a temperature changes no probability that is written with two decimals.
_WARM = 0.02
# What rounds to no nats at all.
_NOTHING = 5e-5
# From more of the events than this it is no surprise that they make half of the loss.
_FEW = 0.3


def left_out(report: Summary) -> str:
    """The rows that are left out on purpose."""
    why = "they have length 0" if report.tokens else "their label is ignored or they weigh 0"
    return f"{report.left_out:,} rows are left out: {why}."


def bad_rows(report: Summary) -> str:
    """The rows that could not be scored."""
    have = "row is" if report.bad_rows == 1 else "rows are"
    return f"{report.bad_rows:,} bad {have} left out (rows count from 0):"


def headline(report: Summary) -> Iterator[str]:
    """How good the prediction is, and beside what."""
    r, unit = report, "token" if report.tokens else "event"
    of = many(r.events, "event")
    if r.tokens:
        of = f"{many(r.tokens, 'token')} in {many(r.events, 'row')}"
    if r.infinite:
        every = "event has" if r.infinite == 1 else "events have"
        yield (
            f"The cross-entropy of {of} is ∞: {r.infinite:,} {every} probability 0 for what "
            "happened."
        )
        if not isnan(r.finite_cross_entropy):
            yield f"That of the others is {nats(r.finite_cross_entropy)} nats per {unit}."
    else:
        low, high = r.interval
        sure = ""
        if isfinite(low) and isfinite(high):
            sure = f" (95% interval {nats(low)} to {nats(high)}, by {r.interval_method})"
        yield (
            f"The cross-entropy of {of} is {nats(r.cross_entropy)} nats per {unit}{sure}, which is "
            f"{nats(r.bits)} bits."
        )
        if r.target_entropy > 0:
            yield (
                f"No prediction can get below the entropy of the targets, {nats(r.target_entropy)} "
                f"nats: {nats(r.cross_entropy - r.target_entropy)} nats are left."
            )
        else:
            yield (
                f"What happened was given a probability of {percent(exp(-r.cross_entropy))}, as a "
                "geometric mean: the model is as unsure as a choice among "
                f"{nats(r.perplexity)} that are equally likely."
            )
    yield from _units(r)
    if r.baselines:
        base, right = r.baselines[-1], percent(r.accuracy)
        yield f"It is right in {right} of the events."
        says = f"A prediction that only knows the class frequencies has {nats(base.cross_entropy)} "
        if not isfinite(base.gain):
            yield f"{says}nats."
        elif base.gain > 0:
            yield f"{says}nats: the model takes away {percent(base.share)} of that."
        else:
            yield f"{says}nats, and so is better than the model."


def _units(report: Summary) -> Iterator[str]:
    for unit, bits in (
        ("byte", report.bits_per_byte), ("character", report.bits_per_character)
    ):  # fmt: skip
        if not isnan(bits):
            yield f"That is {nats(bits)} bits per {unit}."


def calibration(report: Summary) -> Iterator[str]:
    """Whether the model is as sure as it is right."""
    r = report
    if not isnan(r.miscalibration):
        drawn = f" of {r.calibration_events:,} events" if r.calibration_events < r.events else ""
        yield (
            f"The class frequencies leave {nats(r.uncertainty)} nats open{drawn} (uncertainty). "
            f"The model tells {nats(r.discrimination)} of them (discrimination), and loses "
            f"{nats(r.miscalibration)} again, as its probabilities are not what they come to "
            "(miscalibration): the first, less the second, plus the third is H."
        )
    t, gain = r.temperature, r.temperature_gain
    if gain < _NOTHING:
        yield "No temperature would take anything off H that is worth it."
    elif not isnan(t):
        if abs(t - 1) < _WARM:
            how = "it is about as sure as it should be"
        else:
            how = f"it is {'surer' if t > 1 else 'less sure'} than it should be"
        yield (
            f"Scores would best be divided by a temperature of {nats(t)}, so {how}; that would "
            f"take {nats(gain)} nats off H."
        )
    yield (
        f"The Brier score is {nats(r.brier)}. The calibration error over 15 bins is "
        f"{nats(r.calibration_error)}; it depends on the bins, and is above 0 for a model without "
        "fault too."
    )


def losses(report: Summary) -> Iterator[str]:
    """Whether few events make most of the loss."""
    weight = cost = 0.0
    for line in report.histogram:
        weight += line.weight_share
        if weight >= 0.5:
            if isfinite(line.high):
                below = f"have a loss below {nats(line.high)} nats"
                yield f"{percent(weight)} of the events {below}."
            break
    weight = 0.0
    for line in reversed(report.histogram):
        weight, cost = weight + line.weight_share, cost + line.loss_share
        if cost >= 0.5:
            if weight <= _FEW:
                yield (
                    f"The {percent(weight)} of the events with a loss above {nats(line.low)} nats "
                    f"make {percent(cost)} of all loss."
                )
            break
    if report.infinite:
        yield f"{many(report.infinite, 'event')} of infinite loss not drawn."


def confusion(report: Summary) -> Iterator[str]:
    """Where the most probability goes astray."""
    found = report.confusion
    if found is not None and found.pairs:
        first = found.pairs[0]
        truth, other = excerpt(first.label), excerpt(first.given_to)
        yield (
            f"The most goes astray where the truth is {truth}: {other} is given "
            f"{percent(first.probability)} there on average, which is {percent(first.share)} of "
            "all probability that other classes than the true one are given."
        )
