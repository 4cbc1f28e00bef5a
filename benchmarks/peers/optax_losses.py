"""optax, under jit; every call waits for its result."""

from __future__ import annotations

from typing import Any

import jax
import optax

from .jax_nn import jitted


def _labels(z: Any, y: Any) -> Any:
    return optax.softmax_cross_entropy_with_integer_labels(z, y).mean()


def _linear(hidden: Any, weight: Any, y: Any) -> Any:
    return _labels(hidden @ weight.T, y)


WORK = {
    "labels_loss": jitted(_labels),
    "labels_grad": jitted(jax.value_and_grad(_labels)),
    "unbiased_grad": jitted(jax.value_and_grad(_linear, argnums=(0, 1))),
}
