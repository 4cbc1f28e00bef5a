"""plogq on JAX's arrays, in a program that JAX has compiled: called as in a training loop."""

from __future__ import annotations

from typing import Any

import jax

import plogq
from plogq.kernels.table import using

from .jax_nn import jitted


def _labels(z: Any, y: Any) -> Any:
    return plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z))


def _by_formula(z: Any, y: Any) -> Any:
    with using("formula"):
        return _labels(z, y)


def _linear(hidden: Any, weight: Any, y: Any) -> Any:
    return plogq.cross_entropy(plogq.Labels(y), plogq.LinearLogits(hidden, weight))


FORMULA = {
    "labels_loss": jitted(_by_formula),
    "labels_grad": jitted(jax.value_and_grad(_by_formula)),
}
WORK = {
    "labels_loss": jitted(_labels),
    "labels_grad": jitted(jax.value_and_grad(_labels)),
    "unbiased_grad": jitted(jax.value_and_grad(_linear, argnums=(0, 1))),
}
