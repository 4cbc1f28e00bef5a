"""Which columns are the target, and how they say what is true: P."""

from __future__ import annotations

from typing import Literal

import numpy as np

from . import faults, naming
from .column import Array, InputError
from .naming import Group
from .seen import Seen
from .shown import excerpt

Form = Literal["index", "named", "soft"]


def named(seen: Seen) -> Group | None:
    """The target that was given, or the one column or group whose name says target.

    Raises:
        InputError: several names do.
    """
    if seen.wish.target is not None:
        return naming.select(seen.wish.target, seen.fields, "--target", seen.taken)
    free = [f for f in seen.free if f.kind != "other"]
    found = [Group((f.name,)) for f in free if naming.is_target(f.name)]
    rest = [f for f in free if f.numeric and not naming.is_target(f.name)]
    found += [g for g in naming.numbered(rest) if len(g.names) > 1 and naming.is_target(g.stem)]
    if len(found) > 1:
        options = " or ".join(f"--target {group.pattern}" for group in found)
        every = " and ".join(str(group) for group in found)
        raise InputError(f"{every} could each be the target: add {options}")
    return found[0] if found else None


def lone(seen: Seen) -> Group:
    """The only column that can hold labels, where no name says which one does.

    Raises:
        InputError: there is none, or there are several.
    """
    found = [
        f.name
        for f in seen.free
        if f.kind in ("whole", "boolean", "text")
        and not naming.is_identifier(f.name)
        and not naming.is_weight(f.name)
    ]
    if len(found) == 1:
        return Group((found[0],))
    if found:
        raise InputError(
            f"{naming.listed(found)} could each be the target: add --target {found[0]}, or "
            "whichever it is"
        )
    raise InputError(
        "no column looks like a target (whole numbers from 0, one for each class): add --target "
        f"NAME; there are {naming.listed(seen.names)}"
    )


def form(
    seen: Seen, target: Group, prediction: Group, classes: tuple[str, ...]
) -> tuple[Form, str]:
    """How the target says what is true, and the sentence that says why.

    Raises:
        InputError: it cannot, for this prediction.
    """
    if not seen.plain(target):
        return "soft", _soft(seen, target, prediction, classes)
    name = target.names[0]
    kind = seen.kind(name)
    if kind == "other":
        raise InputError(f"column {target} holds neither numbers nor text: it can be no target")
    values = seen.column(name)
    if kind == "text":
        return "named", _names(seen, target, values, prediction, classes)
    why = f"the target ({_reason(seen, target)})"
    meaning = "1 for yes" if seen.plain(prediction) else "the index of the class"
    if kind == "boolean":
        return "index", f"Column {target} holds truth values: {why}, {meaning}."
    values = values[np.isfinite(values)]
    if not values.size:
        return "index", f"Column {target}: {why}, {meaning}."
    fractions = values[values != np.floor(values)]
    if fractions.size * 2 > values.size:
        if not seen.plain(prediction):
            raise InputError(
                f"column {target} holds fractions such as {fractions[0]:.4g}, not class indices: "
                "a target is whole numbers, or a probability for each class"
            )
        return "soft", f"Column {target} holds fractions: {why}, the probability of 1."
    span = f"whole numbers from {values.min():.0f} to {values.max():.0f}{seen.scope}"
    return "index", f"Column {target} holds {span}: {why}, {meaning}."


def first_label(seen: Seen, target: Group, prediction: Group, count: int) -> int:
    """The label of the first class: 0, unless columns numbered from elsewhere say otherwise.

    Raises:
        InputError: the labels fit both.
    """
    if seen.wish.first_label is not None:
        if not -(2**63) <= seen.wish.first_label <= 2**63 - count:
            raise InputError(
                "--first-label must be a label, and so must the last class's: an integer of 64 bits"
            )
        return seen.wish.first_label
    if not prediction.first:
        return 0
    labels = seen.column(target.names[0])
    if seen.wish.ignore is not None:
        labels = labels[~faults.equal(labels, seen.wish.ignore)]
    below, beyond = (labels < prediction.first).any(), (labels >= count).any()
    if below == beyond:
        raise InputError(
            f"the columns {prediction} are numbered from {prediction.first} and the labels do not "
            f"show whether they are too: add --first-label {prediction.first}, or --first-label 0 "
            f"if label 0 means {prediction.names[0]}"
        )
    return prediction.first if beyond else 0


def _reason(seen: Seen, target: Group) -> str:
    if seen.wish.target is not None:
        return "as --target says"
    named = naming.is_target(target.names[0]) or naming.is_target(target.stem)
    return "named like one" if named else "the only one that can be"


def _soft(seen: Seen, target: Group, prediction: Group, classes: tuple[str, ...]) -> str:
    if seen.plain(prediction):
        raise InputError(
            f"{target} holds several values a row, and the prediction {prediction} one: a yes/no "
            "outcome needs a target of one column"
        )
    width = seen.width(target)
    if width != len(classes):
        raise InputError(
            f"the target {target} has {width:,} values a row and the prediction {prediction} "
            f"{len(classes):,}: a soft target needs one for each class"
        )
    what = f"Column {target}" if len(target.names) == 1 else f"Columns {target}"
    return f"{what} ({width:,} values): the target ({_reason(seen, target)}), a distribution."


def _names(
    seen: Seen, target: Group, values: Array, prediction: Group, classes: tuple[str, ...]
) -> str:
    texts = {str(value) for value in values}
    strangers = sorted(texts - set(classes))
    if not texts or len(strangers) * 2 > len(texts):
        example = f" (such as {excerpt(strangers[0])!r})" if strangers else ""
        remedy = (
            "write 0 and 1, or true and false"
            if seen.plain(prediction)
            else "write the index of the class, from 0, or name the columns p_<class>"
        )
        raise InputError(
            f"column {target} holds text{example} and the prediction {prediction} does not name "
            f"its classes so: {remedy}"
        )
    return (
        f"Column {target} holds names of classes: the target ({_reason(seen, target)}), matched "
        f"with the columns {prediction}."
    )
