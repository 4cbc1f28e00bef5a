"""What Keras makes of arguments before it computes: arrays of one framework, dtypes, masks.

Where Keras is installed, lists and NumPy arrays become tensors of its backend; arrays of another
framework stay there. Where it is not, the losses work on arrays as they come.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, TypeVar

from ...errors import DtypeError
from ...frameworks import Verbs, as_array, held, verbs
from ...frameworks.versions import require

Named = TypeVar("Named", bound=Callable[..., Any])


def _installed() -> tuple[Any, Any]:
    """Keras, and its backend, which knows of masks; loaded if they are there to be loaded."""
    if find_spec("keras") is None:
        return None, None
    import keras

    if not hasattr(keras, "KerasTensor"):
        raise ImportError(
            "plogq.compat.keras takes Keras 3, and what is imported as keras is "
            f"{getattr(keras, '__version__', keras)}; write pip install -U 'plogq[keras]'"
        )
    require(keras)
    from keras.src import backend

    return keras, backend


_found = _installed()
KERAS: Any = _found[0]
_backend: Any = _found[1]
PACKAGE = "plogq.compat.keras"
_BACKENDS = ("numpy", "torch", "jax", "tensorflow")
_masks: dict[int, Any] = {}


def floatx() -> str:
    """The dtype of floats that say nothing of their own."""
    return KERAS.config.floatx() if KERAS else "float32"


def epsilon() -> float:
    """What Keras keeps between a probability and 0, and between it and 1."""
    return KERAS.config.epsilon() if KERAS else 1e-7


def exponent(gamma: Any) -> float:
    """gamma as a number, which Keras also takes as an array without axes."""
    if isinstance(gamma, int | float):
        return gamma
    found = as_array(gamma, "gamma")
    return float(verbs(found).host(found))


def registered(package: str = PACKAGE) -> Callable[[Named], Named]:
    """Tell Keras, where it is installed, what a saved model means by this class or function."""

    def register(named: Named) -> Named:
        return KERAS.saving.register_keras_serializable(package)(named) if KERAS else named

    return register


def mask_of(x: Any) -> Any:
    """What Keras has marked as valid in x, or None."""
    if KERAS:
        return _backend.get_keras_mask(x)
    return getattr(x, "_keras_mask", _masks.get(id(x)))


def set_mask(x: Any, mask: Any) -> Any:
    """x, with a note of what is valid in it, where Keras leaves it too."""
    if KERAS:
        _backend.set_keras_mask(x, mask)
        return x
    try:
        x._keras_mask = mask
    except AttributeError:
        _masks[id(x)] = mask
        weakref.finalize(x, _masks.pop, id(x), None)
    return x


def symbolic(*values: Any) -> bool:
    """Whether one of these stands for a tensor of a model that is being built."""
    return bool(KERAS) and any(isinstance(x, KERAS.KerasTensor) for x in values)


def own_framework(xp: Verbs) -> bool:
    """Whether arrays of this framework are those of Keras' backend."""
    return bool(KERAS) and xp.name == KERAS.config.backend()


def together(y_true: Any, y_pred: Any) -> tuple[Verbs, Any, Any]:
    """The framework of the two, and each as its array.

    It is that of the first that is a tensor; for lists and NumPy arrays it is that of Keras'
    backend, or NumPy where Keras is not installed.
    """
    y_true, y_pred = held(y_true), held(y_pred)
    found = next((x for x in (y_pred, y_true) if _tensor(x)), None)
    y_pred = like(y_pred, found)
    return verbs(y_pred), like(y_true, y_pred if found is None else found), y_pred


def like(value: Any, other: Any) -> Any:
    """`value` as an array of the framework of `other`; None stands for Keras' own."""
    own = KERAS and KERAS.config.backend() in _BACKENDS
    value = held(value)
    if own and (other is None or own_framework(verbs(other))):
        # To Keras a variable of TensorFlow is a tensor.
        return as_array(KERAS.ops.convert_to_tensor(value), "y")
    plain = as_array(value, "y")
    xp = verbs(plain)
    if xp.name == "numpy" and not hasattr(value, "dtype") and xp.is_float(plain):
        plain = xp.to_dtype(plain, floatx())
    if other is None or xp is verbs(other):
        return plain
    if xp.name != "numpy":
        raise DtypeError(
            f"one array is of {xp.name} and another of {verbs(other).name}; nothing is moved "
            "silently between frameworks, convert one of them"
        )
    return verbs(other).from_host(plain, other)


def _tensor(x: Any) -> bool:
    """Whether x belongs to a framework other than NumPy."""
    try:
        return verbs(x).name != "numpy"
    except DtypeError:
        return False
