"""What the kernels in Triton refuse, and the sentence that says so."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import torch

import plogq
from plogq import (
    BinaryLogits,
    BinaryProbs,
    Labels,
    LinearLogits,
    Logits,
    LogProbs,
    Probs,
    Smoothed,
    Weighted,
)
from plogq.algebra.scores import Projection
from plogq.frameworks.torch.triton import layout
from plogq.frameworks.torch.triton import linear_binding as products
from plogq.kernels.table import using

from .device import DEVICE, kernel_of

Tensor = torch.Tensor


def z(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.zeros(*(shape or (4, 3)), dtype=dtype, device=DEVICE)


Y = torch.tensor([0, 1, 2, 0], device=DEVICE)
ONES = torch.ones(3, device=DEVICE)


class Sub(torch.Tensor):
    """A tensor that stands for something else, as one that lies over devices does."""


def sub() -> Tensor:
    return z().as_subclass(Sub)


def _smoothed_twice() -> Any:
    return Smoothed(Weighted(Smoothed(Labels(Y), 0.1), class_weight=ONES), 0.1)


REFUSED: dict[str, tuple[Any, Any, str]] = {
    "float64": (
        lambda: Labels(Y),
        lambda: Logits(z(dtype=torch.float64)),
        "Q is float64; the kernels take float32, bfloat16 and float16",
    ),
    "float64 probabilities": (
        lambda: Probs(torch.full((4, 3), 1 / 3, dtype=torch.float64, device=DEVICE)),
        lambda: Logits(z()),
        "P is float64; the kernels take",
    ),
    "log-probabilities": (
        lambda: Labels(Y),
        lambda: LogProbs(z().log_softmax(-1)),
        "this kernel takes stored logits over exclusive classes",
    ),
    "probabilities": (
        lambda: Labels(Y),
        lambda: Probs(z() + 1 / 3),
        "this kernel takes stored logits over exclusive classes",
    ),
    "binary probabilities": (
        lambda: BinaryProbs(z()),
        lambda: BinaryProbs(z() + 0.5),
        "this kernel takes stored logits of yes/no outcomes",
    ),
    "two backgrounds": (
        _smoothed_twice,
        lambda: Logits(z()),
        "P is smoothed more than once around class weights; one background is done here",
    ),
    "two backgrounds of linear logits": (
        _smoothed_twice,
        lambda: LinearLogits(z(4, 2), z(3, 2)),
        "P is smoothed more than once around class weights; one background is done here",
    ),
    "arrays as class weights of yes and no": (
        lambda: Weighted(BinaryProbs(z()), class_weight=(1.0, ONES)),
        lambda: BinaryLogits(z()),
        "the class weights are arrays; numbers are done here",
    ),
    "float64 yes and no": (
        lambda: BinaryProbs(z(dtype=torch.float64)),
        lambda: BinaryLogits(z()),
        "P is float64; the kernels take float32, bfloat16, float16, bool and integers",
    ),
    "float64 binary logits": (
        lambda: BinaryProbs(z()),
        lambda: BinaryLogits(z(dtype=torch.float64)),
        "Q is float64; the kernels take",
    ),
    "float16 hidden states": (
        lambda: Labels(Y),
        lambda: LinearLogits(z(4, 2, dtype=torch.float16), z(3, 2, dtype=torch.float16)),
        "gradients of scores vanish before they are carried on; this kernel takes bfloat16",
    ),
    "float64 hidden states": (
        lambda: Labels(Y),
        lambda: LinearLogits(z(4, 2, dtype=torch.float64), z(3, 2, dtype=torch.float64)),
        "hidden is float64; the kernels take float32, bfloat16 and float16",
    ),
    "a kind of tensor": (lambda: Labels(Y), lambda: Logits(sub()), "Q is a Sub"),
    "a kind of tensor for yes and no": (
        lambda: BinaryProbs(z()),
        lambda: BinaryLogits(sub()),
        "Q is a Sub; these kernels take plain tensors",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_a_sentence(name: str) -> None:
    p, q, says = REFUSED[name]
    with pytest.raises(plogq.KernelRefused) as caught:
        kernel_of(p(), q())
    assert says in str(caught.value)


@pytest.mark.usefixtures("triton_first")
@pytest.mark.parametrize("name", [n for n, (_, _, says) in REFUSED.items() if "Sub" not in says])
def test_what_is_refused_another_kernel_runs(name: str) -> None:
    """`explain` passes the sentence on, and the loss comes all the same."""
    p, q, says = REFUSED[name]
    explained = plogq.explain(p(), q())
    assert explained.chosen != "triton"
    assert says in str(explained)
    assert plogq.cross_entropy(p(), q()).isfinite()


def test_hidden_and_weight_of_two_types() -> None:
    q = Projection(z(4, 2), z(3, 2, dtype=torch.bfloat16))
    measure = kernel_of(Labels(Y), Logits(z())).measure
    assert products.linear.refuses(measure, q) == (
        "hidden is float32 and weight bfloat16; this kernel takes two of one type"
    )


def test_without_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "INSTALLED", False)
    for p, q in (
        (Labels(Y), Logits(z())),
        (BinaryProbs(z()), BinaryLogits(z())),
        (Labels(Y), LinearLogits(z(4, 2), z(3, 2))),
    ):
        with pytest.raises(plogq.KernelRefused, match=r"Triton is not installed; .*pip install"):
            kernel_of(p, q)


def test_after_tensorflow_it_is_too_late_to_load_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two LLVMs end the process in that order."""
    monkeypatch.setitem(sys.modules, "tensorflow.python", sys)
    monkeypatch.delitem(sys.modules, "triton")
    with pytest.raises(plogq.KernelRefused, match="write import triton before import tensorflow"):
        kernel_of(Labels(Y), Logits(z()))


def test_on_the_cpu_they_are_for_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "INTERPRETED", False)
    y, scores = Y.cpu(), torch.zeros(4, 3)
    for p, q in ((Labels(y), Logits(scores)), (BinaryProbs(scores), BinaryLogits(scores))):
        with using("triton"), pytest.raises(plogq.KernelRefused) as caught:
            plogq.cross_entropy(p, q)
        assert "Q is on cpu; these kernels run on CUDA and ROCm" in str(caught.value)
        assert "TRITON_INTERPRET=1" in str(caught.value)


def test_under_transforms_they_leave_the_work_to_pytorch() -> None:
    def loss(scores: Tensor) -> Tensor:
        with using("triton"):
            return plogq.cross_entropy(Labels(Y), Logits(scores))

    with pytest.raises(plogq.KernelRefused, match=r"under forward mode and torch\.func"):
        torch.func.grad(loss)(z())


def test_triton_is_loaded_by_the_first_launch_only() -> None:
    """Neither importing plogq nor a loss on the CPU pays for it."""
    program = (
        "import sys, torch, plogq\n"
        "z = torch.zeros(2, 3, requires_grad=True)\n"
        "plogq.cross_entropy(plogq.Labels(torch.tensor([0, 1])), plogq.Logits(z)).backward()\n"
        "assert 'plogq.frameworks.torch.triton.stored' not in sys.modules\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TRITON_INTERPRET": "0"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
