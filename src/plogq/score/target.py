"""Which columns are the target, and how they say what is true: P."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from . import naming, scale
from .answers import yes_no_codes
from .codes import Codes, number_codes, text_codes
from .column import Array, Field, InputError
from .matching import classes_in, match_columns, match_labels, word
from .naming import Group
from .survey import Seen

Form = Literal["hard", "soft", "multi", "tokens"]

# So few rows without exactly one 1 are bad rows of a target that is one of several classes.
_FEW = 0.05


def named(seen: Seen) -> Group | None:
    """The target that was given, or the one column or group whose name says target.

    Raises:
        InputError: several names do.
    """
    if seen.wish.target is not None:
        return naming.select(seen.wish.target, seen.fields, "--target", seen.taken)
    free = [f for f in seen.free if f.kind != "other"]
    plain = [Group((f.name,)) for f in free if naming.is_target(f.name)]
    sure = [g for g in plain if seen.kind(g.names[0]) == "list" or _labels(seen, g.names[0])]
    groups = _groups(seen, free)
    choices = [g for g in groups if _all_0_or_1(seen, g)]
    found = [*sure, *choices] or plain
    if not found:
        # A distribution under such a name is the target only beside another.
        found = [g for g in groups if not g.stem.startswith("class") or len(groups) > 1]
    if len(found) > 1:
        options = " or ".join(f"--target {group.pattern}" for group in found)
        every = " and ".join(str(group) for group in found)
        raise InputError(f"{every} could each be the target: add {options}")
    return found[0] if found else None


def paired(seen: Seen) -> Group | None:
    """Columns of 0 and 1, each named as one column of fractions is: cat and dog beside cat_pred and
    dog_pred; None where they are one of several classes, or two groups could be meant."""
    names = [f.name for f in seen.free if f.numeric]
    found: dict[frozenset[str], Group] = {}
    for group in naming.alike([f.name for f in seen.free if f.kind == "real"]):
        chosen = [name for name in classes_in(group.names, names) if name is not None]
        if len(set(chosen)) == len(group.names):
            found[frozenset(chosen)] = Group(tuple(chosen))
    if len(found) != 1:
        return None
    (group,) = found.values()
    if not _all_0_or_1(seen, group):
        return None
    return group if seen.wish.multilabel or _several_or_none(seen.values(group)) > _FEW else None


def beside(seen: Seen) -> Group:
    """The target among the columns of a file of the truth: the one that is named so, the only one,
    or all of them.

    Raises:
        InputError: there are several.
    """
    names = [n for n in seen.about.truth if not naming.is_weight(n) and n not in seen.taken]
    plain = [n for n in names if naming.is_target(n.removeprefix("truth."))]
    numbers = [n for n in names if seen.kind(n) in ("whole", "real", "boolean")]
    if len(plain) == 1 or len(names) == 1:
        return Group(((plain or names)[0],))
    if len(numbers) > 1:
        group = naming.ordered(numbers)
        if _all_0_or_1(seen, group) or scale.fit(group, seen.values(group), None) is not None:
            return group
    if not names:
        raise InputError("the file of the truth has no column but the ids")
    raise InputError(
        f"{naming.listed(names)} could each be the target: add --target {naming.quoted(names[0])}, "
        "or whichever it is"
    )


def _groups(seen: Seen, free: Sequence[Field]) -> list[Group]:
    """Columns that are named like a target together: y_cat, y_dog and y_cow, or y0 to y9."""
    rest = [f for f in free if f.numeric and not naming.is_target(f.name)]
    numbered = [g for g in naming.numbered(rest) if len(g.names) > 1]
    taken = {n for g in numbered for n in g.names}
    rest = [f for f in rest if f.name not in taken]
    groups = [*numbered, *naming.alike([f.name for f in rest])]
    return [g for g in groups if naming.is_target(g.stem)]


def _labels(seen: Seen, name: str) -> bool:
    """Whether a column holds what labels may be: no fractions."""
    return seen.kind(name) in ("text", "boolean", "whole") or seen.whole(name)


def _all_0_or_1(seen: Seen, group: Group) -> bool:
    return all(bool(np.isin(seen.column(n), (0, 1)).all()) for n in group.names)


def lone(seen: Seen, prediction: Group, classes: tuple[str, ...]) -> Group:
    """The only column that can hold labels, where no name says which one does.

    Raises:
        InputError: there is none, or there are several.
    """
    for f in seen.fields:
        if f.kind == "other" and naming.is_target(f.name):
            raise InputError(
                f"column {f.name!r} is named like a target, and its rows are neither a number nor "
                "a text each: of several labels a row write a column of 0 and 1 for each class, or "
                "add --target with another column"
            )
    free = [
        f.name
        for f in seen.free
        if not naming.is_identifier(f.name)
        and not naming.is_weight(f.name)
        and not naming.is_predicted(f.name)
    ]  # fmt: skip
    found = [n for n in free if seen.kind(n) in ("whole", "boolean", "text")]
    found = found or [n for n in free if seen.kind(n) == "real" and seen.whole(n)]
    if not found:
        # What a model answers is called a response, and so is what it should have answered.
        found = [f.name for f in seen.free if naming.folded(f.name) == "response"]
    if len(found) > 1:
        group = _columns_of_classes(seen, found, classes)
        if group is not None:
            return group
        fitting = [n for n in found if _fits(seen, n, prediction, classes)]
        found = fitting or _labelled_as_predicted(seen, found) or found
    if len(found) == 1:
        return Group((found[0],))
    if found:
        raise InputError(
            f"{naming.listed(found)} could each be the target: add --target "
            f"{naming.quoted(found[0])}, or whichever it is"
        )
    raise InputError(
        "no column looks like a target (whole numbers from 0, one for each class): add --target "
        f"NAME; there are {naming.listed(seen.names)}"
    )


def _columns_of_classes(seen: Seen, names: Sequence[str], classes: tuple[str, ...]) -> Group | None:
    """A column of 0 and 1 for each class, named as the classes are."""
    numbers = [n for n in names if seen.kind(n) != "text"]
    groups = [g for g in naming.alike(numbers) if len(g.names) == len(classes)]
    found = [
        g for g in groups if _all_0_or_1(seen, g) and match_columns(g.names, classes) is not None
    ]
    return found[0] if len(found) == 1 else None


def _labelled_as_predicted(seen: Seen, names: Sequence[str]) -> list[str]:
    """The columns with the labels that a column of predicted classes has."""
    chosen = [
        {str(v) for v in seen.column(f.name)}
        for f in seen.free
        if naming.is_predicted(f.name) and f.kind in ("text", "whole", "boolean")
    ]
    if len(chosen) != 1:
        return []
    return [n for n in names if chosen[0] <= {str(v) for v in seen.column(n)}]


def _fits(seen: Seen, name: str, prediction: Group, classes: tuple[str, ...]) -> bool:
    """Whether a column's values are classes of this prediction."""
    values = seen.column(name)
    if seen.kind(name) == "text":
        labels = sorted({str(v) for v in values})
        if seen.plain(prediction):
            return len(labels) <= 2 and all(word(label) for label in labels)
        return len(labels) <= 2 * len(classes) and match_labels(labels, classes) is not None
    values = values[np.isfinite(values.astype(np.float64))]
    numbers = prediction.numbers or range(len(classes))
    allowed = {*numbers, *range(len(classes))}
    return len(values) > 0 and {int(v) for v in np.unique(values)} <= allowed


def form(
    seen: Seen, target: Group, prediction: Group, classes: tuple[str, ...], multi: bool
) -> tuple[Form, Group, Codes | None, list[str]]:
    """How the target says what is true: its columns in the order of the classes, or how its labels
    name them; and the sentences that say why.

    Raises:
        InputError: it cannot, for this prediction.
    """
    if not seen.plain(target):
        return _several(seen, target, prediction, classes, multi)
    name = target.names[0]
    kind = seen.kind(name)
    if kind == "other":
        raise InputError(f"column {target} holds neither numbers nor text: it can be no target")
    why = f"the target ({_reason(seen, target)})"
    values = seen.column(name)
    if kind != "text":
        finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        fractions = finite[finite != np.floor(finite)]
        if finite.size and fractions.size * 2 > finite.size:
            if not seen.plain(prediction):
                raise InputError(
                    f"column {target} holds fractions such as {fractions[0]:.4g}, not class "
                    "indices: a target is whole numbers, or a probability for each class"
                )
            return (
                "soft",
                target,
                None,
                [f"Column {target} holds fractions: {why}, the probability of 1."],
            )
    if seen.plain(prediction):
        codes, said = yes_no_codes(seen, name, prediction, why)
    elif kind == "text":
        codes, said = text_codes(seen, name, prediction, classes, why)
    else:
        codes, said = number_codes(seen, name, prediction, classes, why)
    return "hard", target, codes, said


def _reason(seen: Seen, target: Group) -> str:
    if seen.wish.target is not None:
        return "as --target says"
    named = naming.is_target(target.names[0]) or naming.is_target(target.stem)
    return "named like one" if named else "the only one that can be"


def _several(
    seen: Seen, target: Group, prediction: Group, classes: tuple[str, ...], multi: bool
) -> tuple[Form, Group, Codes | None, list[str]]:
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
    kind: Form = "multi" if multi else "soft"
    what = "a yes or no for each outcome" if multi else "a distribution"
    noun = "Column" if len(target.names) == 1 else "Columns"
    said = [f"{noun} {target} ({width:,} values): the target ({_reason(seen, target)}), {what}."]
    if len(target.names) == 1:
        return kind, target, None, said
    order = match_columns(target.names, classes)
    if order is None:
        seen.refuse_places(prediction, f"the target {target}")
        said.append(_by_position(target, prediction, classes))
    else:
        if order != list(range(width)):
            said.append(
                f"They are matched by name with {prediction}, which stand in another order."
            )
        numbers = target.numbers and tuple(target.numbers[i] for i in order)
        target = Group(tuple(target.names[i] for i in order), numbers)
    return kind, target, None, said


def is_multilabel(seen: Seen, target: Group, prediction: Group) -> bool:
    """Whether every column is an outcome of its own: where rows hold several 1s, or none, and the
    prediction is no distribution.

    Raises:
        InputError: rows hold several 1s, and the prediction is one distribution.
    """
    if seen.plain(target) or seen.width(target) < 2:
        if seen.wish.multilabel:
            raise InputError(
                f"--multilabel takes a target of a column for each outcome, and {target} is one"
            )
        return False
    if seen.wish.multilabel:
        return True
    values = seen.values(target)
    if not len(values) or not np.isin(values, (0, 1)).all():
        return False
    odd = _several_or_none(values)
    fit = scale.fit(prediction, seen.values(prediction), seen.wish.tolerance)
    if fit is None:
        return odd > _FEW
    if odd > 0.5:
        raise InputError(
            f"the rows of the target {target} hold more than one 1, or none, as independent yes/no "
            f"outcomes do, and those of {prediction} {fit.claim}, as one distribution does: add "
            "--multilabel to score each column by itself, or divide the target by its row's sum"
        )
    return False


def _several_or_none(values: Array) -> float:
    """The share of rows of 0 and 1 that do not hold exactly one 1."""
    return float((values.sum(axis=1) != 1).mean()) if len(values) else 0.0


def _by_position(target: Group, prediction: Group, classes: tuple[str, ...]) -> str:
    """That columns are matched by their places; refused where some of their names agree."""
    shared = {naming.folded(n) for n in target.names} & {naming.folded(n) for n in classes}
    if shared:
        raise InputError(
            f"some of the names of the target {target} and of the prediction {prediction} agree "
            f"({sorted(shared)[0]!r}) and some do not, so it is unclear which belong together: "
            "write both in the order of the classes, as in --target a,b --probs c,d"
        )
    return (
        f"No name of {target} names a column of {prediction}: they are matched by position, "
        f"{target.names[0]!r} with {classes[0]!r}."
    )
