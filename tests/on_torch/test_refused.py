"""Kinds of tensors that are refused, and values in every mode; the rest is the suite's."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

from plogq import (
    BinaryLogits,
    BinaryProbs,
    DtypeError,
    LabelError,
    Labels,
    LinearLogits,
    Logits,
    LogProbs,
    ProbabilityError,
    Probs,
    Weighted,
    cross_entropy,
)

from ..refusals import Refusal, check, refused

Z = torch.zeros(4, 3)
Y = torch.tensor([0, 1, 2, 0])

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
FLOAT8 = [getattr(torch, name) for name in ("float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")]


@refused(
    *(
        Refusal(
            f"{name} as {kind}",
            lambda make=make, dtype=dtype: make(torch.zeros(2, 2).to(dtype)),
            DtypeError,
            f"{role} must be floating point (float64, float32, float16, bfloat16)",
            f"got {str(dtype).removeprefix('torch.')}",
        )
        for kind, make, role in FLOATING
        for name, dtype in ((str(d), d) for d in FLOAT8)
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
