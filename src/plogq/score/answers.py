"""How the labels of a yes/no outcome say yes and no."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .codes import Codes, distinct, is_missing, present, span_of
from .column import Array, InputError
from .matching import Cut, Match, class_in, says_no, word
from .naming import Group, is_predicted, quoted
from .shown import excerpt
from .survey import Seen

# So few strange labels are bad rows; more of them, and the labels mean something else.
_FEW = 0.05


def yes_no_codes(seen: Seen, name: str, prediction: Group, why: str) -> tuple[Codes, list[str]]:
    """Labels of a yes/no outcome, of which the prediction holds one number a row.

    Raises:
        InputError: they say no yes and no, or more than that.
    """
    values = present(seen, name)
    labels = distinct(values)
    column = f"Column {name!r}"
    if seen.wish.positive is None:
        _refuse_several(seen, name, prediction, values, labels)
    _refuse_confidence(seen, prediction)
    if seen.wish.positive is not None:
        yes = _positive(seen.wish.positive, labels, name)
        no = next((label for label in labels if label != yes), f"not {yes}")
        match = Match((no, yes), Cut())
        return Codes((no, yes), match=match), [
            f"{column}: {why}, {yes!r} for yes, as --positive says."
        ]
    _refuse_no(prediction, labels)
    if seen.kind(name) == "boolean":
        return Codes(("0", "1"), first=0), [f"{column} holds truth values: {why}, 1 for yes."]
    if seen.kind(name) != "text":
        if _share_of_strangers(values) > _FEW:
            _refuse_two(labels, name)
        span = span_of(values, seen.scope)
        return Codes(("0", "1"), first=0), [f"{column}{span}: {why}, 1 for yes."]
    yes = class_in(prediction.names[0], labels) if len(labels) == 2 else None
    if yes is not None and word(yes) != "0":
        no = next(label for label in labels if label != yes)
        said = f"{column} holds {no!r} and {yes!r}: {why}, {yes!r} for yes, as {prediction} says."
        return Codes((no, yes), match=Match((no, yes), Cut())), [said]
    if labels and all(word(label) is not None for label in labels):
        names = [next((x for x in labels if word(x) == w), w) for w in ("0", "1")]
        said = f"{column} holds {' and '.join(map(repr, labels))}: {why}, {names[1]!r} for yes."
        return Codes(tuple(names), match=Match(("0", "1"), Cut(), words=True)), [said]
    example = f" (such as {excerpt(labels[0])!r})" if labels else ""
    if len(labels) == 2:
        raise InputError(
            f"column {name!r} holds text{example} and the prediction {prediction} does not name "
            f"its classes so: add --positive {quoted(labels[0])} or --positive "
            f"{quoted(labels[1])}, whichever means yes, or write 0 and 1, or true and false"
        )
    raise InputError(
        f"column {name!r} holds text{example} and the prediction {prediction} does not name "
        "its classes so: write 0 and 1, or true and false"
    )


def _positive(text: str, labels: Sequence[str], name: str) -> str:
    alike = [label for label in labels if label == text or _same(label, text)]
    if not alike:
        raise InputError(
            f"--positive: no label of {name!r} is {text!r}; there are "
            f"{', '.join(excerpt(label) for label in labels[:8])}"
        )
    if len(labels) > 2:
        raise InputError(
            f"--positive: column {name!r} holds {len(labels)} labels "
            f"({', '.join(excerpt(label) for label in labels[:4])}, …), and a yes/no outcome has "
            "two: several classes need one column for each class"
        )
    return alike[0]


def _same(label: str, text: str) -> bool:
    try:
        return float(label) == float(text)
    except ValueError:
        return label.casefold() == text.casefold()


def _refuse_two(labels: Sequence[str], name: str) -> None:
    """Two labels that are not 0 and 1."""
    if labels in (["-1", "1"], ["1", "2"]):
        pair = " and ".join(labels)
        raise InputError(
            f"column {name!r} holds {pair}, and a yes/no outcome is 0 or 1: add --positive "
            f"{labels[1]} to read {labels[1]} as yes and {labels[0]} as no"
        )
    if len(labels) == 2 and labels != ["0", "1"]:
        raise InputError(
            f"column {name!r} holds {labels[0]} and {labels[1]}, and a yes/no outcome is 0 or 1: "
            f"add --positive {labels[0]} or --positive {labels[1]}, whichever means yes"
        )


def _refuse_no(prediction: Group, labels: Sequence[str]) -> None:
    """A column that is named after what says no: its numbers may be those of no, or of yes."""
    if len(labels) != 2 or not says_no(prediction.names[0], labels):
        return
    no = next((label for label in labels if word(label) == "0"), labels[0])
    yes = next(label for label in labels if label != no)
    raise InputError(
        f"column {prediction} is named after no, and one number a row is the probability of yes: "
        f"add --positive {quoted(no)} if it is that of {excerpt(no)!r}, or --positive "
        f"{quoted(yes)} if it is that of {excerpt(yes)!r}"
    )


def _share_of_strangers(values: Array) -> float:
    """How many of the labels are neither 0 nor 1."""
    return float((~np.isin(values, (0, 1))).mean()) if len(values) else 0.0


def _refuse_several(
    seen: Seen, name: str, prediction: Group, values: Array, labels: Sequence[str]
) -> None:
    """One number a row where there are several classes."""
    text = seen.kind(name) == "text"
    if text:
        labels = [label for label in labels if not is_missing(label)]
    if len(labels) > 2 and (text or _share_of_strangers(values) > _FEW):
        raise InputError(
            f"column {name!r} holds {len(labels)} labels ({', '.join(map(excerpt, labels[:3]))}, "
            f"…) and the prediction {prediction} one number a row, which tells yes from no (0 and "
            "1): several classes need one column for each class; the probability of the class "
            "that was chosen is not enough"
        )


def _refuse_confidence(seen: Seen, prediction: Group) -> None:
    """One number a row that is the probability of the class that was chosen."""
    chosen = [f.name for f in seen.free if is_predicted(f.name) and f.kind != "real"]
    numbers = seen.values(prediction)
    above = len(numbers) > 3 and bool(((numbers >= 0.5) & (numbers <= 1)).all())
    if chosen and seen.wish.prediction is None and above:
        raise InputError(
            f"column {prediction} is never below 0.5 and stands beside {chosen[0]!r}: it looks "
            "like the probability of the class that was chosen, not that of yes: write a column "
            f"that holds {prediction} where {chosen[0]!r} says yes and 1 - {prediction} elsewhere, "
            f"or, if it is that of yes, add --binary --probs {prediction.pattern}"
        )
