"""Arrays of each framework and back, for helpers that take them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


def _torch(x: Any) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(x))


def _jax(x: Any) -> Any:
    import jax.numpy as jnp

    return jnp.asarray(x)


def _tensorflow(x: Any) -> Any:
    import tensorflow as tf

    return tf.convert_to_tensor(x)


MAKERS: dict[str, Callable[[Any], Any]] = {
    "numpy": np.asarray,
    "torch": _torch,
    "jax": _jax,
    "tensorflow": _tensorflow,
}

every_framework = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def kind(x: Any) -> str:
    """The library that an array comes from."""
    return type(x).__module__.partition(".")[0]
