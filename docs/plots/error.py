"""Draws error.svg: relative error in float32 against the gap, for two ways to write one loss.

Two classes with scores (gap, 0), the true class first, so that the exact loss is log1p(exp(-gap)).
Run `python docs/plots/error.py` to draw it again.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt

import plogq

matplotlib.use("svg")
matplotlib.rcParams.update(
    {"svg.fonttype": "none", "svg.hashsalt": "plogq", "font.family": "sans-serif"}
)

import matplotlib.pyplot as plt  # noqa: E402

Array = npt.NDArray[np.float32]

PER_UNIT = 200  # gaps drawn in every interval of length one
LONGEST = 87  # from there on the loss is subnormal in float32


def log_softmax_loss(z: Array) -> Array:
    """As it is usually written: subtract the maximum, exponentiate, sum, take the logarithm."""
    shifted = z - z.max(axis=1, keepdims=True)
    log_q = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_q[:, 0]


def plogq_loss(z: Array) -> Array:
    labels = plogq.Labels(np.zeros(len(z), int))
    losses: Array = plogq.cross_entropy(labels, plogq.Logits(z), reduction="none")
    return losses


def worst(loss: Array, exact: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The greatest relative error in every interval of length one."""
    return (np.abs(loss - exact) / exact).reshape(-1, PER_UNIT).max(axis=1)


def draw(target: Path) -> None:
    rng = np.random.default_rng(0)
    starts = np.arange(LONGEST)
    gaps = (starts[:, None] + rng.random((LONGEST, PER_UNIT))).astype(np.float32).reshape(-1)
    z = np.stack([gaps, np.zeros_like(gaps)], axis=1)
    exact = np.log1p(np.exp(-gaps.astype(np.float64)))
    bound = (8 + np.abs(np.log(exact))).reshape(-1, PER_UNIT).max(axis=1) * 2.0**-24

    figure, axes = plt.subplots(figsize=(7.2, 3.6), layout="constrained")
    middle = starts + 0.5
    axes.semilogy(middle, worst(log_softmax_loss(z), exact), color="#b3446c", lw=2)
    axes.semilogy(middle, worst(plogq_loss(z), exact), color="#0067a5", lw=2)
    axes.semilogy(middle, bound, color="#777777", lw=1, ls="--")
    axes.text(28, 0.25, "log-softmax, then minus: the loss is 0", color="#b3446c", va="top")
    axes.text(60, 1.1e-7, "plogq", color="#0067a5", va="bottom")
    axes.text(45, 8e-6, "what plogq promises", color="#777777", va="bottom")
    axes.set(
        xlim=(0, LONGEST),
        ylim=(1e-8, 3),
        xlabel="gap between the score of the true class and the next one",
        ylabel="worst relative error, float32",
    )
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    draw(Path(__file__).with_name("error.svg"))
