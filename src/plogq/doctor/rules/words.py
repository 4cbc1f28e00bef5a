"""How a rule speaks of an array: what made it, where, and through what it came."""

from __future__ import annotations

from ..facts import Array, Place, Sighting

NAMES = {
    "reshape": "a reshape",
    "transpose": "a transpose",
    "squeeze": "a squeeze",
    "unsqueeze": "an unsqueeze",
    "slice": "an index",
    "scale": "arithmetic with numbers",
    "clip": "a clip",
    "cast": "a cast",
    "detach": "a detach",
    "dropout": "dropout",
}


def where(place: Place | None, beside: Place) -> str:
    """A place as read beside another: the line alone where the file is the same."""
    if place is None:
        return "not shown"
    if place.file != beside.file:
        return f"{place.file}:{place.line}"
    if place.cell != beside.cell:
        return f"cell {place.cell}, line {place.line}"
    return f"line {place.line}"


def origin(array: Array, beside: Place) -> str:
    """What made it, as written, and where."""
    by = f"`{array.by}`" if array.by else (array.made.value if array.made else "something")
    return f"{by} ({where(array.place, beside)})"


def evidence(seen: Sighting) -> tuple[str, ...]:
    """What was seen, sentence by sentence."""
    said: list[str] = []
    for what, array in (("prediction", seen.prediction), ("target", seen.target)):
        if array is not None and array.made is not None:
            said.append(f"the {what} comes from {origin(array, seen.place)}{through(array)}")
    return tuple(said)


def through(array: Array) -> str:
    """The movements between the maker and here."""
    seen = dict.fromkeys(NAMES[s.verb] for s in array.path if s.verb in NAMES)
    return f", through {', '.join(seen)}" if seen else ""


def classes(array: Array | None) -> int | None:
    """K, where the code shows it."""
    return None if array is None else array.classes
