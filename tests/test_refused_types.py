"""N10: what NumPy alone can hold, and things that are no arrays; the rest is the suite's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from plogq import (
    BinaryLogits,
    BinaryProbs,
    DtypeError,
    Labels,
    Logits,
    LogProbs,
    PairError,
    Probs,
    ShapeError,
    Weighted,
    cross_entropy,
)

from .refusals import Refusal, check, refused

Y = np.array([0, 1, 2, 0])


class Sparse:
    """Stands in for a SciPy sparse matrix: it has `toarray` and is no array."""

    def toarray(self) -> Any:
        return np.zeros((4, 3))


@refused(
    Refusal(
        "strings as labels",
        lambda: Labels(["cat", "dog"]),
        DtypeError,
        "must be integers, got str",
        "give every class its index",
    ),
    Refusal(
        "objects as labels",
        lambda: Labels(Y.astype(object)),
        DtypeError,
        "got object; its objects are numbers: write x.astype(int)",
    ),
    Refusal(
        "texts among objects",
        lambda: Labels(np.array([0, "cat"], object)),
        DtypeError,
        "got object; give every class its index",
    ),
    Refusal(
        "objects as probabilities",
        lambda: Probs(np.array([[0.5, 0.5]], object)),
        DtypeError,
        "write x.astype(float)",
    ),
    Refusal(
        "what a model puts out",
        lambda: Logits(SimpleNamespace(logits=np.zeros((4, 3)), loss=None)),
        DtypeError,
        "got SimpleNamespace, what a model puts out, with scores among it; write output.logits",
    ),
    Refusal(
        "scores among others in a dict",
        lambda: Logits({"logits": np.zeros((4, 3))}),
        DtypeError,
        "got dict; write output['logits']",
    ),
    Refusal(
        "one score for each label",
        lambda: cross_entropy(Labels([1, 0]), Logits([0.5, -0.5])),
        ShapeError,
        "if each is a yes or no of its own write BinaryProbs(y) with BinaryLogits(z)",
    ),
    Refusal("dates as labels", lambda: Labels(Y.astype("M8[D]")), DtypeError, "got datetime64[D]"),
    Refusal("structured labels", lambda: Labels(np.zeros(3, [("y", int)])), DtypeError, "got void"),
    Refusal(
        "a float as the mark of ignored labels",
        lambda: Labels(Y, ignore=-1.0),
        DtypeError,
        "ignore must be one integer, several in a tuple, or None, got -1.0",
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
            ("strings", [["a", "b"]], "str"),
            ("objects", np.zeros((2, 2), object), "object"),
            ("records", np.zeros((2, 2), [("a", "f4")]), "void"),
            ("dates", np.zeros((2, 2), "M8[s]"), "datetime64[s]"),
            ("durations", np.zeros((2, 2), "m8[s]"), "timedelta64[s]"),
        )
    ),
    Refusal(
        "strings as binary probabilities",
        lambda: BinaryProbs(["yes", "no"]),
        DtypeError,
        "probabilities in [0, 1], booleans or integers 0 and 1, got str",
    ),
    Refusal(
        "strings as weights",
        lambda: Weighted(Labels(Y), sample_weight=["a"] * 4),
        DtypeError,
        "sample_weight must be numbers, got str",
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
        "a list as P",
        lambda: cross_entropy([0, 1, 2, 0], Logits(np.zeros((4, 3)))),
        PairError,
        "came as list of int64, shape (4,)",
        "Labels(y)",
    ),
    Refusal(
        "None",
        lambda: cross_entropy(None, Logits(np.zeros((4, 3)))),
        PairError,
        "P came as NoneType",
    ),
    Refusal(
        "a number as sample weights",
        lambda: cross_entropy(Weighted(Labels(Y), sample_weight=2.0), Logits(np.zeros((4, 3)))),
        ShapeError,
        "the shape of the events (4,), got ()",
    ),
)
def test_lists_and_numbers(refusal: Refusal) -> None:
    check(refusal)
