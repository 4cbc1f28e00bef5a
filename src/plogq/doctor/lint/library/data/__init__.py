"""Arrays that a program makes up, data sets of libraries, and what hands out batches of them."""

from . import makers, numbers
from .registry import MAKER_MODULES, MAKERS

__all__ = ["MAKERS", "MAKER_MODULES", "makers", "numbers"]
