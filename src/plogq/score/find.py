"""Which column is what: given by the user, or found, and then with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import naming, prediction, target
from .column import Batch, Field, InputError
from .kinds import Content
from .naming import Group
from .seen import Seen, Wish
from .target import Form


@dataclass(frozen=True, slots=True)
class Roles:
    """What each column is: enough to read every batch of the file."""

    prediction: Group
    content: Content
    binary: bool
    classes: tuple[str, ...]
    target: Group
    form: Form
    first_label: int
    weight: str | None
    ignore: int | None
    tolerance: float
    reasons: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The columns to read, each once."""
        weight = () if self.weight is None else (self.weight,)
        return list(dict.fromkeys((*self.prediction.names, *self.target.names, *weight)))

    @property
    def widths(self) -> dict[str, int]:
        """How long the rows of list columns are."""
        count = len(self.classes)
        return {g.names[0]: count for g in (self.prediction, self.target) if len(g.names) == 1}


def find(fields: Sequence[Field], sample: Batch, whole_file: bool, wish: Wish) -> Roles:
    """Decide which columns are the target, the prediction and the weight.

    Raises:
        InputError: the file allows more than one answer or none; the message says what to add.
    """
    if wish.ignore is not None and not -(2**63) <= wish.ignore < 2**64:
        raise InputError("--ignore must be a label: an integer of 64 bits")
    if not wish.tolerance >= 0:
        raise InputError("--tolerance must be a number, and not below 0")
    seen = Seen(fields, sample, whole_file, wish)
    weight = _weight(seen)
    p = target.named(seen)
    if p is not None:
        seen.taken.update(p.names)
    q = prediction.columns(seen)
    seen.taken.update(q.names)
    binary = prediction.is_binary(seen, q)
    content, why = prediction.content(seen, q)
    p = target.lone(seen) if p is None else p
    classes = prediction.classes(seen, q)
    form, origin = target.form(seen, p, q, classes)
    first = target.first_label(seen, p, q, len(classes)) if form == "index" else 0
    reasons = [why, origin]
    if first:
        reasons.append(f"The labels count from {first}.")
    if weight is not None:
        reasons.append(f"Column {weight!r} weights the rows, as --weight says.")
    else:
        reasons.extend(
            f"Column {f.name!r} is not used: add --weight {f.name} to weight the rows by it."
            for f in seen.free
            if f.numeric and naming.is_weight(f.name) and f.name not in p.names
        )
    return Roles(
        prediction=q,
        content=content,
        binary=binary,
        classes=classes,
        target=p,
        form=form,
        first_label=first,
        weight=weight,
        ignore=wish.ignore,
        tolerance=wish.tolerance,
        reasons=tuple(reasons),
    )


def _weight(seen: Seen) -> str | None:
    name = seen.wish.weight
    if name is None:
        return None
    numbers = [f.name for f in seen.fields if f.numeric]
    if name not in set(numbers):
        have = naming.listed(numbers)
        raise InputError(f"--weight: there is no column of numbers {name!r}; there are {have}")
    seen.taken.add(name)
    return name
