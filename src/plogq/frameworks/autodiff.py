"""The closed-form gradient, given to each framework's own automatic differentiation.

A kernel knows its forward and its backward; here they become one differentiable function. NumPy
has no automatic differentiation, so there the kernel's losses are all there is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from . import verbs
from .loading import once_loaded
from .versions import fitting


def offer() -> None:
    """Give TensorFlow its operations as soon as it is loaded: graphs that hold them may come."""
    once_loaded("tensorflow", _operations)


def _operations() -> None:
    from .tensorflow import operation

    _ = operation


def _torch() -> Any:
    from .torch import autodiff

    return autodiff


def _jax() -> Any:
    from .jax import autodiff

    return autodiff


def _tensorflow() -> Any:
    from .tensorflow import autodiff

    return autodiff


_LOADERS: dict[str, Callable[[], Any]] = {
    "torch": _torch,
    "jax": _jax,
    "tensorflow": _tensorflow,
}
_LOADED: dict[str, Any] = {}


def _of(framework: str) -> Any | None:
    """What a framework has of automatic differentiation, loaded once."""
    found = _LOADED.get(framework)
    if found is None and framework in _LOADERS:
        found = _LOADED[framework] = fitting(_LOADERS[framework], framework)
    return found


class Short(NamedTuple):
    """The short ways for stored scores of one type: from the arrays to the loss at once.

    `whole` takes P and Q themselves, the reduction, and whether the gradient is wanted too. The
    others take P as `Plain`, the scores, their axis and soft cap, and the reduction. Each answers
    with the loss, `with_gradient` with its gradient too, or with None where something has to be
    looked at more closely. Where there is no short way, all are None.
    """

    tracing: Callable[[], bool] | None = None
    loss: Callable[..., Any] | None = None
    with_gradient: Callable[..., Any] | None = None  # of arrays without autodiff
    whole: Callable[..., Any] | None = None


def _small_torch() -> Short:
    from .torch import small

    return Short(small.tracing, small.short, whole=small.whole)


def _small_numpy() -> Short:
    from .numpy import small

    return Short(small.tracing, small.short, small.short_with_gradient, small.whole)


def _small_jax() -> Short:
    from .jax import small

    return Short(small.tracing, small.short)


def _small_tensorflow() -> Short:
    from .tensorflow import small

    return Short(small.tracing, small.short)


_SHORT_LOADERS: dict[str, Callable[[], Short]] = {
    "torch": _small_torch,
    "numpy": _small_numpy,
    "jax": _small_jax,
    "tensorflow": _small_tensorflow,
}
# By the type of the scores.
SHORT: dict[type, Short] = {}
# Where a sum as one step is quicker than step by step.
AT_ONCE = frozenset({"torch"})


@cache
def _mesh() -> Any:
    from .jax import mesh

    return mesh


# Where the types of arrays may say how they lie over a mesh of devices.
MESHES: dict[str, Callable[[], Any]] = {"jax": _mesh}


def losses(xp: Any, kernel: Any, measure: Any, scores: Any, log_z: bool = False) -> tuple[Any, Any]:
    """The loss per event, and log Z per event (None where it is not asked for)."""
    of = _LOADED.get(xp.name) or _of(xp.name)
    if of is not None:
        return of.losses(kernel, measure, scores, log_z)
    forward = kernel.forward(measure, scores, log_z)
    return forward.loss, forward.log_z


def short(x: Any) -> Short:
    """The short ways for scores of x's type, loaded once."""
    name = verbs(x).name
    load = _SHORT_LOADERS.get(name)
    found = SHORT[x.__class__] = Short() if load is None else fitting(load, name)
    return found


def summed(xp: Any, kernel: Any, measure: Any, scores: Any, divisor: Any) -> Any | None:
    """Σ loss / divisor as one step, of frameworks in `AT_ONCE`; None where it is no quicker."""
    of: Any = _of(xp.name)
    return of.summed(kernel, measure, scores, divisor)


def at_once(
    xp: Any, kernel: Any, measure: Any, scores: Any, divisor: Any, z_loss: float, reduced: Any
) -> Any | None:
    """The loss that `reduced` makes of losses and log Z, its gradients made in the forward pass.

    For frameworks in `AT_ONCE` and kernels that gain by it; None for all else.
    """
    of: Any = _of(xp.name)
    return of.at_once(kernel, measure, scores, divisor, z_loss, reduced)
