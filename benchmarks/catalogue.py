"""Every case by name, in the order of the tables."""

from __future__ import annotations

from . import arrays, classes, files, imports, linear
from .case import Case

CASES: dict[str, Case] = {
    case.name: case for module in (arrays, classes, linear, files, imports) for case in module.CASES
}
