"""Rows of several files beside each other: matched by id or by order, with one truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .column import Array, InputError
from .find import Roles
from .kept import Losses, labels_of
from .shown import excerpt

# What rounding a target or a weight to float32 can come to.
_NEAR = 1e-6


def matched(every: Sequence[Losses], rows: Sequence[int]) -> list[Losses]:
    """The files in the order of the first one, an entry for each of its rows; `rows` are how many
    each has, those that cannot be read too.

    Raises:
        InputError: their tasks, rows, truths or weights are not the same.
    """
    first = every[0]
    for other in every[1:]:
        _check_task(first, other)
    if first.ids is not None:
        aligned = [first, *(o.taken(_by_id(first, o)) for o in every[1:])]
    else:
        for other, count in zip(every[1:], rows[1:], strict=True):
            if count != rows[0]:
                raise InputError(
                    f"{first.name} has {rows[0]:,} rows and {other.name} {count:,}: add --on with "
                    "the column of ids that both have"
                )
        aligned = [each.taken(_by_number(each, rows[0])) for each in every]
    for other in aligned[1:]:
        _check_truth(aligned[0], other)
    return aligned


def _by_number(losses: Losses, rows: int) -> Array:
    order = np.full(rows, -1)
    order[losses.rows] = np.arange(len(losses.rows))
    return order


def _by_id(first: Losses, other: Losses) -> Array:
    """The row of `other` that each row of `first` has."""
    assert first.ids is not None
    assert other.ids is not None
    places = first.ids.find(other.ids.values)
    for here, there, absent in (
        (other, first, other.ids.named(np.flatnonzero(places < 0))),
        (first, other, first.ids.named(_without(places, len(first.ids)))),
    ):
        if absent:
            have = "id" if len(absent) == 1 else "ids"
            raise InputError(
                f"{here.name} has {len(absent):,} {have} that {there.name} has not, such as "
                f"{', '.join(absent[:3])}"
            )
    order = np.zeros(len(places), np.int64)
    order[places] = np.arange(len(places))
    return order


def _without(places: Array, count: int) -> Array:
    there = np.zeros(count, bool)
    there[places[places >= 0]] = True
    return np.flatnonzero(~there)


def _check_task(first: Losses, other: Losses) -> None:
    ours, theirs = first.roles, other.roles
    if (ours.on is None) != (theirs.on is None):
        raise InputError(
            f"one of {first.name} and {other.name} has ids and the other has none: give both --on, "
            "or neither"
        )
    if ours.form != theirs.form:
        raise InputError(
            f"{first.name} holds {_task(ours)} and {other.name} {_task(theirs)}: what is compared "
            "must be predictions of the same thing"
        )
    if len(ours.classes) != len(theirs.classes):
        raise InputError(
            f"{first.name} predicts {len(ours.classes):,} classes and {other.name} "
            f"{len(theirs.classes):,}: what is compared must be predictions of the same thing"
        )


def _task(roles: Roles) -> str:
    return {
        "hard": "a yes or no for each row" if roles.binary else "one class for each row",
        "soft": "soft targets",
        "multi": "several yes/no outcomes for each row",
        "tokens": "log-likelihoods",
    }[roles.form]


def _check_truth(first: Losses, other: Losses) -> None:
    both = first.scored & other.scored
    if first.roles.form == "hard" and set(first.roles.classes).isdisjoint(other.roles.classes):
        raise InputError(
            f"the classes are {_some(first.roles)} in {first.name} and {_some(other.roles)} in "
            f"{other.name}: name them alike, so that the truth can be seen to be the same"
        )
    ours, theirs = first.truth, labels_of(other, first)
    wrong = _differ(ours, theirs) if ours.dtype.kind == "f" else ours != theirs
    wrong &= both
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(
            f"the truth is not the same in {_count(wrong)}, such as {_place(first, row)}: "
            f"{_said(first, row)} in {first.name} and {_said(other, row)} in {other.name}"
            + _advice(first, wrong, both)
        )
    wrong = _differ(first.weight, other.weight) & both
    if not wrong.any():
        return
    row = int(np.argmax(wrong))
    counts = f"{first.weight[row]:g} in {first.name} and {other.weight[row]:g} in {other.name}"
    if first.roles.form == "tokens":
        raise InputError(
            f"{_place(first, row)} has another number of tokens (times its weight) in each file, "
            f"{counts}: where texts are cut into other tokens their losses are not of the same "
            "thing; compare bits per byte"
        )
    raise InputError(
        f"the weights are not the same in {_count(wrong)}, such as {_place(first, row)}: {counts}"
    )


def _advice(first: Losses, wrong: Array, both: Array) -> str:
    """Rows that are in another order have other truths in many places."""
    if first.ids is None and wrong.sum() * 5 > both.sum():
        return "; if their rows are in another order, add --on with the column of ids"
    return ""


def _some(roles: Roles) -> str:
    return " and ".join(repr(excerpt(name, 40)) for name in roles.classes[:2])


def _said(losses: Losses, row: int) -> str:
    text = excerpt(losses.label(row), 60)
    return repr(text) if losses.roles.form == "hard" else text


def _differ(ours: Array, theirs: Array) -> Array:
    """Which rows are not the same, rounding apart."""
    near = _NEAR * np.maximum(1.0, np.abs(ours))
    off = np.abs(ours - theirs) > near
    return np.asarray(off.any(axis=1) if off.ndim > 1 else off)


def _count(wrong: Array) -> str:
    return "1 row" if wrong.sum() == 1 else f"{int(wrong.sum()):,} rows"


def _place(losses: Losses, row: int) -> str:
    if losses.ids is not None:
        return f"that of id {losses.ids.named(np.array([row]))[0]}"
    return f"row {row:,}"
