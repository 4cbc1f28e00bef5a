"""Functions and methods of arrays, one for all frameworks, by their last name."""

from . import decisions, movements, reductions, several, targets
from .heads import head, implicit
from .registry import VERBS, cast, kind_of, method

__all__ = ["VERBS", "cast", "decisions", "head", "implicit", "kind_of", "method", "movements",
           "reductions", "several", "targets"]  # fmt: skip
