"""N7: no broadcasting; both shapes in the message, and the axis that the classes are on."""

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
    Probs,
    ShapeError,
    Smoothed,
    SparseProbs,
    Weighted,
    cross_entropy,
)

from .refusals import Refusal, check, refused

Z = np.zeros((4, 3))
Y = np.array([0, 1, 2, 0])
Q = np.full((4, 3), 1 / 3)


@refused(
    Refusal(
        "another number of events",
        lambda: cross_entropy(Labels(Y[:2]), Logits(Z)),
        ShapeError,
        "Labels(2,) has events (2,)",
        "Logits of shape (4, 3), classes on axis 1, has events (4,)",
        "nothing is broadcast",
    ),
    Refusal(
        "a column of labels",
        lambda: cross_entropy(Labels(Y[:, None]), Logits(Z)),
        ShapeError,
        "events (4, 1)",
        "events (4,)",
        "write y.reshape(-1)",
    ),
    Refusal(
        "flat labels of an image",
        lambda: cross_entropy(Labels(np.zeros(8, int)), Logits(np.zeros((2, 3, 4)), axis=1)),
        ShapeError,
        "events (8,)",
        "classes on axis 1",
        "write y.reshape((2, 4))",
    ),
    Refusal(
        "one-hot rows as labels",
        lambda: cross_entropy(Labels(np.eye(3, dtype=int)), Logits(np.zeros((3, 3)))),
        ShapeError,
        "events (3, 3)",
        "Probs(p) if P holds one-hot",
    ),
    Refusal(
        "the classes on another axis",
        lambda: cross_entropy(Labels(np.zeros((2, 4), int)), Logits(np.zeros((2, 3, 4)))),
        ShapeError,
        "(2, 3, 4), classes on axis 2",
        "if the classes are on axis 1, write axis=1",
    ),
    Refusal(
        "a single label",
        lambda: cross_entropy(Labels(1), Logits(Z)),
        ShapeError,
        "Labels() has events ()",
        "events (4,)",
    ),
    Refusal(
        "probabilities that would broadcast",
        lambda: cross_entropy(Probs(Q[:1]), Logits(Z)),
        ShapeError,
        "Probs(1, 3)",
        "(4, 3), classes on axis 1",
        "nothing is broadcast",
    ),
    Refusal(
        "another number of classes",
        lambda: cross_entropy(Probs(np.full((4, 2), 0.5)), Logits(Z)),
        ShapeError,
        "P has 2 classes (Probs(4, 2), classes on axis 1)",
        "Q has 3",
        "shape (4, 3)",
    ),
    Refusal(
        "sparse targets of other events",
        lambda: cross_entropy(SparseProbs([[0]], [[1.0]]), Logits(Z)),
        ShapeError,
        "events (1,)",
        "events (4,)",
    ),
    Refusal(
        "labels of linear logits",
        lambda: cross_entropy(Labels(Y[:3]), LinearLogits(np.zeros((4, 2)), np.zeros((3, 2)))),
        ShapeError,
        "events (3,)",
        "LinearLogits",
        "events (4,)",
    ),
    Refusal(
        "binary shapes",
        lambda: cross_entropy(BinaryProbs(Y > 0), BinaryLogits(np.zeros((4, 1)))),
        ShapeError,
        "(4,) and (4, 1)",
        "nothing is broadcast",
        "y.reshape(z.shape)",
    ),
    Refusal(
        "binary probabilities that would broadcast",
        lambda: cross_entropy(BinaryProbs(0.5), BinaryProbs(Q)),
        ShapeError,
        "() and (4, 3)",
    ),
)
def test_shapes_match_exactly_and_the_message_shows_both(refusal: Refusal) -> None:
    check(refusal)


@refused(
    *(
        Refusal(
            f"one class in {name}",
            call,
            ShapeError,
            f"{name} has one class, whose loss is always 0",
            "BinaryProbs(y)",
        )
        for name, call in {
            "Logits": lambda: Logits(np.zeros((4, 1))),
            "LogProbs": lambda: LogProbs(np.zeros((1, 4)), axis=0),
            "Probs": lambda: cross_entropy(Labels(Y * 0), Probs(np.ones((4, 1)))),
            "LinearLogits": lambda: LinearLogits(np.zeros((4, 2)), np.zeros((1, 2))),
        }.items()
    ),
    *(
        Refusal(f"no class in {name}", call, ShapeError, f"{name} has no classes", "length 0")
        for name, call in {
            "Logits": lambda: Logits(np.zeros((4, 0))),
            "LogProbs": lambda: LogProbs(np.zeros((4, 0))),
            "Probs": lambda: cross_entropy(Labels(Y), Probs(np.zeros((4, 0)))),
            "LinearLogits": lambda: LinearLogits(np.zeros((4, 2)), np.zeros((0, 2))),
        }.items()
    ),
    Refusal(
        "no such axis",
        lambda: Logits(Z, axis=2),
        ShapeError,
        "axis 2 of Logits",
        "(4, 3)",
        "2 axes",
    ),
    Refusal("no such axis from the end", lambda: Probs(Q, axis=-3), ShapeError, "axis -3 of Probs"),
    Refusal(
        "several axes",
        lambda: LogProbs(np.log(Q), axis=(0, 1)),  # type: ignore[arg-type]
        ShapeError,
        "axis of LogProbs must be one integer, got (0, 1)",
    ),
    Refusal(
        "a number as logits", lambda: Logits(3.0), ShapeError, "single number", "[[2., 5., 1.]]"
    ),
    Refusal("a number as probabilities", lambda: Probs(1.0), ShapeError, "single number"),
    Refusal(
        "a number as sparse targets",
        lambda: SparseProbs(1, 1.0),
        ShapeError,
        "[*events, T]",
        "() and ()",
    ),
    Refusal(
        "sparse shapes",
        lambda: SparseProbs([[0, 1]], [[1.0]]),
        ShapeError,
        "index and probs of one shape",
        "(1, 2) and (1, 1)",
    ),
    Refusal(
        "a flat weight of linear logits",
        lambda: LinearLogits(np.zeros((4, 2)), np.zeros(2)),
        ShapeError,
        "hidden [*events, D] and weight [K, D]",
        "(4, 2) and (2,)",
    ),
    Refusal(
        "a weight the other way round",
        lambda: LinearLogits(np.zeros((4, 2)), np.zeros((2, 5))),
        ShapeError,
        "hidden has 2 features and weight 5",
        "write weight.T",
    ),
    Refusal(
        "features that do not multiply",
        lambda: LinearLogits(np.zeros((4, 2)), np.zeros((5, 3))),
        ShapeError,
        "(4, 2) and (5, 3)",
    ),
    Refusal(
        "a bias of another length",
        lambda: LinearLogits(np.zeros((4, 2)), np.zeros((5, 2)), np.zeros(4)),
        ShapeError,
        "bias must have shape (5,)",
        "got (4,)",
    ),
    Refusal(
        "sample weights that would broadcast",
        lambda: cross_entropy(Weighted(Labels(Y), sample_weight=2.0), Logits(Z)),
        ShapeError,
        "the shape of the events (4,), got ()",
        "nothing is broadcast",
    ),
    Refusal(
        "class weights of other classes",
        lambda: cross_entropy(Weighted(Labels(Y), class_weight=[1.0, 2.0]), Logits(Z)),
        ShapeError,
        "class_weight has 2 weights for 3 classes",
    ),
    Refusal(
        "class weights per event",
        lambda: Weighted(Labels(Y), class_weight=np.ones((4, 3))),
        ShapeError,
        "shape (K,), got shape (4, 3)",
        "sample_weight",
    ),
    Refusal(
        "binary sample weights per row",
        lambda: Weighted(BinaryProbs(Q), sample_weight=np.ones(4)),
        ShapeError,
        "shape of the events (4, 3), got (4,)",
        "np.broadcast_to",
    ),
    Refusal(
        "one binary class weight",
        lambda: Weighted(BinaryProbs(Q), class_weight=2.0),
        ShapeError,
        "the pair (negative, positive), got 2.0",
        "(1.0, w)",
    ),
    Refusal(
        "three binary class weights",
        lambda: Weighted(BinaryProbs(Q), class_weight=[1.0, 2.0, 3.0]),
        ShapeError,
        "the pair (negative, positive)",
    ),
    Refusal(
        "a binary class weight that does not line up",
        lambda: Weighted(BinaryProbs(Q), class_weight=(1.0, np.ones(4))),
        ShapeError,
        "the positive class weight has shape (4,)",
        "(4, 3)",
    ),
    Refusal(
        "entropy of smoothed labels",
        lambda: plogq.entropy(Smoothed(Labels(Y), 0.1)),
        ShapeError,
        "number of classes",
        "kl_divergence(p, q)",
    ),
)
def test_shapes_of_one_representation(refusal: Refusal) -> None:
    check(refusal)
