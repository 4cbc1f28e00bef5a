"""The one matcher of names: which class a label, or a column of targets, means.

Tried in turn, and never against what was found before: the whole names; what is left when a common
beginning or ending is taken off (`p_cat`, `confidence(cat)`); the same without case and separators;
the words for truth and falsehood. A number is an ending like any other.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from .naming import folded, shared

# Spreadsheets write truth values in the language of their user.
_YES = frozenset(
    ("true", "t", "yes", "y", "1", "positive", "pos", "present", "event", "success", "ja", "wahr",
     "oui", "vrai", "sí", "si", "verdadero")
)  # fmt: skip
_NO = frozenset(
    ("false", "f", "no", "n", "0", "negative", "neg", "absent", "nonevent", "failure", "nein",
     "falsch", "non", "faux", "falso", "nee")
)  # fmt: skip
# A number alone may be that of a model or of an output.
_OF_0 = re.compile(r"(.*[\W_])?(p|probs?|proba|probability|class)[\W_]*0[\W_]*", re.IGNORECASE)
_WEKA = re.compile(r"\d+:.")
# Of more names only the cuts that people write are tried: whole, and all that is common.
_MANY = 1 << 11
_LONGEST_CUT = 64


@dataclass(frozen=True, slots=True)
class Cut:
    """How a name becomes a key: what is taken off its ends, and whether case and separators
    count."""

    left: int = 0
    right: int = 0
    fold: bool = False

    def key(self, name: str) -> str:
        """What stands for the class."""
        name = name[self.left : len(name) - self.right]
        if not self.fold:
            return name
        plain = folded(name)
        # Names of separators alone, such as + and -, have nothing else.
        return (plain.lstrip("0") or "0") if plain.isdigit() else plain or name


@dataclass(frozen=True, slots=True)
class Match:
    """The key of every class, and how a label is turned into one; `words` are those for truth,
    `numbers` means that the number in a label is its key, and `after` that what stands behind a
    colon is all that counts (WEKA writes 1:cat)."""

    keys: tuple[str, ...]
    cut: Cut
    common: tuple[str, str] = ("", "")
    words: bool = False
    numbers: bool = False
    after: bool = False

    def key(self, label: str) -> str | None:
        """The key that a label stands for; None where it lacks what the labels have in common."""
        if self.words:
            return word(label)
        if self.numbers:
            return number_in(label)
        if self.after:
            label = label.partition(":")[2]
        left, right = self.common
        if not (label.startswith(left) and label.endswith(right)):
            return None
        if len(label) < len(left) + len(right):
            return None
        return self.cut.key(label)


def number_in(name: str) -> str | None:
    """The only number in a name."""
    name = name.partition(":")[0] if _WEKA.match(name) else name
    found = re.findall(r"\d+", name[:400])
    return (found[0].lstrip("0") or "0") if len(found) == 1 and len(found[0]) < 18 else None


def numbers_in(names: Sequence[str]) -> tuple[int, ...] | None:
    """The numbers in names that have one each, all of them different."""
    found = [number for name in names if (number := number_in(name)) is not None]
    return tuple(map(int, found)) if len(set(found)) == len(names) else None


def word(text: str) -> str | None:
    """What a word says of truth: "1", "0", or neither."""
    plain = folded(text) or text.strip()
    return "1" if plain in _YES or plain == "+" else "0" if plain in _NO or plain == "-" else None


def match_labels(labels: Sequence[str], names: Sequence[str]) -> Match | None:
    """How these labels name these classes; None where fewer than half of them do."""
    best: tuple[int, Match] | None = None
    # More labels than a sample has of any classes tell nothing more.
    for fold in (False, True):
        for left, right in _cuts(labels):
            common = (labels[0][:left], labels[0][len(labels[0]) - right :] if right else "")
            label_cut = Cut(left, right, fold)
            wanted = {label_cut.key(label) for label in labels}
            if len(wanted) < len(labels) and left + right:
                continue
            for at in _cuts(names):
                keys = tuple(Cut(*at, fold).key(name) for name in names)
                known = set(keys)
                if len(known) < len(keys):
                    continue
                hits = len(wanted & known)
                if hits and (best is None or hits > best[0]):
                    best = hits, Match(keys, label_cut, common)
                if hits == len(wanted):
                    return Match(keys, label_cut, common)
    truths = _truths(labels, names)
    if truths is not None:
        return truths
    if all(_WEKA.match(label) for label in labels):
        named = match_labels([label.partition(":")[2] for label in labels], names)
        if named is not None:
            return replace(named, after=True)
    numbers, said = numbers_in(names), numbers_in([label.partition(":")[0] for label in labels])
    if numbers and said and set(said) <= set(numbers):
        return Match(tuple(map(str, numbers)), Cut(), numbers=True)
    return best[1] if best and best[0] * 2 >= len(labels) else None


def match_columns(targets: Sequence[str], names: Sequence[str]) -> list[int] | None:
    """The place among `targets` of each class's column; None where they are not named alike."""
    if len(targets) != len(names):
        return None
    for fold in (False, True):
        by_keys = {
            frozenset(keys): keys
            for at in _cuts(targets)
            if len(set(keys := [Cut(*at, fold).key(t) for t in targets])) == len(keys)
        }
        for at in _cuts(names):
            wanted = [Cut(*at, fold).key(name) for name in names]
            found = by_keys.get(frozenset(wanted))
            if found is not None:
                places = {key: i for i, key in enumerate(found)}
                return [places[key] for key in wanted]
    if len(names) == 2:
        said, meant = truth_words(targets), truth_words(names)
        if said and meant:
            return [said.index(each) for each in meant]
    return None


def truth_words(names: Sequence[str]) -> list[str] | None:
    """ "0" and "1" in the order in which two names say falsehood and truth; None where they do
    not."""
    if len(names) != 2:
        return None
    for left, right in _cuts(names):
        found = [word(name[left : len(name) - right]) for name in names]
        if None not in found and len(set(found)) == 2:
            return [each for each in found if each is not None]
    return None


def class_in(name: str, labels: Sequence[str]) -> str | None:
    """The one label that a column's name ends or begins with, as `prob_yes` does with yes."""
    return classes_in([name], labels)[0]


def classes_in(names: Sequence[str], labels: Sequence[str]) -> list[str | None]:
    """The same of several columns, none of which is a label itself."""
    own = set(names)
    by_key: dict[str, list[str]] = {}
    for label in labels:
        if label not in own and (key := folded(label)):
            by_key.setdefault(key, []).append(label)
    found = [[label for end in _ends(name) for label in by_key.get(end, ())] for name in names]
    return [each[0] if len(each) == 1 else None for each in found]


def shown_names(names: Sequence[str]) -> tuple[str, ...]:
    """What the names of columns that no label matches differ by: the names of their classes."""
    left = shared(names)
    cut = max((left.rfind(mark) for mark in "_-. :/(=["), default=-1) + 1
    back = shared([name[cut:][::-1] for name in names])[::-1]
    tail = len(back) if back[:1] in (")", "]", '"', "'", "_", ".", "-", " ") and back else 0
    if any(len(name) <= cut + tail for name in names):
        return tuple(name[cut:] for name in names)
    return tuple(name[cut : len(name) - tail] for name in names)


def _truths(labels: Sequence[str], names: Sequence[str]) -> Match | None:
    order = truth_words(names)
    if order is None or not labels or any(word(label) is None for label in labels):
        return None
    return Match(tuple(order), Cut(), words=True)


def says_no(name: str, labels: Sequence[str]) -> bool:
    """Whether a column's name ends with a word for falsehood, or with that of these labels which
    says it: prob_no, p_class_0."""
    tail = folded(name[_parts(name)[-1] :])
    if tail in [folded(label) for label in labels if word(label) == "0"] and tail != "0":
        return True
    if len(tail) > 1 and word(tail) == "0":
        return True
    return _OF_0.fullmatch(name) is not None


def _parts(name: str) -> list[int]:
    """Where the words of a name begin: behind separators, and at capitals."""
    marks = re.finditer(r"[\W_]+|(?<=[a-z])(?=[A-Z])", name[:400])
    return [0, *(m.end() for m in marks if m.end() < len(name))]


def _ends(name: str) -> set[str]:
    """A name's beginnings and endings between its words, folded."""
    at = [*_parts(name), len(name)]
    return {folded(part) for i in at for part in (name[:i], name[i:])}


def _cuts(names: Sequence[str]) -> Generator[tuple[int, int], None, None]:
    """How much may be taken off names that begin and end alike: nothing first."""
    yield 0, 0
    if len(names) < 2:
        return
    front = len(shared(names))
    back = len(shared([name[::-1] for name in names]))
    shortest = min(map(len, names))
    lefts = [i for i in range(min(front, _LONGEST_CUT) + 1) if not _splits(names, i)]
    rights = [j for j in range(min(back, _LONGEST_CUT) + 1) if not _splits(names, -j)]
    if len(names) > _MANY:
        lefts, rights = lefts[:1] + lefts[-1:], rights[:1] + rights[-1:]
    for i in lefts:
        for j in rights:
            if i + j and i + j < shortest:
                yield i, j


def _splits(names: Sequence[str], at: int) -> bool:
    """Whether a number would be cut in two: p10 and p11 are not the classes 0 and 1 of p1."""
    if at == 0:
        return False
    return any(len(n) > abs(at) and n[at - 1].isdigit() and n[at].isdigit() for n in names)
