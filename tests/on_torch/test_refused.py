"""Tensors that are refused: what came, what was expected, what to write instead, and no hang."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

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
    ProbabilityError,
    Probs,
    ShapeError,
    SparseProbs,
    Weighted,
    cross_entropy,
)

from ..refusals import Refusal, check, refused

Z = torch.zeros(4, 3)
Y = torch.tensor([0, 1, 2, 0])
Q = torch.full((4, 3), 1 / 3)
META = torch.empty(4, 3, device="meta")

FLOATING = (
    ("logits", Logits, "Logits"),
    ("probabilities", Probs, "Probs"),
    ("log-probabilities", LogProbs, "LogProbs"),
    ("binary logits", BinaryLogits, "BinaryLogits"),
)


RAGGED = [torch.zeros(2, 3), torch.zeros(1, 3)]


def quietly(make: Any) -> Any:
    """PyTorch calls some of these kinds of tensors prototypes when the first is made."""

    def made() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make()

    return made


_PADDED = ("a nested tensor", "torch.nested.to_padded_tensor", "Labels(y, ignore=")
KINDS: dict[str, Any] = {
    "sparse": (Z.to_sparse, ("torch.sparse_coo", "x.to_dense()", "SparseProbs")),
    "sparse rows": (quietly(Z.to_sparse_csr), ("torch.sparse_csr", "x.to_dense()")),
    "quantized": (
        quietly(lambda: torch.quantize_per_tensor(Z, 0.1, 0, torch.quint8)),
        ("quantized", "x.dequantize()"),
    ),
    "nested": (quietly(lambda: torch.nested.nested_tensor(RAGGED)), _PADDED),
    "jagged": (quietly(lambda: torch.nested.nested_tensor(RAGGED, layout=torch.jagged)), _PADDED),
}
FLOAT8 = [
    getattr(torch, name)
    for name in ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")
]


@refused(
    Refusal(
        "floats as labels",
        lambda: Labels(Y.float()),
        DtypeError,
        "Labels must be integers, got float32",
        "Probs(p) if they are probabilities",
    ),
    Refusal("half floats as labels", lambda: Labels(Y.bfloat16()), DtypeError, "got bfloat16"),
    Refusal("booleans as labels", lambda: Labels(Y > 0), DtypeError, "got bool", "BinaryProbs(y)"),
    Refusal("complex labels", lambda: Labels(Y.cfloat()), DtypeError, "got complex64"),
    *(
        Refusal(
            f"{name} as {kind}",
            lambda make=make, dtype=dtype: make(torch.zeros(2, 2).to(dtype)),
            DtypeError,
            f"{role} must be floating point (float64, float32, float16, bfloat16)",
            f"got {str(dtype).removeprefix('torch.')}",
        )
        for kind, make, role in FLOATING
        for name, dtype in (
            ("integers", torch.int64),
            ("bytes", torch.uint8),
            ("booleans", torch.bool),
            ("complex numbers", torch.complex64),
            *((str(d), d) for d in FLOAT8),
        )
    ),
    Refusal(
        "complex binary probabilities",
        lambda: BinaryProbs(Z.cfloat()),
        DtypeError,
        "probabilities in [0, 1], booleans or integers 0 and 1, got complex64",
    ),
    Refusal(
        "integers as a binary prediction",
        lambda: cross_entropy(BinaryProbs(Y > 0), BinaryProbs(Y)),
        DtypeError,
        "BinaryProbs (as Q)",
        "got int64",
    ),
    Refusal(
        "floats as sparse indices",
        lambda: SparseProbs(Y[:, None].float(), torch.ones(4, 1)),
        DtypeError,
        "SparseProbs index must be integers, got float32",
    ),
    Refusal(
        "linear logits of two dtypes",
        lambda: LinearLogits(Z, torch.zeros(5, 3, dtype=torch.float64)),
        DtypeError,
        "one dtype, got float32 and float64",
    ),
    Refusal(
        "complex weights",
        lambda: Weighted(Labels(Y), sample_weight=torch.ones(4, dtype=torch.cfloat)),
        DtypeError,
        "sample_weight must be numbers, got complex64",
    ),
    *(
        Refusal(
            f"a {kind} tensor as {role}",
            lambda make=make, x=x: make(x()),
            DtypeError,
            role,
            *says,
        )
        for make, role in (*((m, r) for _, m, r in FLOATING), (BinaryProbs, "BinaryProbs"))
        for kind, (x, says) in KINDS.items()
    ),
    Refusal(
        "sparse labels",
        lambda: Labels(Y.to_sparse()),
        DtypeError,
        "Labels is a tensor of layout torch.sparse_coo",
    ),
    Refusal(
        "a sparse weight",
        lambda: Weighted(Labels(Y), sample_weight=torch.ones(4).to_sparse()),
        DtypeError,
        "sample_weight",
        "x.to_dense()",
    ),
)
def test_tensors_that_hold_no_numbers_of_the_right_kind(refusal: Refusal) -> None:
    check(refusal)


@refused(
    Refusal(
        "raw tensors",
        lambda: cross_entropy(Y, Z),  # type: ignore[arg-type]
        PairError,
        "P came as Tensor of int64, shape (4,)",
        "Labels(y) for class indices",
        "Q came as Tensor of float32, shape (4, 3)",
        "Logits(z) for scores",
    ),
    Refusal(
        "another number of events",
        lambda: cross_entropy(Labels(Y[:2]), Logits(Z)),
        ShapeError,
        "Labels(2,) has events (2,)",
        "Logits of shape (4, 3), classes on axis 1, has events (4,)",
    ),
    Refusal(
        "a column of labels",
        lambda: cross_entropy(Labels(Y[:, None]), Logits(Z)),
        ShapeError,
        "write y.reshape(-1)",
    ),
    Refusal(
        "the classes on another axis",
        lambda: cross_entropy(
            Labels(torch.zeros(2, 4, dtype=torch.int64)), Logits(torch.zeros(2, 3, 4))
        ),
        ShapeError,
        "if the classes are on axis 1, write axis=1",
    ),
    Refusal(
        "probabilities that would broadcast",
        lambda: cross_entropy(Probs(Q[:1]), Logits(Z)),
        ShapeError,
        "Probs(1, 3)",
        "nothing is broadcast",
    ),
    Refusal(
        "another number of classes",
        lambda: cross_entropy(Probs(torch.full((4, 2), 0.5)), Logits(Z)),
        ShapeError,
        "P has 2 classes",
        "Q has 3",
    ),
    Refusal(
        "one class",
        lambda: Logits(torch.zeros(4, 1)),
        ShapeError,
        "Logits has one class, whose loss is always 0",
        "BinaryLogits(z)",
    ),
    Refusal("no class", lambda: Logits(torch.zeros(4, 0)), ShapeError, "has no classes"),
    Refusal("a single number", lambda: Logits(torch.tensor(3.0)), ShapeError, "single number"),
    Refusal("no such axis", lambda: Logits(Z, axis=2), ShapeError, "axis 2 of Logits", "(4, 3)"),
    Refusal(
        "a single label",
        lambda: cross_entropy(Labels(torch.tensor(1)), Logits(Z)),
        ShapeError,
        "Labels() has events ()",
    ),
    Refusal(
        "binary shapes",
        lambda: cross_entropy(BinaryProbs(Y > 0), BinaryLogits(Z[:, :1])),
        ShapeError,
        "(4,) and (4, 1)",
        "y.reshape(z.shape)",
    ),
    Refusal(
        "a weight the other way round",
        lambda: LinearLogits(Z, torch.zeros(3, 5)),
        ShapeError,
        "write weight.T",
    ),
    Refusal(
        "sample weights of another shape",
        lambda: cross_entropy(Weighted(Labels(Y), sample_weight=torch.ones(4, 1)), Logits(Z)),
        ShapeError,
        "the shape of the events (4,), got (4, 1)",
    ),
    Refusal(
        "a label beyond the last class",
        lambda: cross_entropy(Labels(torch.tensor([0, 3, 7, 1])), Logits(Z)),
        LabelError,
        "label 3 at event 1 is outside the 3 classes 0…2",
    ),
    Refusal(
        "a negative label",
        lambda: cross_entropy(Labels(torch.tensor([0, 1, -100, -1])), Logits(Z)),
        LabelError,
        "label -100 at event 2",
        "Labels(y, ignore=-100)",
    ),
    Refusal(
        "a negative label beside ignored ones",
        lambda: cross_entropy(Labels(torch.tensor([-100, 1, -1, 2]), ignore=-100), Logits(Z)),
        LabelError,
        "label -1 at event 2",
    ),
    Refusal(
        "a label of an image",
        lambda: cross_entropy(Labels(torch.tensor([[0, 1], [9, 2]])), Logits(torch.zeros(2, 2, 3))),
        LabelError,
        "label 9 at event (1, 0)",
    ),
    Refusal(
        "a sparse index",
        lambda: cross_entropy(
            SparseProbs(torch.tensor([[0, 3]]), torch.tensor([[0.5, 0.5]])), Logits(Z[:1])
        ),
        LabelError,
        "label 3 at event (0, 1)",
    ),
    Refusal(
        "the greatest uint64",
        lambda: cross_entropy(Labels(torch.tensor([2**64 - 1], dtype=torch.uint64)), Logits(Z[:1])),
        LabelError,
        f"label {2**64 - 1} at event 0",
    ),
    Refusal(
        "a row that sums to more",
        lambda: cross_entropy(Probs(torch.tensor([[0.5, 0.6]])), Logits(Z[:1, :2])),
        ProbabilityError,
        "event 0 of Probs (as P) sums to 1.1",
    ),
    Refusal(
        "a yes above 1",
        lambda: cross_entropy(BinaryProbs(torch.tensor([0.5, 1.5])), BinaryLogits(torch.zeros(2))),
        ProbabilityError,
        "has the entry 1.5 outside [0, 1], first at (1,)",
    ),
    Refusal(
        "a negative weight",
        lambda: Weighted(Labels(Y), sample_weight=torch.tensor([1.0, -2.0, 1.0, 1.0])),
        ProbabilityError,
        "sample_weight must be ≥ 0, got -2 at position 1",
    ),
)
def test_shapes_labels_and_values(refusal: Refusal) -> None:
    check(refusal)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_what_is_refused_needs_no_dtype_of_numpys(dtype: torch.dtype) -> None:
    """The sentence about a value comes for bfloat16 too, which NumPy does not have."""
    with pytest.raises(ProbabilityError, match=r"event 0 of Probs \(as P\) sums to 1\.5"):
        cross_entropy(Probs(torch.tensor([[0.5, 1.0]]).to(dtype)), Logits(Z[:1, :2]))
    with pytest.raises(ProbabilityError, match=r"the entry 1\.5 outside \[0, 1\]"):
        cross_entropy(BinaryProbs(torch.tensor([1.5]).to(dtype)), BinaryLogits(torch.zeros(1)))
    with pytest.raises(ProbabilityError, match="got -2 at position 1"):
        Weighted(Labels(Y[:2]), sample_weight=torch.tensor([1.0, -2.0]).to(dtype))


def test_what_is_refused_is_refused_of_tensors_that_require_gradients() -> None:
    """The checks look at values without leaving a trace in the graph, and without a warning."""
    p = torch.tensor([[0.5, 0.6]], requires_grad=True)
    with pytest.raises(ProbabilityError, match=r"sums to 1\.1"):
        cross_entropy(Probs(p), Logits(Z[:1, :2]))
    w = torch.tensor([1.0, -2.0, 1.0, 1.0], requires_grad=True)
    with pytest.raises(ProbabilityError, match="got -2 at position 1"):
        Weighted(Labels(Y), sample_weight=w)
    y = torch.tensor([0.5, 1.5], requires_grad=True)
    with pytest.raises(ProbabilityError, match=r"the entry 1\.5"):
        cross_entropy(BinaryProbs(y), BinaryLogits(torch.zeros(2)))


def test_full_validation_finds_a_nan() -> None:
    z = torch.tensor([[0.0, float("nan")]], requires_grad=True)
    with plogq.validation("full"), pytest.raises(ProbabilityError, match=r"NaN at \(0, 1\)"):
        cross_entropy(Labels(Y[:1]), Logits(z))
    with plogq.validation("full"), pytest.raises(ProbabilityError, match="sums to 2"):
        cross_entropy(Labels(Y[:1]), LogProbs(torch.zeros(1, 2)))


def test_out_of_range_labels_are_found_before_anything_is_read(way: str) -> None:
    """In every mode of eager PyTorch, with and without gradients."""
    bad = Labels(torch.tensor([0, 1, 3, 1]))
    for options in ({}, {"reduction": "none"}, {"z_loss": 0.1}, {"reduction": "sum"}):
        for z in (Z, Z.clone().requires_grad_(), Z.bfloat16()):
            with pytest.raises(LabelError, match="label 3 at event 2"):
                cross_entropy(bad, Logits(z), **options)
    with torch.inference_mode(), pytest.raises(LabelError, match="label 3 at event 2"):
        cross_entropy(bad, Logits(Z.clone()))
    with pytest.raises(LabelError, match="label 3 at event 2"):
        cross_entropy(bad, LinearLogits(Z, Z[:3]))
