"""Labels outside their range and values that are no probabilities, on any framework."""

from __future__ import annotations

import numpy as np

from plogq import (
    BinaryLogits,
    BinaryProbs,
    LabelError,
    Labels,
    LinearLogits,
    Logits,
    ProbabilityError,
    Probs,
    SparseProbs,
    Weighted,
    cross_entropy,
)

from .refused import Case, Y, Z, case

LABELS: dict[str, Case] = {
    "a label beyond the last class": case(
        lambda a: cross_entropy(Labels(a(np.array([0, 3, 7, 1]))), Logits(a(Z))),
        LabelError,
        "label 3 at event 1 is outside the 3 classes 0…2",
    ),
    "a negative label": case(
        lambda a: cross_entropy(Labels(a(np.array([0, 1, -100, -1]))), Logits(a(Z))),
        LabelError,
        "label -100 at event 2",
        "Labels(y, ignore=-100)",
    ),
    "a negative label beside ignored ones": case(
        lambda a: cross_entropy(Labels(a(np.array([-100, 1, -1, 2])), ignore=-100), Logits(a(Z))),
        LabelError,
        "label -1 at event 2",
    ),
    "a label of an image": case(
        lambda a: cross_entropy(
            Labels(a(np.array([[0, 1], [9, 2]]))), Logits(a(np.zeros((2, 2, 3))))
        ),
        LabelError,
        "label 9 at event (1, 0)",
    ),
    "a sparse index": case(
        lambda a: cross_entropy(
            SparseProbs(a(np.array([[0, 3]])), a(np.array([[0.5, 0.5]]))), Logits(a(Z[:1]))
        ),
        LabelError,
        "label 3 at event (0, 1)",
    ),
    "the greatest uint64": case(
        lambda a: cross_entropy(Labels(a(np.array([2**64 - 1], np.uint64))), Logits(a(Z[:1]))),
        LabelError,
        f"label {2**64 - 1} at event 0",
    ),
    "labels of linear logits": case(
        lambda a: cross_entropy(Labels(a(np.array([0, 1, 3, 1]))), LinearLogits(a(Z), a(Z[:3]))),
        LabelError,
        "label 3 at event 2",
    ),
}

VALUES: dict[str, Case] = {
    "a row that sums to more": case(
        lambda a: cross_entropy(Probs(a(np.array([[0.5, 0.6]]))), Logits(a(Z[:1, :2]))),
        ProbabilityError,
        "event 0 of Probs (as P) sums to 1.1",
    ),
    "a yes above 1": case(
        lambda a: cross_entropy(BinaryProbs(a(np.array([0.5, 1.5]))), BinaryLogits(a(Z[0, :2]))),
        ProbabilityError,
        "has the entry 1.5 outside [0, 1], first at (1,)",
    ),
    "scores as yes and no": case(
        lambda a: cross_entropy(BinaryProbs(a(Z + 3)), BinaryLogits(a(Z))),
        ProbabilityError,
        "outside [0, 1]",
        "swap the two if this is the prediction",
    ),
    "a negative weight": case(
        lambda a: Weighted(Labels(a(Y)), sample_weight=a(np.array([1.0, -2.0, 1.0, 1.0]))),
        ProbabilityError,
        "sample_weight must be ≥ 0, got -2 at position 1",
    ),
    # The sentence about a value comes of 16 bits too, some of which NumPy does not have.
    **{
        f"a row of {dtype}": case(
            lambda a, dtype=dtype: cross_entropy(
                Probs(a(np.array([[0.5, 1.0]]).astype(dtype))), Logits(a(Z[:1, :2]))
            ),
            ProbabilityError,
            "event 0 of Probs (as P) sums to 1.5",
        )
        for dtype in ("float16", "bfloat16", "float32")
    },
    **{
        f"yes and weights of {dtype}": case(
            lambda a, dtype=dtype: cross_entropy(
                Weighted(
                    BinaryProbs(a(np.array([1.5, 7.0]).astype(dtype))),
                    sample_weight=a(np.array([1.0, 0.0]).astype(dtype)),
                ),
                BinaryLogits(a(Z[0, :2])),
            ),
            ProbabilityError,
            "the entry 1.5 outside [0, 1]",
        )
        for dtype in ("float16", "bfloat16", "float32")
    },
}
