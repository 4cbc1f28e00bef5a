"""What the numbers are where outcomes are yes or no: one column, or many beside each other."""

from __future__ import annotations

from .column import InputError
from .naming import Group
from .scale import (
    WORD,
    Content,
    Fit,
    Sample,
    Scale,
    advice,
    agree,
    are_scores,
    as_said,
    described,
    name_hint,
    reason,
    without_rows,
)


def one_number(
    group: Group, sample: Sample, said: Content | None, percent: bool
) -> tuple[Scale, str]:
    """The scale of one number a row, of which `percent` says whether each stands with a %; and
    the sentence that says why.

    Raises:
        InputError: the numbers, or the numbers and the names, allow more than one answer.
    """
    if said == "logits":
        return Scale("logits"), as_said(group, sample, WORD[said], said)
    if sample.values.size == 0:
        raise InputError(without_rows(group))
    values = sample.values
    inside = (values >= 0) & (values <= 1)
    hint = said or name_hint(group)
    what = f"column {group}"
    if inside.mean() > 0.99 and not percent:
        found = Fit(Scale("probs"), inside, "lies in [0, 1]", "the probability of yes")
        if said:
            return Scale(said), as_said(group, sample, WORD[said], said)
        agree(hint, found, group, what, sample)
        return found.scale, reason(what, found, sample).replace(
            "probability of yes", "probability of 1"
        )
    in_percent = ((values >= 0) & (values <= 100)).mean() > 0.99
    if in_percent and (percent or hint == "probs"):
        how = "stands with a % each" if percent else f"lies in [0, 100]{sample.scope}"
        return Scale("probs", 0.01), f"{what} {how}: the percentage of 1, divided by 100."
    if said is not None:
        return Scale(said), as_said(group, sample, WORD[said], said)
    if (values <= 0).all():
        raise InputError(
            f"column {group} is never above 0, so it may hold log-probabilities or scores: add "
            f"--logits {group.pattern}, or turn log-probabilities into probabilities"
        )
    outside = values[~inside]
    if in_percent and hint != "logits":
        raise InputError(
            f"{what} lies in [0, 100] (there is {outside[0]:.4g}){sample.scope}, which fits "
            f"percentages and scores: add --probs {group.pattern} if it holds the percentage of "
            f"yes, or --logits {group.pattern} if its numbers are scores"
        )
    found_so = (
        f"{what} is not confined to [0, 1] (there is {outside[0]:.4g}){sample.scope}: "
        "the score (logit) of 1."
    )
    if hint is not None and hint != "logits":
        raise InputError(f"{found_so[:-1]}, yet the name says {WORD[hint]}: {advice(group)}")
    return Scale("logits"), found_so


def independent(
    group: Group, sample: Sample, said: Content | None, width: int
) -> tuple[Scale, str]:
    """The scale of numbers of which each is a yes/no outcome of its own."""
    what, each = described(group, width), "of a yes/no outcome each"
    if said == "logits":
        return Scale("logits"), f"{what}: scores (logits) {each}, as --logits says."
    values, hint = sample.values, said or name_hint(group)
    inside = ((values >= 0) & (values <= 1)).mean() > 0.99
    if inside and hint != "logits":
        return Scale("probs"), f"{what} lie in [0, 1]{sample.scope}: the probability {each}."
    if said == "probs" or hint == "probs":
        if ((values >= 0) & (values <= 100)).mean() > 0.99:
            return Scale(
                "probs", 0.01
            ), f"{what} lie in [0, 100]{sample.scope}: the percentage {each}."
        if said == "probs":
            return Scale("probs"), f"{what}: probabilities {each}, as --probs says."
    if inside or hint == "probs" or ((values >= 0).all() and not are_scores(group)):
        raise InputError(f"{what} may be probabilities or scores {each}: {advice(group)}")
    return Scale("logits"), f"{what} are not confined to [0, 1]{sample.scope}: scores {each}."
