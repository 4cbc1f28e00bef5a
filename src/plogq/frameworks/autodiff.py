"""The closed-form gradient, given to each framework's own automatic differentiation.

A kernel knows its forward and its backward; here they become one differentiable function. NumPy
has no automatic differentiation, so there the kernel's losses are all there is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from .versions import fitting


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


def _small() -> Any:
    from .torch import small

    return small


def _small_cuda() -> Any:
    from .torch import small_cuda

    return small_cuda


@cache
def _numpy_small() -> Any:
    from .numpy import small

    return small


def _tensorflow_small() -> Any:
    from .tensorflow import small

    return small


# By framework, and by whether the scores lie on a GPU.
_SHORT_LOADERS: dict[tuple[str, bool], Callable[[], Any]] = {
    ("torch", False): _small,
    ("torch", True): _small_cuda,
    ("numpy", False): _numpy_small,
    ("tensorflow", False): _tensorflow_small,
}
SHORT: dict[tuple[str, bool], Callable[..., Any]] = {}
SHORTER = frozenset(name for name, _ in _SHORT_LOADERS)
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


def short(xp: Any, x: Any) -> Callable[..., Any] | None:
    """The short way for labels × stored logits that lie where x does, or None where there is none.

    It takes P as `Plain`, the scores, their axis and soft cap, and the reduction, and answers with
    the loss, or with None where something has to be looked at more closely.
    """
    place = xp.name, getattr(x, "is_cuda", False)
    load = _SHORT_LOADERS.get(place)
    if load is None:
        return None
    found = SHORT[place] = fitting(load, xp.name).short
    return found


def short_with_gradient(xp: Any) -> Callable[..., Any] | None:
    """The same with the gradient of the loss; for arrays without autodiff."""
    return _numpy_small().short_with_gradient if xp.name == "numpy" else None


def summed(xp: Any, kernel: Any, measure: Any, scores: Any, divisor: Any) -> Any | None:
    """Σ loss / divisor as one step, of frameworks in `AT_ONCE`; None where it is no quicker."""
    of: Any = _of(xp.name)
    return of.summed(kernel, measure, scores, divisor)
