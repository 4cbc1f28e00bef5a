"""Raw arrays, and pairs that do not describe the same kind of outcomes, on any framework."""

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
    cross_entropy,
    value_and_grad,
)

from .refused import Case, Q, Y, Z, case

PAIRS: dict[str, Case] = {
    "raw integers and floats": case(
        lambda a: cross_entropy(a(Y), a(Z)),
        PairError,
        "P came as {array} of int64, shape (4,)",
        "Labels(y) for class indices",
        "BinaryProbs(y) for yes/no outcomes",
        "Q came as {array} of float64, shape (4, 3)",
        "Logits(z) for scores",
        "Probs(q) for probabilities",
        "LogProbs(x) for log-probabilities",
    ),
    "raw floats as P": case(
        lambda a: cross_entropy(a(Q), Logits(a(Z))),
        PairError,
        "P came as {array} of float64, shape (4, 3)",
        "Probs(p) for rows of probabilities",
    ),
    "raw booleans as P": case(
        lambda a: cross_entropy(a(Y > 0), BinaryLogits(a(Z[:, 0]))),
        PairError,
        "P came as {array} of bool, shape (4,)",
        "BinaryProbs(y)",
    ),
    "raw scores as Q": case(
        lambda a: cross_entropy(Labels(a(Y)), a(Z)),
        PairError,
        "Q came as {array} of float64, shape (4, 3)",
        "Logits(z)",
    ),
    "raw scores as Q of a binary target": case(
        lambda a: cross_entropy(BinaryProbs(a(np.ones(1))), a(np.zeros(1))),
        PairError,
        "Q came as {array} of float64, shape (1,)",
        "BinaryLogits(z)",
    ),
    "integers as Q": case(
        lambda a: cross_entropy(Labels(a(Y)), a(Y)),
        PairError,
        "Q came as {array} of int64",
        "floats",
    ),
    "swapped sides": case(
        lambda a: cross_entropy(Logits(a(Z)), Labels(a(Y))),
        PairError,
        "P came as Logits, which stands on the other side",
        "Q came as Labels, which stands on the other side",
    ),
    "raw arrays to value_and_grad": case(
        lambda a: value_and_grad(a(Y), a(Z)), PairError, "Labels(y)", "Logits(z)"
    ),
    "a raw array to entropy": case(lambda a: plogq.entropy(a(Q)), PairError, "Probs(p)"),
    "a raw array to log_normalizer": case(
        lambda a: plogq.log_normalizer(a(Z)), PairError, "Logits", "got {array}"
    ),
    "a raw array to explain": case(
        lambda a: plogq.explain(Labels(a(Y)), a(Z)), PairError, "Logits(z)"
    ),
    "labels of binary logits": case(
        lambda a: cross_entropy(Labels(a(Y)), BinaryLogits(a(Z[:, 0]))),
        PairError,
        "Labels(4,) is over exclusive classes",
        "BinaryLogits over independent yes/no outcomes",
        "BinaryProbs(y)",
    ),
    "probabilities of binary probabilities": case(
        lambda a: cross_entropy(Probs(a(Q)), BinaryProbs(a(Q))),
        PairError,
        "exclusive classes",
        "BinaryProbs over independent yes/no outcomes",
    ),
    "a binary target of logits": case(
        lambda a: cross_entropy(BinaryProbs(a(Q)), Logits(a(Z))),
        PairError,
        "BinaryProbs is over independent yes/no outcomes",
        "Logits over exclusive classes",
        "BinaryLogits(z)",
    ),
    "a wrapped binary target of linear logits": case(
        lambda a: cross_entropy(Smoothed(BinaryProbs(a(Q)), 0.1), LinearLogits(a(Z), a(Z))),
        PairError,
        "LinearLogits over exclusive classes",
    ),
    "z-loss of probabilities": case(
        lambda a: cross_entropy(Labels(a(Y)), Probs(a(Q)), z_loss=0.1),
        PairError,
        "z_loss penalises log Z, and Probs has none",
        "Logits",
    ),
    "z-loss of log-probabilities": case(
        lambda a: value_and_grad(Labels(a(Y)), LogProbs(a(np.log(Q))), z_loss=0.1),
        PairError,
        "LogProbs has none",
    ),
    "z-loss of binary probabilities": case(
        lambda a: cross_entropy(BinaryProbs(a(Q)), BinaryProbs(a(Q)), z_loss=0.1),
        PairError,
        "BinaryProbs has none",
    ),
    "log Z of probabilities": case(
        lambda a: plogq.log_normalizer(Probs(a(Q))),
        PairError,
        "Probs is taken as it is, so it has no log-normaliser",
        "Logits, LinearLogits, ShardedLogits or BinaryLogits",
    ),
    "smoothing of an array": case(
        lambda a: Smoothed(a(Y), 0.1),
        PairError,
        "Smoothed takes a target (Labels, Probs",
        "got {array}",
    ),
}
