"""A call that torch.compile leaves as it is, in a module of its own.

What marks a function so loads all of the compiler, which takes seconds: so this is imported only
where something is being compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import torch

_disable: Any = vars(torch.compiler)["disable"]
_WHY = "scores over ranks meet when the program runs; compile it without fullgraph=True"
# PyTorch has not always asked for a reason.
_reason = {"reason": _WHY} if "reason" in signature(_disable).parameters else {}


@_disable(**_reason)
def unrecorded(function: Callable[..., Any], *arguments: Any) -> Any:
    """function(*arguments), run when the program runs and never recorded."""
    return function(*arguments)
