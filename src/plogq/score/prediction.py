"""Which columns are the prediction, and what they hold: Q."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import naming, scale, unpredicted
from .column import MOST_CLASSES, Field, InputError
from .matching import class_in, match_columns, match_labels, shown_names
from .naming import Group
from .scale import OPTION, Sample, Scale, classify, name_hint
from .survey import Seen
from .yes_no import independent, one_number

# Of so many columns at most, every run is tried: their number grows with the square.
_RUNS = 256


def columns(seen: Seen, target: Group | None) -> Group:
    """The columns that were given, or the one group that can be the prediction.

    Raises:
        InputError: there is none, or there are several.
    """
    if seen.wish.prediction is not None:
        return _given(seen, seen.wish.prediction)
    found = _candidates(seen, target)
    if len(found) == 1:
        return found[0]
    if found:
        texts = [str(group) for group in found]
        every = naming.listed(texts, 6) if len(texts) > 2 else " and ".join(texts)
        raise InputError(
            f"{every} could each be the prediction: add --probs, --logits or --log-probs with the "
            f"one to score, such as --probs {_likeliest(seen, found).pattern}"
        )
    for f in seen.free:
        _not_too_many(repr(f.name), f.width)
    unpredicted.refuse(seen)


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


def content(seen: Seen, prediction: Group) -> tuple[Scale, str]:
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
    said, wish = seen.wish.content, seen.wish
    if binary and said == "log-probs":
        raise InputError(
            f"--log-probs needs a value for each class, and {prediction} holds one a row: give "
            "the probability of 1 with --probs, or its score with --logits"
        )
    if wish.renormalize and said != "logits" and said != "log-probs" and not binary:
        what = scale.described(prediction, width)
        return Scale("probs"), f"{what}: divided by the sum of each row, as --renormalize says."
    sample = _sample(seen, prediction)
    if binary:
        return one_number(prediction, sample, said, seen.percent(prediction))
    return classify(prediction, sample, said, wish.tolerance)


def outcomes(seen: Seen, prediction: Group) -> tuple[Scale, str]:
    """What the numbers are where every column is a yes/no outcome of its own.

    Raises:
        InputError: they allow more than one answer.
    """
    said, width = seen.wish.content, seen.width(prediction)
    if said == "log-probs":
        raise InputError(
            "--log-probs is for one distribution a row; yes/no outcomes take --probs or --logits"
        )
    sample = _sample(seen, prediction)
    return independent(prediction, sample, said, width)


def _sample(seen: Seen, prediction: Group) -> Sample:
    values = seen.values(prediction)
    why = None if len(values) else seen.fault(prediction)
    if why is not None:
        raise InputError(scale.without_rows(prediction, why))
    return Sample(values, seen.whole_file)


def classes(seen: Seen, prediction: Group) -> tuple[str, ...]:
    """The columns' names, or what stands for them, in the order of the classes."""
    if seen.plain(prediction):
        return ("0", "1")
    if len(prediction.names) > 1:
        return prediction.names
    width = seen.width(prediction)
    beside = seen.about.classes
    if beside is not None and len(beside) == width:
        return beside
    return tuple(str(k) for k in range(width))


def class_names(prediction: Group, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the classes where no label gives them."""
    if len(prediction.names) == 1:
        return names
    if prediction.numbers is not None:
        return tuple(map(str, prediction.numbers))
    return shown_names(names)


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


def _candidates(seen: Seen, target: Group | None) -> list[Group]:
    """The likeliest groups: those that are distributions before those that are named as scores,
    those before lone columns. Of several on one rung, the names of the labels decide."""
    free = [
        f
        for f in seen.free
        if not naming.is_identifier(f.name) and not naming.is_weight(f.name)
    ]  # fmt: skip
    if not seen.wish.binary:
        found = _distributions(seen, free, target)
        if found:
            return found
        named = _named_as(seen, free, target)
        if len(named) == 1:
            return named
        groups = _weak(seen, free)
        hinted = [g for g in groups if name_hint(g)]
        if hinted:
            return hinted
        lone = _lone(seen, free, hinted_only=True)
        if len(lone) == 1:
            return lone
        if groups:
            return groups
    return _lone(seen, free, hinted_only=False)


def _distributions(seen: Seen, free: Sequence[Field], target: Group | None) -> list[Group]:
    """Groups of columns, and list columns, whose rows are distributions."""
    numbers = [f for f in free if f.numeric]
    groups = [Group((f.name,)) for f in free if f.kind == "list"]
    groups += [g for g in naming.numbered(numbers) if len(g.names) > 1]
    groups += naming.alike([f.name for f in numbers])
    labelled = _named_by_labels(seen, numbers, target)
    groups += labelled
    fits = _fitting(seen, groups) or _fitting(seen, _runs(seen, [f.name for f in numbers]))
    # A distribution within another is one whose other columns are 0.
    every = [g for names, g in fits.items() if not any(names < other for other in fits)]
    for better in (
        [g for g in every if any(set(g.names) == set(by.names) for by in labelled)],
        [g for g in every if name_hint(g)],
    ):
        if len(better) == 1:
            return better
    return every


def _named_as(seen: Seen, free: Sequence[Field], target: Group | None) -> list[Group]:
    """Groups of columns that have the names of the target's columns."""
    if target is None or len(target.names) < 2:
        return []
    real = [f.name for f in free if f.kind == "real"]
    ends = {naming.folded(name.removeprefix("truth.")) for name in target.names}
    groups = [*naming.alike(real), Group(tuple(n for n in real if naming.folded(n) in ends))]
    found = {
        frozenset(g.names): g
        for g in groups
        if len(g.names) == len(target.names) and match_columns(target.names, g.names) is not None
    }
    return list(found.values())


def _fitting(seen: Seen, groups: Sequence[Group]) -> dict[frozenset[str], Group]:
    """Those that are distributions, each once."""
    fits: dict[frozenset[str], Group] = {}
    for group in groups:
        names = frozenset(group.names)
        if names in fits or not _may_be(seen, group):
            continue
        if scale.fit(group, seen.values(group), seen.wish.tolerance) is not None:
            fits[names] = group
    return fits


def _may_be(seen: Seen, group: Group) -> bool:
    """Whether its numbers can be a prediction at all: what is chosen, 0 or 1, predicts nothing."""
    if not seen.plain(group) and len(group.names) == 1:
        return seen.width(group) > 1 and seen.width(group) <= MOST_CLASSES
    if name_hint(group) or any(seen.kind(n) == "real" for n in group.names):
        return True
    return any(seen.column(n).max(initial=0) > 1 for n in group.names)


def _named_by_labels(seen: Seen, numbers: Sequence[Field], target: Group | None) -> list[Group]:
    """Columns named after the labels of a column of text."""
    named = [f.name for f in seen.free if f.kind == "text" and not naming.is_predicted(f.name)]
    if target is not None:
        named = list(target.names) if seen.kind(target.names[0]) == "text" else []
    names = [f.name for f in numbers if len(f.name) < 200]
    folded = {naming.folded(n): n for n in names}
    found: list[Group] = []
    for text in named[:16]:
        labels = sorted({str(v) for v in seen.column(text)})
        if not 2 <= len(labels) <= 4096:
            continue
        whole = [folded.get(naming.folded(label)) for label in labels]
        if None not in whole:
            found.append(naming.ordered([n for n in names if n in set(whole)]))
            continue
        ending = [n for n in names if len(labels) <= 64 and class_in(n, labels)]
        if len(ending) >= 2 and match_labels(labels, ending) is not None:
            found.append(naming.ordered(ending))
    return found


def _runs(seen: Seen, names: Sequence[str]) -> list[Group]:
    """Columns beside each other that are a distribution together."""
    real = [n for n in names if seen.kind(n) == "real"]
    if len(real) < 2:
        return []
    together = Group(tuple(real))
    if len(real) > _RUNS:
        return [together]
    values = seen.values(together)
    if not len(values):
        return []
    total = np.concatenate([np.zeros((len(values), 1)), values.cumsum(axis=1)], axis=1)
    found: list[Group] = []
    for i in range(len(real) - 1):
        for unit in (1.0, 100.0):
            near = np.abs(total[:, i + 2 :] - total[:, i : i + 1] - unit) <= 1e-2 * unit
            ends = np.flatnonzero(near.mean(axis=0) > 0.5)
            if len(ends):
                found.append(naming.ordered(real[i : i + 2 + int(ends[0])]))
    # Columns that are numbered alike are one thing, so none of them is left out.
    whole = [set(g.names) for g in naming.numbered(f for f in seen.fields if f.name in set(real))]
    return [
        run
        for run in (*found, together)
        if not any(0 < len(names & set(run.names)) < len(names) for names in whole)
    ]


def _weak(seen: Seen, free: Sequence[Field]) -> list[Group]:
    """Groups that may hold scores: lists, and columns numbered alike or named as scores are."""
    groups = [Group((f.name,)) for f in free if f.kind == "list"]
    numbers = [f for f in free if f.numeric]
    # Groups of whole numbers alone are features or counts, unless their name says otherwise.
    numbered = [
        g
        for g in naming.numbered(numbers)
        if len(g.names) > 1
        and (name_hint(g) or any(seen.kind(n) == "real" for n in g.names))
    ]  # fmt: skip
    groups += numbered
    if not numbered:
        groups += [
            g
            for g in naming.alike([f.name for f in numbers if seen.kind(f.name) == "real"])
            if name_hint(g)
        ]
    return groups


def _lone(seen: Seen, free: Sequence[Field], *, hinted_only: bool) -> list[Group]:
    """Single columns that can tell a yes from a no; those in [0, 1] first."""
    found = [
        Group((f.name,))
        for f in free
        if f.kind == "real" or (f.kind == "whole" and f.percent)
    ]  # fmt: skip
    hinted = [g for g in found if _says_yes(seen, g)]
    if hinted_only:
        return hinted
    if len(hinted) == 1:
        return hinted
    inside = [g for g in hinted or found if _in_unit(seen, g)]
    return inside if len(inside) == 1 else found


def _says_yes(seen: Seen, group: Group) -> bool:
    name = group.names[0]
    if name_hint(group) is None and not naming.is_predicted(name):
        return False
    return name_hint(group) == "logits" or _in_unit(seen, group) or seen.percent(group)


def _in_unit(seen: Seen, group: Group) -> bool:
    values = seen.values(group)
    return bool(len(values)) and bool(((values >= 0) & (values <= 1)).all())


def _likeliest(seen: Seen, found: Sequence[Group]) -> Group:
    """What an example had best name: a distribution, or what looks like a probability."""
    for group in found:
        if len(group.names) > 1 or (seen.plain(group) and _in_unit(seen, group)):
            return group
    return found[0]
