"""What ranks say to one another, and what lies on them, is found out when a program runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def at_run_time(xp: Any, function: Callable[..., Any], *arguments: Any) -> Any:
    """function(*arguments), never recorded: the ranks have to look at what they are told. Once
    PyTorch's compiler is there, it would record parts of what runs between two others."""
    if not xp.tracing() and "torch._dynamo" not in sys.modules:
        return function(*arguments)
    from ..frameworks.torch.uncompiled import unrecorded

    return unrecorded(function, *arguments)
