"""Arrays whose types say how they lie over a mesh of devices (explicit sharding).

There every operation would have to say where its result goes. A loss is asked for in a part of the
program in which XLA finds that out, and only the losses say where they lie.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from . import arrays as xp

Array = Any


def over_mesh(
    function: Callable[..., Array],
    check: Callable[[Any, Any], Any],
    p: Any,
    q: Any,
    class_axis: int | None,
    options: dict[str, Any],
) -> Any | None:
    """`function` of P and Q whose types say how they lie over a mesh; None for all others.

    Inside, XLA finds out what goes where; losses lie as Q's events do. Where values
    are known, `check` looks at them first, as nothing can within.
    """
    held = q.arrays() if p is None else (*q.arrays(), *p.arrays())
    explicit: list[Any] = []
    for x in held:
        if not isinstance(x, jax.Array | np.ndarray | np.generic):
            # What is of another framework is refused where P meets Q.
            return None
        mesh = jax.typeof(x).sharding.mesh
        if AxisType.Explicit in mesh.axis_types:
            explicit.append(mesh)
    if not explicit:
        return None
    if all(map(xp.readable, held)):
        check(*jax.tree.map(np.asarray, (p, q)))
    of_scores = jax.typeof(held[0])
    spec = [*of_scores.sharding.spec, *(None,) * of_scores.ndim][: of_scores.ndim]
    if class_axis is not None:
        spec.pop(class_axis)
    if options.get("reduction", "none") != "none":
        spec = []
    lies = NamedSharding(explicit[0], PartitionSpec(*spec))
    normalizer = options.pop("normalizer", None)
    given = (p, q) if normalizer is None else (p, q, normalizer)
    return _over_mesh(*given, function=function, options=tuple(options.items()), lies=lies)


@partial(jax.jit, static_argnames=("function", "options", "lies"))
def _over_mesh(
    *given: Any, function: Callable[..., Array], options: tuple[Any, ...], lies: NamedSharding
) -> Array:
    def inside(p: Any, q: Any, normalizer: Any = None) -> Array:
        more = {} if normalizer is None else {"normalizer": normalizer}
        return function(p, q, **dict(options), **more)

    return jax.sharding.auto_axes(inside, out_sharding=lies)(*given)
