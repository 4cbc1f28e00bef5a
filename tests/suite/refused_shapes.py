"""N7: no broadcasting; both shapes in the message, on any framework."""

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

from .refused import Case, Q, Y, Z, case

SHAPES: dict[str, Case] = {
    "another number of events": case(
        lambda a: cross_entropy(Labels(a(Y[:2])), Logits(a(Z))),
        ShapeError,
        "Labels(2,) has events (2,)",
        "Logits of shape (4, 3), classes on axis 1, has events (4,)",
        "nothing is broadcast",
    ),
    "a column of labels": case(
        lambda a: cross_entropy(Labels(a(Y[:, None])), Logits(a(Z))),
        ShapeError,
        "events (4, 1)",
        "events (4,)",
        "reshape(",
    ),
    "flat labels of an image": case(
        lambda a: cross_entropy(
            Labels(a(np.zeros(8, int))), Logits(a(np.zeros((2, 3, 4))), axis=1)
        ),
        ShapeError,
        "events (8,)",
        "classes on axis 1",
        "reshape(",
    ),
    "one-hot rows as labels": case(
        lambda a: cross_entropy(Labels(a(np.eye(3, dtype=int))), Logits(a(np.zeros((3, 3))))),
        ShapeError,
        "events (3, 3)",
        "Probs(p) if P holds one-hot",
    ),
    "the classes on another axis": case(
        lambda a: cross_entropy(Labels(a(np.zeros((2, 4), int))), Logits(a(np.zeros((2, 3, 4))))),
        ShapeError,
        "(2, 3, 4), classes on axis 2",
        "if the classes are on axis 1, write axis=1",
    ),
    "a single label": case(
        lambda a: cross_entropy(Labels(a(np.array(1))), Logits(a(Z))),
        ShapeError,
        "Labels() has events ()",
        "events (4,)",
    ),
    "probabilities that would broadcast": case(
        lambda a: cross_entropy(Probs(a(Q[:1])), Logits(a(Z))),
        ShapeError,
        "Probs(1, 3)",
        "(4, 3), classes on axis 1",
        "nothing is broadcast",
    ),
    "another number of classes": case(
        lambda a: cross_entropy(Probs(a(np.full((4, 2), 0.5))), Logits(a(Z))),
        ShapeError,
        "P has 2 classes (Probs(4, 2), classes on axis 1)",
        "Q has 3",
        "shape (4, 3)",
    ),
    "sparse targets of other events": case(
        lambda a: cross_entropy(
            SparseProbs(a(np.array([[0]])), a(np.array([[1.0]]))), Logits(a(Z))
        ),
        ShapeError,
        "events (1,)",
        "events (4,)",
    ),
    "labels of linear logits": case(
        lambda a: cross_entropy(Labels(a(Y[:3])), LinearLogits(a(Z), a(Z))),
        ShapeError,
        "events (3,)",
        "LinearLogits",
        "events (4,)",
    ),
    "binary shapes": case(
        lambda a: cross_entropy(BinaryProbs(a(Y > 0)), BinaryLogits(a(np.zeros((4, 1))))),
        ShapeError,
        "(4,) and (4, 1)",
        "nothing is broadcast",
        "reshape(",
    ),
    "binary probabilities that would broadcast": case(
        lambda a: cross_entropy(BinaryProbs(a(np.array(0.5))), BinaryProbs(a(Q))),
        ShapeError,
        "() and (4, 3)",
    ),
    **{
        f"one class in {name}": case(
            call, ShapeError, f"{name} has one class, whose loss is always 0", "BinaryProbs(y)"
        )
        for name, call in {
            "Logits": lambda a: Logits(a(np.zeros((4, 1)))),
            "LogProbs": lambda a: LogProbs(a(np.zeros((1, 4))), axis=0),
            "Probs": lambda a: cross_entropy(Labels(a(Y * 0)), Probs(a(np.ones((4, 1))))),
            "LinearLogits": lambda a: LinearLogits(a(np.zeros((4, 2))), a(np.zeros((1, 2)))),
        }.items()
    },
    **{
        f"no class in {name}": case(call, ShapeError, f"{name} has no classes", "length 0")
        for name, call in {
            "Logits": lambda a: Logits(a(np.zeros((4, 0)))),
            "LogProbs": lambda a: LogProbs(a(np.zeros((4, 0)))),
            "Probs": lambda a: cross_entropy(Labels(a(Y)), Probs(a(np.zeros((4, 0))))),
            "LinearLogits": lambda a: LinearLogits(a(np.zeros((4, 2))), a(np.zeros((0, 2)))),
        }.items()
    },
    "no such axis": case(
        lambda a: Logits(a(Z), axis=2), ShapeError, "axis 2 of Logits", "(4, 3)", "2 axes"
    ),
    "no such axis from the end": case(
        lambda a: Probs(a(Q), axis=-3), ShapeError, "axis -3 of Probs"
    ),
    "several axes": case(
        lambda a: LogProbs(a(np.log(Q)), axis=(0, 1)),
        ShapeError,
        "axis of LogProbs must be one integer, got (0, 1)",
    ),
    "a number as logits": case(
        lambda a: Logits(a(np.array(3.0))), ShapeError, "single number", "[[2., 5., 1.]]"
    ),
    "a number as probabilities": case(
        lambda a: Probs(a(np.array(1.0))), ShapeError, "single number"
    ),
    "a number as sparse targets": case(
        lambda a: SparseProbs(a(np.array(1)), a(np.array(1.0))),
        ShapeError,
        "[*events, T]",
        "() and ()",
    ),
    "sparse shapes": case(
        lambda a: SparseProbs(a(np.array([[0, 1]])), a(np.array([[1.0]]))),
        ShapeError,
        "index and probs of one shape",
        "(1, 2) and (1, 1)",
    ),
    "a flat weight of linear logits": case(
        lambda a: LinearLogits(a(np.zeros((4, 2))), a(np.zeros(2))),
        ShapeError,
        "hidden [*events, D] and weight [K, D]",
        "(4, 2) and (2,)",
    ),
    "a weight the other way round": case(
        lambda a: LinearLogits(a(np.zeros((4, 2))), a(np.zeros((2, 5)))),
        ShapeError,
        "hidden has 2 features and weight 5",
        "write weight.T",
    ),
    "features that do not multiply": case(
        lambda a: LinearLogits(a(np.zeros((4, 2))), a(np.zeros((5, 3)))),
        ShapeError,
        "(4, 2) and (5, 3)",
    ),
    "a bias of another length": case(
        lambda a: LinearLogits(a(np.zeros((4, 2))), a(np.zeros((5, 2))), a(np.zeros(4))),
        ShapeError,
        "bias must have shape (5,)",
        "got (4,)",
    ),
    "sample weights that would broadcast": case(
        lambda a: cross_entropy(
            Weighted(Labels(a(Y)), sample_weight=a(np.ones((4, 1)))), Logits(a(Z))
        ),
        ShapeError,
        "the shape of the events (4,), got (4, 1)",
        "nothing is broadcast",
    ),
    "class weights of other classes": case(
        lambda a: cross_entropy(Weighted(Labels(a(Y)), class_weight=a(np.ones(2))), Logits(a(Z))),
        ShapeError,
        "class_weight has 2 weights for 3 classes",
    ),
    "class weights per event": case(
        lambda a: Weighted(Labels(a(Y)), class_weight=a(np.ones((4, 3)))),
        ShapeError,
        "shape (K,), got shape (4, 3)",
        "sample_weight",
    ),
    "binary sample weights per row": case(
        lambda a: Weighted(BinaryProbs(a(Q)), sample_weight=a(np.ones(4))),
        ShapeError,
        "shape of the events (4, 3), got (4,)",
        "{broadcast:w[:, None]}",
    ),
    "one binary class weight": case(
        lambda a: Weighted(BinaryProbs(a(Q)), class_weight=2.0),
        ShapeError,
        "the pair (negative, positive), got 2.0",
        "(1.0, w)",
    ),
    "three binary class weights": case(
        lambda a: Weighted(BinaryProbs(a(Q)), class_weight=[1.0, 2.0, 3.0]),
        ShapeError,
        "the pair (negative, positive)",
    ),
    "a binary class weight that does not line up": case(
        lambda a: Weighted(BinaryProbs(a(Q)), class_weight=(1.0, a(np.ones(4)))),
        ShapeError,
        "the positive class weight has shape (4,)",
        "(4, 3)",
    ),
    "entropy of smoothed labels": case(
        lambda a: plogq.entropy(Smoothed(Labels(a(Y)), 0.1)),
        ShapeError,
        "number of classes",
        "kl_divergence(p, q)",
    ),
}
