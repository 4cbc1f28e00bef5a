"""Arrays that hold no numbers of the right kind, on any framework."""

from __future__ import annotations

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

from .refused import Case, Y, Z, case

NONE = np.zeros((2, 2))
FLOATING = (Logits, Probs, LogProbs, BinaryLogits)

TYPES: dict[str, Case] = {
    "floats as labels": case(
        lambda a: Labels(a(Y.astype(np.float32))),
        DtypeError,
        "Labels must be integers, got float32",
        "Probs(p) if they are probabilities",
        "Labels({int:y})",
    ),
    "half floats as labels": case(
        lambda a: Labels(a(Y.astype(ml_dtypes.bfloat16))), DtypeError, "got bfloat16"
    ),
    "booleans as labels": case(
        lambda a: Labels(a(Y > 0)),
        DtypeError,
        "got bool",
        "for yes/no outcomes write BinaryProbs(y)",
    ),
    "complex labels": case(
        lambda a: Labels(a(Y.astype(np.complex64))), DtypeError, "got complex64"
    ),
    **{
        f"{dtype} as {make.__name__}": case(
            lambda a, make=make, dtype=dtype: make(a(NONE.astype(dtype))),
            DtypeError,
            f"{make.__name__} must be floating point (float64, float32, float16, bfloat16)",
            f"got {np.dtype(dtype).name}",
        )
        for make in FLOATING
        for dtype in ("int64", "uint8", "bool", "complex64")
    },
    **{
        f"8-bit floats as {make.__name__}": case(
            lambda a, make=make: make(a(NONE.astype(ml_dtypes.float8_e4m3fn))),
            DtypeError,
            f"{make.__name__} must be floating point",
            "got float8_e4m3fn",
        )
        for make in FLOATING
    },
    "complex binary probabilities": case(
        lambda a: BinaryProbs(a(Z.astype(np.complex64))),
        DtypeError,
        "probabilities in [0, 1], booleans or integers 0 and 1, got complex64",
    ),
    "integers as a binary prediction": case(
        lambda a: cross_entropy(BinaryProbs(a(Y > 0)), BinaryProbs(a(Y))),
        DtypeError,
        "BinaryProbs (as Q)",
        "BinaryProbs({float:q})",
        "got int64",
    ),
    "floats as sparse indices": case(
        lambda a: SparseProbs(a(np.zeros((1, 1))), a(np.ones((1, 1)))),
        DtypeError,
        "SparseProbs index must be integers, got float64",
        "the first argument is the classes",
    ),
    "integers as sparse probabilities": case(
        lambda a: SparseProbs(a(np.array([[0]])), a(np.array([[1]]))),
        DtypeError,
        "SparseProbs probs must be floating point",
        "{float:probs}",
    ),
    "linear logits of two dtypes": case(
        lambda a: LinearLogits(a(np.zeros((4, 2), "f4")), a(np.zeros((3, 2)))),
        DtypeError,
        "one dtype, got float32 and float64",
    ),
    "integers as hidden": case(
        lambda a: LinearLogits(a(np.zeros((4, 2), int)), a(np.zeros((3, 2), int))),
        DtypeError,
        "LinearLogits hidden must be floating point",
        "{float:hidden}",
    ),
    "complex weights": case(
        lambda a: Weighted(Labels(a(Y)), sample_weight=a(Y.astype(np.complex64))),
        DtypeError,
        "sample_weight must be numbers, got complex64",
    ),
    "complex class weights": case(
        lambda a: Weighted(Labels(a(Y)), class_weight=a(np.ones(3, np.complex64))),
        DtypeError,
        "class_weight must be numbers, got complex64",
    ),
}
