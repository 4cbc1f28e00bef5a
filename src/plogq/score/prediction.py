"""Which columns are the prediction, and what they hold: Q."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import naming
from .column import MOST_CLASSES, InputError
from .kinds import OPTION, WORD, Content, Sample, classify, name_hint
from .naming import Group
from .seen import Seen


def columns(seen: Seen) -> Group:
    """The columns that were given, or the one group that can be the prediction.

    Raises:
        InputError: there is none, or there are several.
    """
    if seen.wish.prediction is not None:
        return _given(seen, seen.wish.prediction)
    found = _candidates(seen)
    if len(found) == 1:
        return found[0]
    if found:
        texts = [str(group) for group in found]
        every = naming.listed(texts, 6) if len(texts) > 2 else " and ".join(texts)
        raise InputError(
            f"{every} could each be the prediction: add --probs, --logits or --log-probs with the "
            f"one to score, such as --probs {found[0].pattern}"
        )
    for f in seen.free:
        _not_too_many(repr(f.name), f.width)
    raise InputError(
        "no column looks like a prediction (columns such as p0, p1, p2, a list column, or one "
        "column for a yes/no outcome): add --probs, --logits or --log-probs; there are "
        f"{naming.listed(seen.names)}"
    )


def is_binary(seen: Seen, prediction: Group) -> bool:
    """Whether the outcomes are a yes or no each, of which one value a row tells.

    Raises:
        InputError: --binary was given, and there are several values a row.
    """
    if seen.wish.binary and not seen.plain(prediction):
        raise InputError(
            f"--binary takes one column with the probability or the score of 1, and {prediction} "
            "holds several values a row: name one of them, or leave --binary out"
        )
    return seen.plain(prediction)


def content(seen: Seen, prediction: Group) -> tuple[Content, str]:
    """What the numbers are, and the sentence that says why.

    Raises:
        InputError: they allow more than one answer, or predict nothing.
    """
    binary, width = seen.plain(prediction), seen.width(prediction)
    if not width:
        raise InputError(f"{prediction} holds no values{seen.scope}: there is nothing to score")
    _not_too_many(str(prediction), width)
    if not binary and width < 2:
        raise InputError(
            f"{prediction} holds lists of one value, and one class leaves nothing to predict: "
            "store a yes/no outcome as a plain column"
        )
    said = seen.wish.content
    if said is None:
        sample = Sample(seen.values(prediction), seen.whole_file)
        return classify(prediction, sample, seen.wish.tolerance)
    if binary and said == "log-probs":
        raise InputError(
            f"--log-probs needs a value for each class, and {prediction} holds one a row: give "
            "the probability of 1 with --probs, or its score with --logits"
        )
    several = len(prediction.names) > 1
    what = f"{width:,} columns {prediction}" if several else f"column {prediction}"
    ending = " of 1" if binary else ""
    return said, f"{what}: {WORD[said]}{ending}, as {OPTION[said]} says."


def classes(seen: Seen, prediction: Group) -> tuple[str, ...]:
    """The names of the classes, in their order."""
    if seen.plain(prediction):
        return ("0", "1")
    if len(prediction.names) > 1:
        return prediction.classes
    return tuple(str(k) for k in range(seen.width(prediction)))


def _given(seen: Seen, text: str) -> Group:
    option = OPTION[seen.wish.content] if seen.wish.content else "--binary"
    group = naming.select(text, seen.fields, option, seen.taken)
    for name in group.names:
        _not_too_many(repr(name), seen.list_width(name))
        if seen.kind(name) not in ("whole", "real", "boolean", "list"):
            raise InputError(f"{option}: column {name!r} does not hold numbers")
    return group


def _not_too_many(what: str, width: int | None) -> None:
    if width is not None and width > MOST_CLASSES:
        raise InputError(
            f"{what} holds {width:,} values a row: at most {MOST_CLASSES:,} classes can be scored"
        )


def _candidates(seen: Seen) -> list[Group]:
    free = [
        f
        for f in seen.free
        if not naming.is_identifier(f.name) and not naming.is_weight(f.name)
    ]  # fmt: skip
    groups = naming.numbered([f for f in free if f.numeric])
    found: list[Group] = []
    if not seen.wish.binary:
        found += [Group((f.name,)) for f in free if f.kind == "list"]
        # Groups of whole numbers alone are features or counts, unless their name says otherwise.
        found += [
            group
            for group in groups
            if len(group.names) > 1
            and (name_hint(group) or any(seen.kind(n) == "real" for n in group.names))
        ]
    if not found:
        found = [g for g in groups if len(g.names) == 1 and seen.kind(g.names[0]) == "real"]
        if _sum_to_one(seen, found):
            found = [_together(found)]
    hinted = [group for group in found if name_hint(group)]
    return hinted if len(hinted) == 1 else found


def _sum_to_one(seen: Seen, groups: Sequence[Group]) -> bool:
    """Whether columns of unlike names are one distribution together."""
    if len(groups) < 2 or seen.wish.binary:
        return False
    values = seen.values(_together(groups))
    near = np.abs(values.sum(axis=1) - 1) <= seen.wish.tolerance
    return len(values) > 0 and bool((near & (values >= 0).all(axis=1)).mean() > 0.5)


def _together(groups: Sequence[Group]) -> Group:
    return Group(tuple(name for group in groups for name in group.names))
