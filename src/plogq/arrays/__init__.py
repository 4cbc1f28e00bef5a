"""Which framework an array belongs to, read off the array itself.

A dictionary leads from `type(x)` to the framework's verbs, a module of a dozen functions with the
same names in every framework. On a miss the rows of `FRAMEWORKS` are tried against `sys.modules`,
so no framework is imported that the caller has not imported already.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from ..errors import DtypeError
from . import numpy as numpy_verbs

Verbs = ModuleType

_VERBS: dict[type, Verbs] = {np.ndarray: numpy_verbs}


def verbs(array: Any) -> Verbs:
    """The verbs of the framework that `array` belongs to.

    Raises:
        DtypeError: no framework that plogq knows has arrays of this type.
    """
    kind = array.__class__
    found = _VERBS.get(kind)
    if found is None:
        raise DtypeError(
            f"{kind.__name__} is not an array of a framework that plogq knows; "
            "it takes NumPy arrays: write np.asarray(x)"
        )
    return found


def as_array(value: Any, role: str) -> Any:
    """`value` as an array of its own framework; lists, numbers and array-likes become NumPy arrays.

    Raises:
        DtypeError: a masked or sparse array, or something that is no array; `role` names it.
    """
    if type(value) in _VERBS:
        return value
    return numpy_verbs.as_array(value, role)
