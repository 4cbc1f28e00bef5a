"""What a prediction's numbers are (probabilities, log-probabilities or scores), and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .. import Logits, log_normalizer
from .column import Array, InputError
from .naming import Group

Content = Literal["probs", "logits", "log-probs"]
OPTION: dict[Content, str] = {"probs": "--probs", "logits": "--logits", "log-probs": "--log-probs"}
WORD: dict[Content, str] = {
    "probs": "probabilities", "logits": "scores (logits)", "log-probs": "log-probabilities",
}  # fmt: skip

# Above this share of rows that are distributions, the others are bad rows; below, doubt.
_MOST = 0.5


@dataclass(frozen=True, slots=True)
class Sample:
    """The first complete rows of a prediction, shape (rows, K), or (rows,) for binary outcomes."""

    values: Array
    whole_file: bool

    @property
    def scope(self) -> str:
        """Which rows were looked at, where there are more."""
        return "" if self.whole_file else f" in the first {len(self.values):,} rows"


def name_hint(group: Group) -> Content | None:
    """What the columns' name says that they hold."""
    plain = group.stem.replace("-", "_").strip("_. ")
    if plain.startswith(("log_p", "logp", "log_q", "logq", "log_softmax")):
        return "log-probs"
    if "logit" in plain:
        return "logits"
    if plain in ("p", "q") or plain.startswith("prob") or "proba" in plain:
        return "probs"
    return None


def classify(group: Group, sample: Sample, tolerance: float) -> tuple[Content, str]:
    """What the columns hold, and the sentence that says why.

    Raises:
        InputError: the numbers, or the numbers and the names, allow more than one answer.
    """
    if sample.values.size == 0:
        raise InputError(f"{group} holds no complete row to tell by: {_advice(group)}")
    if sample.values.ndim == 1:
        return _one_number(group, sample)
    values = sample.values.astype(np.float64)
    count = values.shape[1]
    inside = ((values >= 0) & (values <= 1)).all(axis=1)
    total = values.sum(axis=1)
    distributions = inside & (np.abs(total - 1) <= tolerance)
    what = f"{count:,} columns {group}" if len(group.names) > 1 else f"{group} ({count:,} values)"
    hint = name_hint(group)
    if distributions.mean() > _MOST:
        return _agree(
            hint, "probs", group, _why(what, "lie in [0, 1] and sum to 1", distributions, sample)
        )
    with np.errstate(invalid="ignore"):
        log_sums = np.asarray(log_normalizer(Logits(values)))
    logs = (values <= 0).all(axis=1) & (np.abs(log_sums) <= tolerance)
    if logs.mean() > _MOST:
        why = _why(what, "are at most 0 and their exponentials sum to 1", logs, sample)
        return _agree(hint, "log-probs", group, why)
    if inside.all():
        if hint == "logits":
            return "logits", f"{what} are named as scores and do not sum to 1: scores (logits)."
        row = int(np.argmin(distributions))
        raise InputError(
            f"{what} lie in [0, 1] but do not sum to 1 (the first that does not sums to "
            f"{total[row]:.4g}): {_advice(group)}"
        )
    outside = values[(values < 0) | (values > 1)]
    why = (
        f"{what} are not confined to [0, 1] (there is {outside[0]:.4g}){sample.scope}: "
        "scores (logits)."
    )
    return _agree(hint, "logits", group, why)


def _one_number(group: Group, sample: Sample) -> tuple[Content, str]:
    values = sample.values
    inside = (values >= 0) & (values <= 1)
    hint = name_hint(group)
    if inside.mean() > 0.99:
        why = _why(f"column {group}", "lies in [0, 1]", inside, sample)
        return _agree(
            hint, "probs", group, why.replace(": probabilities", ": the probability of 1")
        )
    outside = values[~inside]
    if (values <= 0).all():
        raise InputError(
            f"column {group} is never above 0, so it may hold log-probabilities or scores: add "
            f"--logits {group.pattern}, or turn log-probabilities into probabilities"
        )
    why = (
        f"column {group} is not confined to [0, 1] (there is {outside[0]:.4g}){sample.scope}: "
        "the score (logit) of 1."
    )
    return _agree(hint, "logits", group, why)


def _why(what: str, claim: str, holds: Array, sample: Sample) -> str:
    content = "log-probabilities" if "exponentials" in claim else "probabilities"
    if holds.all():
        return f"{what} {claim}{sample.scope}: {content}."
    scope = "" if sample.whole_file else "first "
    return f"{what} {claim} in {int(holds.sum()):,} of the {scope}{len(holds):,} rows: {content}."


def _agree(hint: Content | None, content: Content, group: Group, why: str) -> tuple[Content, str]:
    """The numbers' answer, unless the name says otherwise."""
    if hint is not None and hint != content:
        raise InputError(f"{why[:-1]}, yet the name says {WORD[hint]}: {_advice(group)}")
    return content, why


def _advice(group: Group) -> str:
    return f"add --probs {group.pattern}, --logits {group.pattern} or --log-probs {group.pattern}"
