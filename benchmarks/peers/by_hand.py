"""NumPy by hand, as a careful user writes it: subtract the maximum, then log-sum-exp."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..case import Run


def labels_loss(z: Any, y: Any) -> Run:
    z, rows = _wide(z), np.arange(len(z))

    def run() -> Any:
        top = z.max(axis=-1, keepdims=True)
        log_z = top[:, 0] + np.log(np.exp(z - top).sum(axis=-1))
        return (log_z - z[rows, y]).mean()

    return run


def labels_grad(z: Any, y: Any) -> Run:
    z, rows = _wide(z), np.arange(len(z))

    def run() -> Any:
        top = z.max(axis=-1, keepdims=True)
        gradient = np.exp(z - top)
        total = gradient.sum(axis=-1, keepdims=True)
        loss = ((top + np.log(total))[:, 0] - z[rows, y]).mean()
        gradient /= total
        gradient[rows, y] -= 1
        gradient /= len(z)
        return loss, gradient

    return run


def probs_grad(z: Any, p: Any) -> Run:
    def run() -> Any:
        top = z.max(axis=-1, keepdims=True)
        gradient = np.exp(z - top)
        total = gradient.sum(axis=-1, keepdims=True)
        loss = ((top + np.log(total))[:, 0] - (p * z).sum(axis=-1)).mean()
        gradient /= total
        gradient -= p
        gradient /= len(z)
        return loss, gradient

    return run


def binary_grad(z: Any, y: Any) -> Run:
    def run() -> Any:
        small = np.exp(-np.abs(z))
        loss = (np.log1p(small) + np.maximum(z, 0) - y * z).mean()
        q = np.where(z >= 0, 1, small) / (1 + small)
        return loss, (q - y) / np.float32(len(z))

    return run


def matrix_products(hidden: Any, weight: Any, bias: Any, y: Any) -> Run:
    """The three matrix products of a linear layer and its backward pass, and nothing else."""

    def run() -> Any:
        scores = hidden @ weight.T
        return None, (scores @ weight, scores.T @ hidden)

    return run


def linear_grad(hidden: Any, weight: Any, bias: Any, y: Any) -> Run:
    def run() -> Any:
        loss, scores = labels_grad(hidden @ weight.T + bias, y)()
        return loss, (scores @ weight, scores.T @ hidden, scores.sum(axis=0))

    return run


def _wide(z: Any) -> Any:
    """Halves as float32: NumPy has no arithmetic in bfloat16, and slow arithmetic in float16."""
    return z.astype(np.float32) if z.itemsize == 2 else z


WORK = {
    "labels_loss": labels_loss,
    "labels_grad": labels_grad,
    "probs_grad": probs_grad,
    "binary_grad": binary_grad,
    "linear_grad": linear_grad,
    "matrix_products": matrix_products,
}
