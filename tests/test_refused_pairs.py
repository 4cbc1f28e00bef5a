"""Raw arrays, and pairs that do not describe the same kind of outcomes."""

from __future__ import annotations

import numpy as np

import plogq
from plogq import (
    BinaryLogits,
    BinaryProbs,
    Labels,
    LinearLogits,
    Logits,
    LogProbs,
    PairError,
    Probs,
    Smoothed,
    Weighted,
    cross_entropy,
    value_and_grad,
)

from .refusals import Refusal, check, refused

Z = np.zeros((4, 3))
Y = np.array([0, 1, 2, 0])
Q = np.full((4, 3), 1 / 3)


@refused(
    Refusal(
        "raw integers and floats",
        lambda: cross_entropy(Y, Z),
        PairError,
        "P came as ndarray of int64, shape (4,)",
        "Labels(y) for class indices",
        "BinaryProbs(y) for yes/no outcomes",
        "Q came as ndarray of float64, shape (4, 3)",
        "Logits(z) for scores",
        "Probs(q) for probabilities",
        "LogProbs(x) for log-probabilities",
    ),
    Refusal(
        "raw floats as P",
        lambda: cross_entropy(Q, Logits(Z)),
        PairError,
        "P came as ndarray of float64, shape (4, 3)",
        "Probs(p) for rows of probabilities",
    ),
    Refusal(
        "raw booleans as P",
        lambda: cross_entropy(Y > 0, BinaryLogits(Z[:, 0])),
        PairError,
        "P came as ndarray of bool, shape (4,)",
        "BinaryProbs(y)",
    ),
    Refusal(
        "a list as P",
        lambda: cross_entropy([0, 1, 2, 0], Logits(Z)),
        PairError,
        "came as list of int64, shape (4,)",
        "Labels(y)",
    ),
    Refusal(
        "raw scores as Q",
        lambda: cross_entropy(Labels(Y), Z),
        PairError,
        "Q came as ndarray of float64, shape (4, 3)",
        "Logits(z)",
    ),
    Refusal(
        "raw scores as Q of a binary target",
        lambda: cross_entropy(BinaryProbs([1.0]), np.zeros(1)),
        PairError,
        "Q came as ndarray of float64, shape (1,)",
        "BinaryLogits(z)",
    ),
    Refusal(
        "integers as Q",
        lambda: cross_entropy(Labels(Y), Y),
        PairError,
        "Q came as ndarray of int64",
        "floats",
    ),
    Refusal(
        "None",
        lambda: cross_entropy(None, Logits(Z)),  # type: ignore[arg-type]
        PairError,
        "P came as NoneType",
    ),
    Refusal(
        "swapped sides",
        lambda: cross_entropy(Logits(Z), Labels(Y)),  # type: ignore[arg-type]
        PairError,
        "P came as Logits, which stands on the other side",
        "Q came as Labels, which stands on the other side",
    ),
    Refusal(
        "raw arrays to value_and_grad",
        lambda: value_and_grad(Y, Z),
        PairError,
        "Labels(y)",
        "Logits(z)",
    ),
    Refusal(
        "a raw array to entropy",
        lambda: plogq.entropy(Q),  # type: ignore[arg-type]
        PairError,
        "Probs(p)",
    ),
    Refusal(
        "a raw array to log_normalizer",
        lambda: plogq.log_normalizer(Z),  # type: ignore[arg-type]
        PairError,
        "Logits",
        "got ndarray",
    ),
    Refusal("a raw array to explain", lambda: plogq.explain(Labels(Y), Z), PairError, "Logits(z)"),
)
def test_raw_arrays_are_told_which_types_would_fit(refusal: Refusal) -> None:
    check(refusal)


@refused(
    Refusal(
        "labels of binary logits",
        lambda: cross_entropy(Labels(Y), BinaryLogits(Z[:, 0])),
        PairError,
        "Labels(4,) is over exclusive classes",
        "BinaryLogits over independent yes/no outcomes",
        "BinaryProbs(y)",
    ),
    Refusal(
        "probabilities of binary probabilities",
        lambda: cross_entropy(Probs(Q), BinaryProbs(Q)),
        PairError,
        "exclusive classes",
        "BinaryProbs over independent yes/no outcomes",
    ),
    Refusal(
        "a binary target of logits",
        lambda: cross_entropy(BinaryProbs(Q), Logits(Z)),
        PairError,
        "BinaryProbs is over independent yes/no outcomes",
        "Logits over exclusive classes",
        "BinaryLogits(z)",
    ),
    Refusal(
        "a wrapped binary target of linear logits",
        lambda: cross_entropy(Smoothed(BinaryProbs(Q), 0.1), LinearLogits(Z, Z)),
        PairError,
        "LinearLogits over exclusive classes",
    ),
    Refusal(
        "z-loss of probabilities",
        lambda: cross_entropy(Labels(Y), Probs(Q), z_loss=0.1),
        PairError,
        "z_loss penalises log Z, and Probs has none",
        "Logits",
    ),
    Refusal(
        "z-loss of log-probabilities",
        lambda: value_and_grad(Labels(Y), LogProbs(np.log(Q)), z_loss=0.1),
        PairError,
        "LogProbs has none",
    ),
    Refusal(
        "z-loss of binary probabilities",
        lambda: cross_entropy(BinaryProbs(Q), BinaryProbs(Q), z_loss=0.1),
        PairError,
        "BinaryProbs has none",
    ),
    Refusal(
        "log Z of probabilities",
        lambda: plogq.log_normalizer(Probs(Q)),
        PairError,
        "Probs is taken as it is, so it has no log-normaliser",
        "Logits, LinearLogits, ShardedLogits or BinaryLogits",
    ),
    Refusal(
        "smoothing of an array",
        lambda: Smoothed(Y, 0.1),
        PairError,
        "Smoothed takes a target (Labels, Probs",
        "got ndarray",
    ),
    Refusal(
        "weights of a prediction",
        lambda: Weighted(Logits(Z), sample_weight=[1.0] * 4),
        PairError,
        "Weighted takes a target",
        "got Logits",
    ),
)
def test_pairs_that_do_not_describe_the_same_outcomes(refusal: Refusal) -> None:
    check(refusal)
