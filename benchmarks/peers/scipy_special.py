"""SciPy: scipy.special's logsumexp, softmax, log_expit and expit."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from ..case import Run


def labels_loss(z: Any, y: Any) -> Run:
    rows = np.arange(len(z))
    return lambda: (special.logsumexp(z, axis=-1) - z[rows, y]).mean()


def labels_grad(z: Any, y: Any) -> Run:
    rows = np.arange(len(z))

    def run() -> Any:
        log_z = special.logsumexp(z, axis=-1)
        gradient = np.exp(z - log_z[:, None])
        gradient[rows, y] -= 1
        gradient /= len(z)
        return (log_z - z[rows, y]).mean(), gradient

    return run


def probs_grad(z: Any, p: Any) -> Run:
    def run() -> Any:
        log_z = special.logsumexp(z, axis=-1)
        gradient = np.exp(z - log_z[:, None])
        gradient -= p
        gradient /= len(z)
        return (log_z - (p * z).sum(axis=-1)).mean(), gradient

    return run


def binary_grad(z: Any, y: Any) -> Run:
    def run() -> Any:
        loss = -(y * special.log_expit(z) + (1 - y) * special.log_expit(-z)).mean()
        return loss, (special.expit(z) - y) / np.float32(len(z))

    return run


WORK = {
    "labels_loss": labels_loss,
    "labels_grad": labels_grad,
    "probs_grad": probs_grad,
    "binary_grad": binary_grad,
}
