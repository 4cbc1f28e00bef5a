"""Each refusal is a sentence: what came, what was expected, what to write instead."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import plogq
from plogq import (
    BinaryLogits,
    BinaryProbs,
    DtypeError,
    LabelError,
    Labels,
    LinearLogits,
    Logits,
    LogProbs,
    PairError,
    PlogqError,
    ProbabilityError,
    Probs,
    ShapeError,
    Smoothed,
    SparseProbs,
    Weighted,
    cross_entropy,
    value_and_grad,
)

Z = np.zeros((4, 3))
Y = np.array([0, 1, 2, 0])
Q = np.full((4, 3), 1 / 3)


class Sparse:
    """Stands in for a SciPy sparse matrix: it has `toarray` and is no array."""

    def toarray(self) -> Any:
        return Z


class Refusal:
    """A call that must fail, with which error, and what its sentence must say."""

    def __init__(self, name: str, call: Callable[[], Any], error: type, *says: str) -> None:
        self.name, self.call, self.error, self.says = name, call, error, says


def refused(*refusals: Refusal) -> Any:
    return pytest.mark.parametrize("refusal", refusals, ids=[r.name for r in refusals])


def check(refusal: Refusal) -> None:
    with pytest.raises(refusal.error) as caught:
        refusal.call()
    assert isinstance(caught.value, (PlogqError, ValueError, TypeError))
    message = str(caught.value)
    for part in refusal.says:
        assert part in message, f"{message!r} does not say {part!r}"
    assert "\n" not in message
    assert not re.search(r"  |\.$|!$", message), f"not one plain sentence: {message!r}"


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
        "Logits, LinearLogits or BinaryLogits",
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


@refused(
    Refusal(
        "floats as labels",
        lambda: Labels(Y.astype(float)),
        DtypeError,
        "Labels must be integers, got float64",
        "Labels(y.astype(int))",
        "Probs(p)",
    ),
    Refusal(
        "half floats as labels",
        lambda: Labels(Y.astype(ml_dtypes.bfloat16)),
        DtypeError,
        "got bfloat16",
    ),
    Refusal(
        "booleans as labels",
        lambda: Labels(Y > 0),
        DtypeError,
        "got bool",
        "for yes/no outcomes write BinaryProbs(y)",
    ),
    Refusal(
        "strings as labels",
        lambda: Labels(["cat", "dog"]),
        DtypeError,
        "must be integers, got str",
        "give every class its index",
    ),
    Refusal("objects as labels", lambda: Labels(Y.astype(object)), DtypeError, "got object"),
    Refusal("dates as labels", lambda: Labels(Y.astype("M8[D]")), DtypeError, "got datetime64[D]"),
    Refusal("complex labels", lambda: Labels(Y.astype(complex)), DtypeError, "got complex128"),
    Refusal("structured labels", lambda: Labels(np.zeros(3, [("y", int)])), DtypeError, "got void"),
    Refusal(
        "a float as the mark of ignored labels",
        lambda: Labels(Y, ignore=-1.0),  # type: ignore[arg-type]
        DtypeError,
        "ignore must be one integer or None, got -1.0",
    ),
    *(
        Refusal(
            f"{name} as {kind}",
            lambda make=make, value=value: make(value),
            DtypeError,
            "must be floating point (float64, float32, float16, bfloat16)",
            f"got {dtype}",
            instead,
        )
        for kind, make, instead in (
            ("logits", Logits, "Logits(scores.astype(float))"),
            ("probabilities", Probs, "Labels(y) for class indices"),
            ("log-probabilities", LogProbs, "LogProbs(x.astype(float))"),
            ("binary logits", BinaryLogits, "BinaryProbs(y) for yes/no targets"),
        )
        for name, value, dtype in (
            ("integers", np.zeros((2, 2), int), "int64"),
            ("booleans", np.zeros((2, 2), bool), "bool"),
            ("complex numbers", np.zeros((2, 2), complex), "complex128"),
            ("strings", [["a", "b"]], "str"),
            ("objects", np.zeros((2, 2), object), "object"),
            ("records", np.zeros((2, 2), [("a", "f4")]), "void"),
            ("dates", np.zeros((2, 2), "M8[s]"), "datetime64[s]"),
            ("durations", np.zeros((2, 2), "m8[s]"), "timedelta64[s]"),
            ("8-bit floats", np.zeros((2, 2), ml_dtypes.float8_e4m3fn), "float8_e4m3fn"),
        )
    ),
    Refusal(
        "strings as binary probabilities",
        lambda: BinaryProbs(["yes", "no"]),
        DtypeError,
        "probabilities in [0, 1], booleans or integers 0 and 1, got str",
    ),
    Refusal(
        "complex binary probabilities", lambda: BinaryProbs([1j]), DtypeError, "got complex128"
    ),
    Refusal(
        "integers as a binary prediction",
        lambda: cross_entropy(BinaryProbs([1]), BinaryProbs([1])),
        DtypeError,
        "BinaryProbs (as Q)",
        "BinaryProbs(q.astype(float))",
    ),
    Refusal(
        "floats as sparse indices",
        lambda: SparseProbs([[0.0]], [[1.0]]),
        DtypeError,
        "SparseProbs index must be integers, got float64",
        "the first argument is the classes",
    ),
    Refusal(
        "integers as sparse probabilities",
        lambda: SparseProbs([[0]], [[1]]),
        DtypeError,
        "SparseProbs probs must be floating point",
        "probs.astype(float)",
    ),
    Refusal(
        "linear logits of two dtypes",
        lambda: LinearLogits(np.zeros((4, 2), "f4"), np.zeros((3, 2))),
        DtypeError,
        "one dtype, got float32 and float64",
    ),
    Refusal(
        "integers as hidden",
        lambda: LinearLogits(np.zeros((4, 2), int), np.zeros((3, 2), int)),
        DtypeError,
        "LinearLogits hidden must be floating point",
        "hidden.astype(np.float32)",
    ),
    Refusal(
        "strings as weights",
        lambda: Weighted(Labels(Y), sample_weight=["a"] * 4),
        DtypeError,
        "sample_weight must be numbers, got str",
    ),
    Refusal(
        "complex class weights",
        lambda: Weighted(Labels(Y), class_weight=[1j, 1j, 1j]),
        DtypeError,
        "class_weight must be numbers, got complex128",
    ),
    *(
        Refusal(
            f"{name} as {role}",
            lambda make=make, value=value: make(value),
            DtypeError,
            role,
            *says,
        )
        for role, make in (
            ("Labels", Labels),
            ("Probs", Probs),
            ("Logits", Logits),
            ("LogProbs", LogProbs),
            ("BinaryLogits", BinaryLogits),
            ("BinaryProbs", BinaryProbs),
        )
        for name, value, says in (
            (
                "a masked array",
                np.ma.masked_equal(Y, 0),
                ("masked", "ignore=", "sample_weight=~mask"),
            ),
            ("a sparse matrix", Sparse(), ("sparse matrix", "x.toarray()", "SparseProbs")),
            ("ragged rows", [[1.0, 2.0], [3.0]], ("not a rectangular array",)),
            ("None", None, ("must be an array, got NoneType", "np.asarray(x)")),
            ("a dictionary", {"a": 1}, ("got dict",)),
            ("a generator", iter([1, 2]), ("must be an array",)),
        )
    ),
)
def test_types_that_are_no_numbers_of_the_right_kind(refusal: Refusal) -> None:
    check(refusal)


@refused(
    Refusal(
        "a label beyond the last class",
        lambda: cross_entropy(Labels([0, 3, 7, 1]), Logits(Z)),
        LabelError,
        "label 3 at event 1 is outside the 3 classes 0…2",
        "the last class is 2",
    ),
    Refusal(
        "a negative label",
        lambda: cross_entropy(Labels([0, 1, -100, -1]), Logits(Z)),
        LabelError,
        "label -100 at event 2",
        "Labels(y, ignore=-100)",
    ),
    Refusal(
        "a negative label beside ignored ones",
        lambda: cross_entropy(Labels([-100, 1, -1, 2], ignore=-100), Logits(Z)),
        LabelError,
        "label -1 at event 2",
    ),
    Refusal(
        "a label of an image",
        lambda: cross_entropy(Labels([[0, 1], [9, 2]]), Logits(np.zeros((2, 2, 3)))),
        LabelError,
        "label 9 at event (1, 0)",
    ),
    Refusal(
        "the greatest uint64",
        lambda: cross_entropy(Labels(np.array([2**64 - 1], np.uint64)), Logits(Z[:1])),
        LabelError,
        f"label {2**64 - 1} at event 0",
    ),
    Refusal(
        "the least int64",
        lambda: cross_entropy(Labels(np.array([-(2**63)])), Logits(Z[:1])),
        LabelError,
        f"label {-(2**63)} at event 0",
    ),
    Refusal(
        "a byte-swapped label",
        lambda: cross_entropy(Labels(np.array([1, 5], ">i4")), Logits(Z[:2])),
        LabelError,
        "label 5 at event 1",
    ),
    Refusal(
        "a sparse index",
        lambda: cross_entropy(SparseProbs([[0, 3]], [[0.5, 0.5]]), Logits(Z[:1])),
        LabelError,
        "label 3 at event (0, 1)",
    ),
    Refusal(
        "a wrapped label",
        lambda: value_and_grad(Smoothed(Labels([0, -1, 0, 0]), 0.1), LogProbs(np.log(Q))),
        LabelError,
        "label -1 at event 1",
    ),
    Refusal(
        "a label of linear logits",
        lambda: value_and_grad(Labels([3]), LinearLogits(np.zeros((1, 2)), np.zeros((3, 2)))),
        LabelError,
        "label 3 at event 0",
    ),
)
@pytest.mark.parametrize("level", ["off", "on", "full"])
def test_labels_out_of_range_name_the_first_bad_event_whatever_is_checked(
    level: str, refusal: Refusal
) -> None:
    with plogq.validation(level):
        check(refusal)


ROWS = np.array([[0.5, 0.5], [0.5, 0.5001]])


@refused(
    Refusal(
        "a row that sums to more, as P",
        lambda: cross_entropy(Probs([[0.5, 0.5], [0.5, 0.6]]), Logits(Z[:2, :2])),
        ProbabilityError,
        "event 1 of Probs (as P) sums to 1.1",
        "Logits(x) if these are scores",
        "sample_weight",
    ),
    Refusal(
        "a row that sums to less, as Q",
        lambda: cross_entropy(Labels([0, 1]), Probs([[0.5, 0.5], [0.25, 0.25]])),
        ProbabilityError,
        "event 1 of Probs (as Q) sums to 0.5",
    ),
    Refusal(
        "a negative entry",
        lambda: cross_entropy(Labels([0]), Probs([[1.5, -0.5]])),
        ProbabilityError,
        "event 0 of Probs (as Q) has the entry -0.5",
        "LogProbs(x)",
    ),
    Refusal(
        "an infinite entry",
        lambda: cross_entropy(Labels([0]), Probs([[np.inf, 0.0]])),
        ProbabilityError,
        "sums to inf",
    ),
    Refusal(
        "a row on another axis",
        lambda: cross_entropy(Probs([[0.5, 0.9], [0.5, 0.5]], axis=0), Logits(Z[:2, :2])),
        ProbabilityError,
        "event 1 of Probs (as P) sums to 1.4",
    ),
    Refusal(
        "a float64 row that is off by 1e-4",
        lambda: cross_entropy(Probs(ROWS), Logits(Z[:2, :2])),
        ProbabilityError,
        "event 1",
    ),
    Refusal(
        "an event on two axes",
        lambda: cross_entropy(
            Probs(np.array([[[1.0, 0.0], [1.0, 1.0]]])), Logits(np.zeros((1, 2, 2)))
        ),
        ProbabilityError,
        "event (0, 1)",
    ),
    Refusal(
        "a yes above 1",
        lambda: cross_entropy(BinaryProbs([0.5, 1.5]), BinaryLogits([0.0, 0.0])),
        ProbabilityError,
        "BinaryProbs (as P) has the entry 1.5 outside [0, 1], first at (1,)",
        "BinaryLogits(z)",
    ),
    Refusal(
        "a yes below 0, as Q",
        lambda: cross_entropy(BinaryProbs([1.0, 1.0]), BinaryProbs([-0.25, 0.5])),
        ProbabilityError,
        "BinaryProbs (as Q) has the entry -0.25",
    ),
    Refusal(
        "a negative sparse probability",
        lambda: cross_entropy(SparseProbs([[0, 1]], [[1.5, -0.5]]), Logits(Z[:1])),
        ProbabilityError,
        "SparseProbs probs must be ≥ 0, got -0.5",
    ),
    Refusal(
        "a negative sample weight",
        lambda: Weighted(Labels([0, 1]), sample_weight=[1.0, -2.0]),
        ProbabilityError,
        "sample_weight must be ≥ 0, got -2 at position 1",
    ),
    Refusal(
        "a class weight of NaN",
        lambda: Weighted(Labels([0, 1]), class_weight=[1.0, np.nan]),
        ProbabilityError,
        "class_weight must be ≥ 0, got nan at position 1",
    ),
    Refusal(
        "a negative binary class weight",
        lambda: Weighted(BinaryProbs([1.0]), class_weight=(1.0, -1.0)),
        ProbabilityError,
        "the positive class weight must be ≥ 0",
    ),
)
def test_values_that_are_no_probabilities_and_no_weights(refusal: Refusal) -> None:
    check(refusal)
    with plogq.validation("full"):
        check(refusal)
    # Off means off: the same call then runs, whatever its numbers mean.
    with plogq.validation("off"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        refusal.call()


@refused(
    Refusal(
        "integers that are neither 0 nor 1",
        lambda: cross_entropy(BinaryProbs([0, 2]), BinaryLogits([0.0, 0.0])),
        ProbabilityError,
        "has the entry 2 outside [0, 1]",
    )
)
@pytest.mark.parametrize("level", ["off", "on", "full"])
def test_integer_yes_no_targets_are_0_or_1_always(level: str, refusal: Refusal) -> None:
    with plogq.validation(level):
        check(refusal)


@refused(
    Refusal(
        "log-probabilities that are not normalised",
        lambda: cross_entropy(Labels([0]), LogProbs([[0.0, 0.0]])),
        ProbabilityError,
        "event 0 of exp(LogProbs) sums to 2",
    ),
    Refusal(
        "a NaN among scores",
        lambda: cross_entropy(Labels([0]), Logits([[0.0, np.nan]])),
        ProbabilityError,
        "Logits is NaN at (0, 1)",
    ),
    Refusal(
        "a NaN among binary scores",
        lambda: cross_entropy(BinaryProbs([1.0]), BinaryLogits([np.nan])),
        ProbabilityError,
        "BinaryLogits is NaN at (0,)",
    ),
)
def test_what_only_full_validation_finds(refusal: Refusal) -> None:
    with plogq.validation("full"):
        check(refusal)
    for level in ("on", "off"):
        with plogq.validation(level):
            refusal.call()


def test_validation_is_set_for_a_block_and_back() -> None:
    def bad() -> Any:
        return cross_entropy(Labels([0]), Probs([[0.5, 0.6]]))

    with pytest.raises(ProbabilityError):
        bad()
    with plogq.validation("off"):
        assert bad() == pytest.approx(np.log(2))
        with plogq.validation("on"), pytest.raises(ProbabilityError):
            bad()
        assert bad() == pytest.approx(np.log(2))
    with pytest.raises(ProbabilityError):
        bad()
    wrong = pytest.raises(ValueError, match='takes "off", "on" or "full", got \'no\'')
    with wrong, plogq.validation("no"):
        pass


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16])
def test_rows_that_sum_to_1_within_their_dtype_are_welcome(dtype: Any) -> None:
    """A softmax of many classes in low precision is a distribution."""
    rng = np.random.default_rng(1)
    for classes in (2, 10, 1000):
        p = rng.dirichlet(np.ones(classes), 5).astype(dtype)
        assert np.isfinite(cross_entropy(Probs(p), Logits(np.zeros((5, classes)))))


def test_a_nan_row_of_probabilities_is_not_refused() -> None:
    """It makes the loss of its event NaN, which hides nothing."""
    p = np.array([[np.nan, 1.0], [0.5, 0.5]])
    got = cross_entropy(Probs(p), Logits(Z[:2, :2]), reduction="none")
    assert np.isnan(got).tolist() == [True, False]


OUT = np.zeros((4, 3))
READ_ONLY = np.zeros((4, 3))
READ_ONLY.flags.writeable = False
SHARED = np.zeros((8, 3))
TARGET = np.full((4, 3), 1 / 3)


@refused(
    Refusal(
        "an unknown reduction",
        lambda: cross_entropy(Labels(Y), Logits(Z), reduction="average"),
        ValueError,
        "'mean', 'sum', 'none', 'sum_over_batch_size'",
        "got 'average'",
    ),
    Refusal(
        "an unknown reduction of an entropy",
        lambda: plogq.entropy(Probs(Q), reduction="max"),
        ValueError,
        "got 'max'",
    ),
    Refusal(
        "a normalizer without a sum",
        lambda: cross_entropy(Labels(Y), Logits(Z), reduction="none", normalizer=3),
        ValueError,
        "normalizer divides the sum",
        "reduction='sum' or 'mean'",
        "'none'",
    ),
    Refusal("epsilon above 1", lambda: Smoothed(Labels(Y), 1.5), ValueError, "[0, 1], got 1.5"),
    Refusal("a negative epsilon", lambda: Smoothed(BinaryProbs(Q), -0.1), ValueError, "got -0.1"),
    Refusal("an epsilon of NaN", lambda: Smoothed(Labels(Y), float("nan")), ValueError, "got nan"),
    *(
        Refusal(
            f"a softcap of {cap}",
            lambda cap=cap: Logits(Z, softcap=cap),
            ValueError,
            "softcap must be a positive number",
            f"got {cap!r}",
        )
        for cap in (0.0, -30.0, float("inf"), float("nan"))
    ),
    Refusal(
        "a softcap of linear logits",
        lambda: LinearLogits(Z, Z, softcap=0.0),
        ValueError,
        "softcap must be a positive number",
    ),
    Refusal("a negative gamma", lambda: plogq.focal([1.0], -1.0), ValueError, "gamma", "-1.0"),
    Refusal(
        "a word for out",
        lambda: value_and_grad(Labels(Y), Logits(Z), out="inputs"),
        ValueError,
        "an array or the word \"scores\", got 'inputs'",
    ),
    Refusal(
        "a list for out",
        lambda: value_and_grad(Labels(Y), Logits(Z), out=[0.0]),
        ValueError,
        "shape (4, 3) and dtype float64, got list",
    ),
    Refusal(
        "out of another shape",
        lambda: value_and_grad(Labels(Y), Logits(Z), out=np.zeros((3, 4))),
        ValueError,
        "shape (4, 3)",
        "(3, 4)",
    ),
    Refusal(
        "out of another dtype",
        lambda: value_and_grad(Labels(Y), Logits(Z), out=np.zeros((4, 3), "f4")),
        ValueError,
        "dtype float64",
        "float32",
    ),
    Refusal(
        "out that is read-only",
        lambda: value_and_grad(Labels(Y), Logits(Z), out=READ_ONLY),
        ValueError,
        "out is read-only",
    ),
    Refusal(
        "read-only scores to overwrite",
        lambda: value_and_grad(Labels(Y), Logits(READ_ONLY), out="scores"),
        ValueError,
        "read-only",
    ),
    Refusal(
        "out that is the scores",
        lambda: value_and_grad(Labels(Y), Logits(OUT), out=OUT),
        ValueError,
        "out overlaps the scores",
        'out="scores"',
    ),
    Refusal(
        "out that overlaps the scores",
        lambda: value_and_grad(Labels(Y), Logits(SHARED[:4]), out=SHARED[2:6]),
        ValueError,
        "out overlaps the scores",
    ),
    Refusal(
        "out that is the target",
        lambda: value_and_grad(Probs(TARGET), Logits(Z), out=TARGET),
        ValueError,
        "out overlaps",
        "target",
    ),
    Refusal(
        "out of linear logits",
        lambda: value_and_grad(Labels(Y), LinearLogits(Z, Z[:3]), out=Z),
        ValueError,
        "LinearLogits has three",
    ),
)
def test_options_that_do_not_exist_or_do_not_fit(refusal: Refusal) -> None:
    check(refusal)


def test_out_that_overlaps_a_weight_is_refused() -> None:
    """Every input counts, not the first array of the target alone."""
    both = np.full((2, 4), 0.5)
    p = Weighted(BinaryProbs(np.ones((2, 4))), sample_weight=both)
    with pytest.raises(ValueError, match="out overlaps"):
        value_and_grad(p, BinaryLogits(np.zeros((2, 4))), out=both)


def test_every_error_of_ours_is_a_plogq_error_and_a_built_in_one() -> None:
    for name in plogq.__all__:
        error = getattr(plogq, name)
        if isinstance(error, type) and issubclass(error, Exception) and error is not PlogqError:
            assert issubclass(error, PlogqError)
            assert issubclass(error, (ValueError, TypeError))
