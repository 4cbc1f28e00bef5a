"""Weights of classes as they are given: in the order of the classes, or refused.

A dictionary, a set or a table with an index of its own says in another way which weight belongs to
which class, and would be read in the order in which it happens to be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import DtypeError, ShapeError
from .frameworks import as_array, verbs
from .options import like_array, shown

_PAIR = "class_weight of a binary target is the pair (negative, positive)"


def in_order(weight: Any) -> Any:
    """Weights of K classes as they came, once their order is that of the classes.

    Raises:
        DtypeError: weights that are listed by name or by index.
    """
    given = weight
    if isinstance(weight, Mapping):
        known = _listed(given)
        raise DtypeError(
            "class_weight takes a list of one weight for each class, in the order of the classes, "
            f"got {type(given).__name__}; write {known or 'list(d[c] for c in classes)'}"
        )
    if _reordered(weight):
        raise DtypeError(
            f"class_weight is a {type(weight).__name__} whose index does not count the classes "
            "0, 1, … in order, and weights are taken by their place; write "
            "w.sort_index().to_numpy() if its index is the class, w.to_numpy() if it is not"
        )
    return weight


def pair(weight: Any) -> tuple[Any, Any]:
    """The weights of no and of yes.

    Raises:
        DtypeError: weights that are listed by name or by index.
        ShapeError: anything else that is no pair.
    """
    given = weight
    if isinstance(weight, Mapping):
        known = _listed(given, of=2)
        raise DtypeError(
            f"{_PAIR}, in a list or a tuple, got {type(given).__name__}; write "
            f"{known or '(d[0], d[1])'}"
        )
    in_order(weight)
    if isinstance(weight, list | tuple):
        both: Any = given
        if len(both) == 2:
            return both[0], both[1]
        came = f"{len(both)} of them"
    elif like_array(weight):
        # By index: a tensor of a graph has no iterator.
        both = as_array(weight, "class_weight")
        shape = verbs(both).shape(both)
        if shape and shape[0] == 2:
            return both[0], both[1]
        came = shown(weight)
    else:
        came = shown(weight)
    raise ShapeError(f"{_PAIR}, got {came}; a positive weight w alone is (1.0, w)")


def _listed(weights: Mapping[Any, Any], of: int | None = None) -> str | None:
    """The list to write for a dictionary of numbers by class, if it names all of them."""
    count = len(weights)
    if of not in (None, count) or count > 20 or set(weights) != set(range(count)):
        return None
    held = [weights[i] for i in range(count)]
    return str(held) if all(isinstance(w, int | float) for w in held) else None


def _reordered(weight: Any) -> bool:
    """Whether weights have an index, as a table's column has, that does not count from 0 on."""
    if not (hasattr(weight, "sort_index") and hasattr(weight, "index")):
        return False
    return list(weight.index) != list(range(len(weight)))
