"""Which column is what: given by the user, or found, and then with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import naming, prediction, target
from .codes import Codes
from .column import RAGGED, About, Batch, Field, InputError
from .naming import Group
from .scale import Content, Scale
from .survey import Seen, Wish
from .target import Form
from .tokens import likelihoods


@dataclass(frozen=True, slots=True)
class Roles:
    """What each column is: enough to read every batch of the file."""

    prediction: Group
    scale: Scale
    binary: bool
    classes: tuple[str, ...]
    target: Group
    form: Form
    codes: Codes | None
    weight: str | None
    ignored: tuple[str, ...]
    tolerance: float | None
    renormalize: bool
    clip: float | None
    by: tuple[str, ...]
    cluster: str | None
    reasons: tuple[str, ...]
    bytes: str | None = None
    text: str | None = None
    on: str | None = None

    @property
    def content(self) -> Content:
        """What the numbers of the prediction are."""
        return self.scale.content

    @property
    def names(self) -> list[str]:
        """The columns to read, each once."""
        also = [name for name in (self.cluster, self.text, self.on) if name is not None]
        return list(dict.fromkeys((*self.scored, *self.by, *also)))

    @property
    def scored(self) -> list[str]:
        """The columns without which a row cannot be scored."""
        also = [name for name in (self.weight, self.bytes) if name is not None]
        return list(dict.fromkeys((*self.prediction.names, *self.target.names, *also)))

    @property
    def widths(self) -> dict[str, int]:
        """How long the rows of list columns are."""
        if self.form == "tokens":
            return {self.prediction.names[0]: RAGGED}
        count = len(self.classes)
        return {g.names[0]: count for g in (self.prediction, self.target) if len(g.names) == 1}


def find(
    fields: Sequence[Field], sample: Batch, whole_file: bool, wish: Wish, about: About
) -> Roles:
    """Decide which columns are the target, the prediction and the weight.

    Raises:
        InputError: the file allows more than one answer or none; the message says what to add.
    """
    _check(wish)
    if about.log_likelihood and wish.log_likelihood is None and wish.prediction is None:
        text = "text" if wish.bytes is None else None
        wish = replace(wish, log_likelihood="log_likelihood", text=wish.text or text)
    seen = Seen(fields, sample, whole_file, wish, about)
    if wish.on is not None:
        seen.taken.add(wish.on)
    weight = _weight(seen)
    for option, name in (
        *(("--by", n) for n in wish.slices),
        ("--cluster", wish.cluster),
        ("--on", wish.on),
    ):
        _grouping(seen, option, name)
    if wish.log_likelihood is not None:
        return _tokens(seen, weight)
    for option, name in (("--bytes", wish.bytes), ("--text", wish.text)):
        if name is not None:
            raise InputError(f"{option} tells how long tokens are: add --log-likelihood COLUMN")
    if about.truth and not wish.target:
        p = target.beside(seen)
    else:
        p = target.named(seen) or target.paired(seen)
    if p is not None:
        seen.taken.update(p.names)
    q = prediction.columns(seen, p)
    seen.taken.update(q.names)
    binary = prediction.is_binary(seen, q)
    multi = not binary and p is not None and target.is_multilabel(seen, p, q)
    scale, why = prediction.outcomes(seen, q) if multi else prediction.content(seen, q)
    names = prediction.classes(seen, q)
    p = target.lone(seen, q, names) if p is None else p
    form, p, codes, origin = target.form(seen, p, q, names, multi)
    reasons = [*about.notes, why, *origin, *_changes(wish, scale)]
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
        scale=scale,
        binary=binary,
        classes=prediction.class_names(q, names) if codes is None else codes.names,
        target=p,
        form=form,
        codes=codes,
        weight=weight,
        ignored=wish.ignored,
        tolerance=wish.tolerance,
        renormalize=wish.renormalize and scale.content == "probs" and not multi,
        clip=wish.clip,
        by=wish.slices,
        cluster=wish.cluster,
        reasons=tuple(reasons),
        on=wish.on,
    )


def _tokens(seen: Seen, weight: str | None) -> Roles:
    """The roles where a column holds log q of what happened."""
    wish, name = seen.wish, seen.wish.log_likelihood
    assert name is not None
    q = naming.select(name, seen.fields, "--log-likelihood", seen.taken)
    if len(q.names) != 1 or seen.kind(q.names[0]) not in ("whole", "real", "list"):
        raise InputError(f"--log-likelihood takes one column of numbers or lists, and {q} is none")
    scale, why = likelihoods(q, seen.log_likelihoods(q), seen.scope)
    texts = [f.name for f in seen.fields if f.kind == "text"]
    if wish.text is not None and wish.text not in set(texts):
        raise InputError(
            f"--text: there is no column of text {wish.text!r}; there are {naming.listed(texts)}"
        )
    numbers = [f.name for f in seen.fields if f.numeric]
    if wish.bytes is not None and wish.bytes not in set(numbers):
        raise InputError(
            f"--bytes: there is no column of numbers {wish.bytes!r}; there are "
            f"{naming.listed(numbers)}"
        )
    reasons = [*seen.about.notes, why]
    if wish.bytes is not None or wish.text is not None:
        length = f"Column {(wish.bytes or wish.text)!r} tells how long each row is"
        reasons.append(f"{length}; rows of length 0 are left out, as special tokens are.")
    if weight is not None:
        reasons.append(f"Column {weight!r} weights the rows, as --weight says.")
    return Roles(
        prediction=q,
        scale=scale,
        binary=True,
        classes=(),
        target=Group(()),
        form="tokens",
        codes=None,
        weight=weight,
        ignored=(),
        tolerance=wish.tolerance,
        renormalize=False,
        clip=None,
        by=wish.slices,
        cluster=wish.cluster,
        reasons=tuple(reasons),
        bytes=wish.bytes,
        text=wish.text,
        on=wish.on,
    )


def _check(wish: Wish) -> None:
    for label in wish.ignored:
        whole = label.removeprefix("-").isdigit()
        if whole and not -(2**63) <= int(label[:40]) < 2**64:
            raise InputError("--ignore must be a label: an integer of 64 bits, or text")
    if wish.tolerance is not None and not wish.tolerance >= 0:
        raise InputError("--tolerance must be a number, and not below 0")
    if wish.clip is not None and not 0 <= wish.clip < 0.5:
        raise InputError("--clip must be a number from 0 to 0.5, such as 1e-15")


def _changes(wish: Wish, scale: Scale) -> list[str]:
    """What is done to the probabilities because the user says so."""
    if scale.content != "probs":
        asked = [o for o, on in (("--renormalize", wish.renormalize), ("--clip", wish.clip)) if on]
        if asked:
            raise InputError(f"{asked[0]} is for probabilities, and these are {scale.content}")
        return []
    if wish.clip is None:
        return []
    return [f"Probabilities are kept from {wish.clip:g} to 1 - {wish.clip:g}, as --clip says."]


def _grouping(seen: Seen, option: str, name: str | None) -> None:
    if name is None:
        return
    usable = [f.name for f in seen.fields if f.kind not in ("list", "other")]
    if name not in set(usable):
        raise InputError(
            f"{option}: there is no column {name!r} of text or numbers; there are "
            f"{naming.listed(usable)}"
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
