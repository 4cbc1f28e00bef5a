"""A refusal as every framework has it: a call on arrays, the error, and what its sentence says.

A sentence names arrays and casts as the framework does: `{array}` is the type's name, `{int:y}`,
`{float:y}` and `{broadcast:y}` what its words make of y.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Put = Callable[[Any], Any]
Case = tuple[Callable[[Put], Any], type, tuple[str, ...]]

Z = np.zeros((4, 3))
Y = np.array([0, 1, 2, 0])
Q = np.full((4, 3), 1 / 3)


def case(call: Callable[[Put], Any], error: type, *says: str) -> Case:
    return call, error, says
