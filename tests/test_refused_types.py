"""N10: arrays that hold no numbers of the right kind, and things that are no arrays."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from plogq import (
    BinaryLogits,
    BinaryProbs,
    DtypeError,
    Labels,
    LinearLogits,
    Logits,
    LogProbs,
    Probs,
    SparseProbs,
    Weighted,
    cross_entropy,
)

from .refusals import Refusal, check, refused

Y = np.array([0, 1, 2, 0])
Q = np.full((4, 3), 1 / 3)


class Sparse:
    """Stands in for a SciPy sparse matrix: it has `toarray` and is no array."""

    def toarray(self) -> Any:
        return np.zeros((4, 3))


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
        "hidden.astype(float)",
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
