"""A model of Flax's NNX that learns digits, with optax's loss and with plogq's.

The last batch is filled up, so that one program serves all of them; what fills it has the label -1
and counts nothing. `LinearLogits` takes the hidden states and the last layer's kernel, and stores
no scores. And gradients that optax accumulates over unequal batches are those of all at once.

    python examples/flax_nnx.py
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from sklearn.datasets import load_digits

import plogq

FEATURES, CLASSES, BATCH, EVENTS = 32, 10, 128, 600
FILLED = -1


class Model(nnx.Module):
    def __init__(self) -> None:
        rngs = nnx.Rngs(0)
        self.body = nnx.Linear(64, FEATURES, rngs=rngs)
        self.head = nnx.Linear(FEATURES, CLASSES, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """The hidden states. The last layer is left to the loss."""
        return nnx.relu(self.body(images))


Loss = Callable[[Model, jax.Array, jax.Array], jax.Array]


def with_optax(model: Model, images: jax.Array, labels: jax.Array) -> jax.Array:
    there = labels != FILLED
    scores = model.head(model(images))
    each = optax.softmax_cross_entropy_with_integer_labels(scores, jnp.where(there, labels, 0))
    return jnp.where(there, each, 0).sum() / there.sum()


def with_plogq(model: Model, images: jax.Array, labels: jax.Array) -> jax.Array:
    p = plogq.Labels(labels, ignore=FILLED)
    return plogq.cross_entropy(p, plogq.Logits(model.head(model(images))))


def without_scores(
    model: Model, images: jax.Array, labels: jax.Array, count: float | None = None
) -> jax.Array:
    p = plogq.Labels(labels, ignore=FILLED)
    head = model.head
    q = plogq.LinearLogits(model(images), head.kernel[...].T, head.bias[...])
    return plogq.cross_entropy(p, q, normalizer=count)


def batches(size: int = BATCH) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Digits, `size` at a time; the last batch is filled up."""
    digits = load_digits()
    images, labels = digits.data[:EVENTS] / 16, digits.target[:EVENTS]
    for start in range(0, EVENTS, size):
        x, y = images[start : start + size], labels[start : start + size]
        short = size - len(y)
        yield np.pad(x, ((0, short), (0, 0))), np.pad(y, (0, short), constant_values=FILLED)


def train(loss_of: Loss) -> list[float]:
    """The losses of an epoch, from the same start."""
    model = Model()
    optimizer = nnx.Optimizer(model, optax.adam(1e-2), wrt=nnx.Param)

    @nnx.jit
    def step(model: Model, optimizer: nnx.Optimizer, x: jax.Array, y: jax.Array) -> jax.Array:
        loss, slopes = nnx.value_and_grad(loss_of)(model, x, y)
        optimizer.update(model, slopes)
        return loss

    return [float(step(model, optimizer, x, y)) for x, y in batches()]


def accumulated(parts: int) -> jax.Array:
    """The last layer after one step over all digits, its gradients added up in this many parts."""
    size = -(-EVENTS // parts) + 20  # the last part is the shorter for it
    model = Model()
    # MultiSteps takes the mean of the parts' gradients, hence the count over their number.
    steps = optax.MultiSteps(optax.sgd(0.5), every_k_schedule=parts)
    optimizer = nnx.Optimizer(model, steps.gradient_transformation(), wrt=nnx.Param)

    @nnx.jit
    def add(model: Model, optimizer: nnx.Optimizer, x: jax.Array, y: jax.Array) -> None:
        slopes = nnx.grad(without_scores)(model, x, y, EVENTS / parts)
        optimizer.update(model, slopes)

    for x, y in batches(size):
        add(model, optimizer, x, y)
    return model.head.kernel[...]


if __name__ == "__main__":
    for name, loss_of in {
        "optax": with_optax,
        "plogq, Logits": with_plogq,
        "plogq, LinearLogits": without_scores,
    }.items():
        print(f"{name:32}", " ".join(f"{x:.6f}" for x in train(loss_of)))
    start, whole, parts = Model().head.kernel[...], accumulated(1), accumulated(4)
    off = jnp.linalg.norm(parts - whole) / jnp.linalg.norm(whole - start)
    print(f"a step in 4 parts is off by {off:.1e}")
