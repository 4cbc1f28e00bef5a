"""JAX: the numbers behind a tracer, where a jitted function's own arguments lead to it by moves.

While `jax.jit` traces a function, its arguments are names without numbers; the arrays that it was
called with are at hand all the same. So labels that reach a loss as they came, cut or reshaped, are
read from those, once for each time that the function is traced. Nothing is added to the program.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import jax
import numpy as np
from jax._src import core, pjit

from .evidence import Numbers
from .watch import Watch

_MOVES = frozenset(
    [
        "reshape",
        "squeeze",
        "slice",
        "transpose",
        "rev",
        "convert_element_type",
        "expand_dims",
        "copy",
    ]
)
_MOST = 12  # moves between an argument and a loss


class Inputs:
    """The arguments of the jitted functions that are being traced, innermost last."""

    def __init__(self) -> None:
        self._local = threading.local()

    def begin(self, watch: Watch) -> None:
        """Keep what jitted functions are called with, as long as they are traced."""
        before = getattr(pjit, "_trace_for_jit", None)
        flatten = getattr(getattr(pjit, "FlatTree", None), "flatten_static_argnums_argnames", None)
        if before is None or flatten is None:
            watch.unseen["label values inside jax.jit: this version of JAX is not known"] = None
            return

        @functools.wraps(before)
        def trace(
            fun: Any, info: Any, mesh: Any, debug: Any, avals: Any, args: Any, kwargs: Any
        ) -> Any:
            stack = self._stack()
            flat = flatten(args, kwargs, info.static_argnums, info.static_argnames).vals
            stack.append((debug, flat))
            try:
                return before(fun, info, mesh, debug, avals, args, kwargs)
            finally:
                stack.pop()

        watch.replace(pjit, "_trace_for_jit", trace)

    def _stack(self) -> list[tuple[Any, Any]]:
        if not hasattr(self._local, "stack"):
            self._local.stack = []
        return self._local.stack

    def read(self, x: Any) -> Numbers | None:
        """The numbers that a tracer stands for in this call, if moves alone lead to it."""
        found = self._behind(x, _MOST)
        return None if found is None else numbers_of(found)

    def _behind(self, x: Any, left: int) -> Any:
        """The array behind a tracer."""
        if not isinstance(x, core.Tracer):
            return x if isinstance(x, jax.Array | np.ndarray) else None
        primal: Any = getattr(x, "primal", None)
        if primal is not None:
            return self._behind(primal, left)
        frame = getattr(getattr(x, "_trace", None), "frame", None)
        if frame is None or not hasattr(x, "val") or left == 0:
            return None
        made = getattr(x, "parent", None)
        if made is None:
            return self._argument(x.val, frame, left)
        if made.primitive.name not in _MOVES or len(made.in_tracers) != 1:
            return None
        array = self._behind(made.in_tracers[0], left - 1)
        if array is None:
            return None
        with jax.ensure_compile_time_eval():
            return made.primitive.bind(array, **made.params)

    def _argument(self, var: Any, frame: Any, left: int) -> Any:
        for debug, flat in reversed(self._stack()):
            if debug is frame.debug_info:
                place = next((i for i, v in enumerate(frame.invars) if v is var), None)
                if place is None or place >= len(flat):
                    return None
                return self._behind(flat[place], left - 1)
        return None


def numbers_of(x: Any) -> Numbers | None:
    """An array's numbers, if they are here."""
    if isinstance(x, jax.Array) and (x.is_deleted() or not x.is_fully_addressable):
        return None
    try:
        return np.asarray(x)
    except (TypeError, ValueError, RuntimeError):
        return None
