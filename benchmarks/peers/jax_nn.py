"""JAX: the formulas that optax uses, under jit; every call waits for its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..case import Run

Loss = Callable[..., Any]


def _labels(z: Any, y: Any) -> Any:
    picked = jnp.take_along_axis(z, y[:, None], axis=-1)[:, 0]
    return (jax.nn.logsumexp(z, axis=-1) - picked).mean()


def _probs(z: Any, p: Any) -> Any:
    return -(p * jax.nn.log_softmax(z)).sum(axis=-1).mean()


def _binary(z: Any, y: Any) -> Any:
    return -(y * jax.nn.log_sigmoid(z) + (1 - y) * jax.nn.log_sigmoid(-z)).mean()


def _linear(hidden: Any, weight: Any, bias: Any, y: Any) -> Any:
    return _labels(hidden @ weight.T + bias, y)


def jitted(function: Loss) -> Callable[..., Run]:
    compiled = jax.jit(function)

    def prepare(*arrays: Any) -> Run:
        inputs = [jnp.asarray(x) for x in arrays]
        return lambda: jax.block_until_ready(compiled(*inputs))

    return prepare


WORK = {
    "labels_loss": jitted(_labels),
    "labels_grad": jitted(jax.value_and_grad(_labels)),
    "probs_grad": jitted(jax.value_and_grad(_probs)),
    "binary_grad": jitted(jax.value_and_grad(_binary)),
    "linear_grad": jitted(jax.value_and_grad(_linear, argnums=(0, 1, 2))),
}
