"""What a prediction's numbers are: probabilities, percentages, votes, logarithms, scores."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Literal

import numpy as np

from ..checks import validation
from ..definition import log_normalizer
from ..representations.predictions import Logits
from . import sums
from .column import Array, InputError
from .naming import Group, folded, quoted

Content = Literal["probs", "logits", "log-probs"]
OPTION: dict[Content, str] = {"probs": "--probs", "logits": "--logits", "log-probs": "--log-probs"}
WORD: dict[Content, str] = {
    "probs": "probabilities", "logits": "scores (logits)", "log-probs": "log-probabilities",
}  # fmt: skip

# Above this share of rows that fit a reading, the others are bad rows; below, doubt.
_MOST = 0.5
_BASES = ((1.0, "e"), (log(2), "2"), (log(10), "10"))
# Of so many columns at most, each is left out in turn to see whether it is the one that is odd.
_TRIED = 64


@dataclass(frozen=True, slots=True)
class Scale:
    """What the numbers are once they are multiplied by `factor`; `counts` are divided by the sum
    of their row."""

    content: Content
    factor: float = 1.0
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """The first complete rows of a prediction, shape (rows, K), or (rows,) for binary outcomes."""

    values: Array
    whole_file: bool

    @property
    def scope(self) -> str:
        """Which rows were looked at, where there are more."""
        return "" if self.whole_file else f" in the first {len(self.values):,} rows"


@dataclass(frozen=True, slots=True)
class Fit:
    """A scale, the rows that it holds for, and what that says of them."""

    scale: Scale
    rows: Array
    claim: str
    what: str


def name_hint(group: Group) -> Content | None:
    """What the columns' name says that they hold."""
    plain = group.stem.replace("-", "_").strip("_. ")
    if plain.startswith(("log_p", "logp", "log_q", "logq", "log_softmax")):
        return "log-probs"
    if "logit" in plain:
        return "logits"
    if plain in ("p", "q") or plain.startswith("prob") or "proba" in plain or "percent" in plain:
        return "probs"
    if plain.startswith(("confidence", "p (", "p(", ".pred", "pct")) or plain.endswith("_prob"):
        return "probs"
    return None


def are_scores(group: Group) -> bool:
    """Whether the name allows for scores, as that of a margin does."""
    plain = group.stem
    words = ("logit", "score", "margin", "decision", "raw", "activation", "output", "energ")
    return plain in ("z", "f", "s") or any(word in plain for word in words)


def _are_counts(group: Group) -> bool:
    return any(word in folded(group.names[0]) for word in ("vote", "count", "tally"))


def fit(group: Group, values: Array, tolerance: float | None) -> Fit | None:
    """The scale on which most of these rows are distributions; None where there is none."""
    if not values.size or values.shape[1] < 2:
        return None
    counts = _counts(group, values)
    plain = _probabilities(values, tolerance, 1.0)
    percent = _probabilities(values, tolerance, 0.01)
    # Rounded percentages do not all have one sum that is not 100.
    for each in (plain, counts, percent, *_logarithms(values, tolerance)):
        if each is not None and each.rows.mean() > _MOST:
            return each
    return None


def _probabilities(values: Array, tolerance: float | None, factor: float) -> Fit:
    values = values * factor if factor != 1 else values
    inside = ((values >= 0) & (values <= 1 + 1e-9)).all(axis=1)
    even = ~sums.uneven(values, 1, values.sum(axis=1), tolerance)
    if factor == 1:
        return Fit(Scale("probs"), inside & even, "lie in [0, 1] and sum to 1", "probabilities")
    claim = "lie in [0, 100] and sum to 100"
    return Fit(Scale("probs", factor), inside & even, claim, "percentages, divided by 100")


def _counts(group: Group, values: Array) -> Fit | None:
    whole = (values >= 0).all() and bool((values == np.floor(values)).all())
    if not whole or values.max() <= 1 or are_scores(group):
        return None
    totals = values.sum(axis=1)
    usual = np.median(totals)
    same = totals == usual
    what = "counts of votes, divided by their sum"
    if len(totals) > 1 and usual > 1 and usual != 100 and same.mean() > 0.9:
        return Fit(Scale("probs", 1.0, True), same, f"are whole and sum to {usual:.0f}", what)
    if _are_counts(group):
        return Fit(Scale("probs", 1.0, True), totals > 0, "are whole and named as counts", what)
    return None


def _logarithms(values: Array, tolerance: float | None) -> list[Fit]:
    found: list[Fit] = []
    for sign in (1.0, -1.0):
        below = (values * sign <= sums.USUAL).all(axis=1)
        if below.mean() <= _MOST:
            continue
        for log_base, base in _BASES:
            factor = sign * log_base
            # What they are is only asked here, so nobody takes a softmax twice.
            with np.errstate(invalid="ignore"), validation("off"):
                log_sums = np.asarray(log_normalizer(Logits(values * factor)))
            even = ~sums.uneven_logs(values * factor, 1, log_sums, factor, tolerance)
            power = "exponentials" if base == "e" else f"powers of {base}"
            claim = (
                f"are at most 0 and their {power} sum to 1"
                if sign > 0
                else f"are at least 0 and the {power} of their negatives sum to 1"
            )
            what = "log-probabilities" if base == "e" else f"logarithms to base {base}"
            what = what if sign > 0 else f"negative {what}"
            found.append(Fit(Scale("log-probs", factor), below & even, claim, what))
    return found


def without_rows(group: Group, fault: str | None = None) -> str:
    """The sentence for numbers of which no row is whole; `fault` is what is wrong with the
    first."""
    return f"{group} holds no complete row to tell by" + (
        f": in the first {fault}" if fault else f": {advice(group)}"
    )


def classify(
    group: Group, sample: Sample, said: Content | None, tolerance: float | None
) -> tuple[Scale, str]:
    """The scale of the numbers of several classes, of which `said` is what the user said; and the
    sentence that says why.

    Raises:
        InputError: the numbers, or the numbers and the names, allow more than one answer.
    """
    if said == "logits":
        return Scale("logits"), as_said(group, sample, "scores (logits)", said)
    if sample.values.size == 0:
        if said:
            return Scale(said), as_said(group, sample, WORD[said], said)
        raise InputError(without_rows(group))
    values = sample.values
    found = fit(group, values, tolerance)
    what = described(group, values.shape[1])
    if found is not None:
        if said is None:
            agree(name_hint(group), found, group, what, sample)
        elif said == "log-probs" and found.scale.content == "probs":
            raise InputError(
                f"--log-probs: {what} {found.claim}: they are {found.what}, not logarithms: "
                f"write --probs {group.pattern}"
            )
        if said is not None and found.scale == Scale(said):
            return found.scale, as_said(group, sample, WORD[said], said)
        if said != "probs" or found.scale.content == "probs":
            return found.scale, reason(what, found, sample)
    odd = _odd_one(group, values, tolerance)
    if odd is not None:
        raise InputError(odd)
    if said is not None:
        _not_at_all(group, values, said, found)
        return Scale(said), as_said(group, sample, WORD[said], said)
    return _scores(group, sample, what, tolerance)


def _scores(group: Group, sample: Sample, what: str, tolerance: float | None) -> tuple[Scale, str]:
    values, hint = sample.values, name_hint(group)
    if ((values >= 0) & (values <= 1)).all():
        if hint == "logits":
            why = f"{what} are named as scores and do not sum to 1: scores (logits)."
            return Scale("logits"), why
        totals = values.sum(axis=1)
        row = int(np.argmax(sums.uneven(values, 1, totals, tolerance)))
        raise InputError(
            f"{what} lie in [0, 1] but do not sum to 1 (the first that does not sums to "
            f"{totals[row]:.6g}, which is off by {totals[row] - 1:+.2g}): {advice(group)}; "
            f"--tolerance {_above(totals)} takes rows that are off so far, and --renormalize "
            "divides them by their sum"
        )
    outside = values[(values < 0) | (values > 1)]
    why = f"{what} are not confined to [0, 1] (there is {outside[0]:.4g}){sample.scope}"
    if hint == "probs":
        raise InputError(
            f"{why}: scores (logits), yet the name says probabilities, and as percentages or "
            f"counts they do not have one sum in every row: {advice(group)}"
        )
    if hint == "log-probs":
        raise InputError(
            f"{why}: scores (logits), yet the name says log-probabilities, and neither their "
            f"exponentials nor the powers of 2 or 10 sum to 1: {advice(group)}"
        )
    if not are_scores(group) and (values >= 0).all():
        raise InputError(
            f"{why} and never negative: they fit scores, percentages and counts that do not have "
            f"one sum in every row: add --logits {group.pattern} or --probs {group.pattern} with "
            "--renormalize"
        )
    return Scale("logits"), f"{why}: scores (logits)."


def _odd_one(group: Group, values: Array, tolerance: float | None) -> str | None:
    """The column without which the others are a distribution."""
    if not 2 < len(group.names) <= _TRIED:
        return None
    for k, name in enumerate(group.names):
        rest = np.delete(values, k, axis=1)
        numbers = group.numbers and tuple(np.delete(group.numbers, k).tolist())
        others = Group((*group.names[:k], *group.names[k + 1 :]), numbers)
        if fit(others, rest, tolerance) is not None:
            return (
                f"{group} are a distribution only without {name!r}, which is unlike the others: "
                "name the columns of the classes, as in --probs "
                f"{quoted(','.join(others.names[:12]))}"
            )
    return None


def _not_at_all(group: Group, values: Array, said: Content, found: Fit | None) -> None:
    """Refuse what the user said where none of the rows is so."""
    if said == "log-probs" and ((values > sums.USUAL).any(axis=1)).all():
        raise InputError(
            f"--log-probs: {group} are above 0 in every row (there is {values.max():.4g}): they "
            f"are no logarithms of probabilities: write --logits {group.pattern} or --probs "
            f"{group.pattern}"
        )
    if said == "probs" and ((values < 0) | (values > 1)).any(axis=1).all():
        if found is not None:
            raise InputError(
                f"--probs: {group} {found.claim}: they are {found.what}: write --log-probs "
                f"{group.pattern}"
            )
        raise InputError(
            f"--probs: no row of {group} lies in [0, 1] (there is {values.max():.4g}), and neither "
            "as percentages nor as counts do they have one sum: write --logits "
            f"{group.pattern} if they are scores, or add --renormalize"
        )


def described(group: Group, count: int) -> str:
    """The columns and how many values there are."""
    return f"{count:,} columns {group}" if len(group.names) > 1 else f"{group} ({count:,} values)"


def as_said(group: Group, sample: Sample, word: str, said: Content) -> str:
    """That the user said so."""
    several = len(group.names) > 1
    what = f"{len(group.names):,} columns {group}" if several else f"column {group}"
    ending = " of 1" if sample.values.ndim == 1 else ""
    return f"{what}: {word}{ending}, as {OPTION[said]} says."


def reason(what: str, found: Fit, sample: Sample) -> str:
    """The sentence that says what was found, and in how many rows."""
    holds = found.rows
    if holds.all():
        return f"{what} {found.claim}{sample.scope}: {found.what}."
    scope = "" if sample.whole_file else "first "
    count = f"{int(holds.sum()):,} of the {scope}{len(holds):,} rows"
    return f"{what} {found.claim} in {count}: {found.what}."


def agree(hint: Content | None, found: Fit, group: Group, what: str, sample: Sample) -> None:
    """The numbers' answer, unless the name says otherwise."""
    if hint == "logits" and found.scale == Scale("log-probs"):
        # Logarithms of probabilities are scores too, with the same softmax.
        return
    if hint is not None and hint != found.scale.content:
        raise InputError(
            f"{reason(what, found, sample)[:-1]}, yet the name says {WORD[hint]}: {advice(group)}"
        )


def _above(totals: Array) -> str:
    """A round number that no sum is further from 1."""
    off = float(np.abs(totals - 1).max())
    step = 10.0 ** np.floor(np.log10(off)) if off > 0 else 1.0
    tolerance = np.ceil(off / step + 1e-9) * step
    return f"{tolerance:.3g}"


def advice(group: Group) -> str:
    """The options that settle what the numbers are."""
    return f"add --probs {group.pattern}, --logits {group.pattern} or --log-probs {group.pattern}"
