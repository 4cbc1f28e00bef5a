"""Loss modules that say what they take: each is `cross_entropy` of what it declares."""

from __future__ import annotations

import copy
import doctest
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch

import plogq
from plogq.nn.torch import CrossEntropy, LinearCrossEntropy

from ..test_docs import run
from ..together import for_each

GENERATOR = torch.Generator().manual_seed(0)
Z = torch.randn(4, 5, dtype=torch.float64, generator=GENERATOR)
Y = torch.tensor([0, 4, -1, 2])
P = Z.flip(0).softmax(1)
W = torch.tensor([0.5, 1.0, 3.0, 0.25, 2.0], dtype=torch.float64)
ONES = torch.ones_like(W)
TOP = (torch.tensor([[0, 1], [2, 3], [4, 0], [1, 1]]), P[:, :2])
YES = (Z.flip(0) > 0).double()

# What is declared, what it is called with, and the same in plogq's types.
Case = tuple[dict[str, Any], tuple[Any, Any], Callable[[], tuple[Any, Any]]]
CASES: list[Case] = [
    ({"ignore": -1}, (Z, Y), lambda: (plogq.Labels(Y, ignore=-1), plogq.Logits(Z))),
    (
        {"ignore": -1, "softcap": 2.0, "axis": 0},
        (Z.T, Y),
        lambda: (plogq.Labels(Y, ignore=-1), plogq.Logits(Z.T, axis=0, softcap=2.0)),
    ),
    (
        {"target": "probs", "axis": 1},
        (Z[..., None], P[..., None]),
        lambda: (plogq.Probs(P), plogq.Logits(Z)),
    ),
    (
        {"target": "probs", "prediction": "log_probs"},
        (Z.log_softmax(1), P),
        lambda: (plogq.Probs(P), plogq.LogProbs(Z.log_softmax(1))),
    ),
    (
        {"target": "sparse_probs", "prediction": "probs"},
        (Z.softmax(1), TOP),
        lambda: (plogq.SparseProbs(*TOP), plogq.Probs(Z.softmax(1))),
    ),
    (
        {"ignore": -1, "smoothing": 0.1, "class_weight": W.tolist()},
        (Z, Y),
        lambda: (
            plogq.Weighted(plogq.Smoothed(plogq.Labels(Y, ignore=-1), 0.1), class_weight=W),
            plogq.Logits(Z),
        ),
    ),
    (
        {"target": "binary_probs", "prediction": "binary_logits", "class_weight": (1, 3)},
        (Z, YES),
        lambda: (
            plogq.Weighted(plogq.BinaryProbs(YES), class_weight=(1.0, 3.0)),
            plogq.BinaryLogits(Z),
        ),
    ),
    (
        {
            "target": "binary_probs",
            "prediction": "binary_probs",
            "class_weight": torch.stack((ONES, W)),
            "smoothing": 0.2,
        },
        (Z.sigmoid(), YES),
        lambda: (
            plogq.Weighted(plogq.Smoothed(plogq.BinaryProbs(YES), 0.2), class_weight=(ONES, W)),
            plogq.BinaryProbs(Z.sigmoid()),
        ),
    ),
]


@for_each("reduction", ["mean", "sum", "none", "sum_over_batch_size"])
@for_each("case", CASES, ids=[str(sorted(c[0])) for c in CASES])
def test_it_is_the_cross_entropy_of_what_it_declares(case: Case, reduction: str) -> None:
    declared, (prediction, target), pair = case
    loss = CrossEntropy(**declared, reduction=reduction)(prediction, target)
    expected = plogq.cross_entropy(*pair(), reduction=reduction)
    torch.testing.assert_close(loss.reshape(expected.shape), expected)


def test_weights_of_a_batch_and_the_mass_to_divide_by_are_given_with_it() -> None:
    """Gradient accumulation: two halves divided by the mass of both are the whole."""
    weight = torch.tensor([1.0, 2.0, 5.0, 0.5])
    loss = CrossEntropy(ignore=-1, z_loss=1e-3)
    z = Z.clone().requires_grad_()
    whole = loss(z, Y, sample_weight=weight)
    (expected,) = torch.autograd.grad(whole, z)
    mass = weight[Y != -1].sum()
    halves = [
        loss(z[rows], Y[rows], sample_weight=weight[rows], normalizer=mass)
        for rows in (slice(2), slice(2, 4))
    ]
    torch.testing.assert_close(sum(halves), whole)
    torch.testing.assert_close(torch.autograd.grad(sum(halves), z)[0], expected)


def test_linear_takes_the_place_of_the_last_layer_and_shares_its_weight() -> None:
    head = torch.nn.Linear(3, 5)
    loss = LinearCrossEntropy(head, ignore=-1, smoothing=0.1, class_weight=W.float(), softcap=4.0)
    hidden = torch.randn(2, 2, 3, generator=GENERATOR, requires_grad=True)
    y = Y.reshape(2, 2)
    stored = CrossEntropy(ignore=-1, smoothing=0.1, class_weight=W.float(), softcap=4.0)
    given = (hidden, head.weight, head.bias)
    found, expected = (
        (out, *torch.autograd.grad(out, given))
        for out in (loss(hidden, y), stored(head(hidden), y))
    )
    torch.testing.assert_close(found, expected)
    assert loss.linear.weight is head.weight
    assert list(loss.state_dict()) == ["class_weight", "linear.weight", "linear.bias"]
    bare = LinearCrossEntropy(torch.nn.Linear(3, 5, bias=False), target="probs")
    assert bare(hidden.detach(), P.float().reshape(2, 2, 5)).isfinite()
    assert LinearCrossEntropy(torch.nn.Embedding(5, 3))(hidden, y.clamp_min(0)).isfinite()


def test_class_weights_are_a_buffer() -> None:
    loss = CrossEntropy(ignore=-1, class_weight=W)
    assert list(loss.state_dict()) == ["class_weight"]
    assert not list(loss.parameters())
    fresh = CrossEntropy(ignore=-1, class_weight=torch.ones(5).double())
    assert fresh(Z, Y) != loss(Z, Y)
    fresh.load_state_dict(loss.state_dict())
    assert fresh(Z, Y) == loss(Z, Y)
    assert loss.float().class_weight.dtype is torch.float32
    assert not CrossEntropy().state_dict()
    for module in (copy.deepcopy(fresh), pickle.loads(pickle.dumps(fresh))):
        assert module(Z, Y) == fresh(Z, Y)
        assert repr(module) == repr(fresh)


def test_its_repr_reads_as_what_it_is() -> None:
    assert repr(CrossEntropy()) == (
        "CrossEntropy(labels against logits, classes on axis -1, reduced by mean)"
    )
    loss = CrossEntropy(
        axis=1,
        ignore=-100,
        smoothing=0.1,
        class_weight=W,
        softcap=30.0,
        z_loss=1e-4,
        reduction="sum",
    )
    assert repr(loss) == (
        "CrossEntropy(labels against logits, classes on axis 1, capped at 30.0, -100 ignored, "
        "smoothed by 0.1, weighted by class, z-loss 0.0001, reduced by sum)"
    )
    assert repr(CrossEntropy("binary_probs", "binary_logits", class_weight=(1, 3))) == (
        "CrossEntropy(binary_probs against binary_logits, no weighs 1.0 and yes 3.0, "
        "reduced by mean)"
    )
    linear = repr(LinearCrossEntropy(torch.nn.Linear(3, 5), softcap=30.0))
    assert "labels against hidden states, capped at 30.0, reduced by mean" in linear
    assert "(linear): Linear(in_features=3, out_features=5, bias=True)" in linear


@pytest.mark.slow
@for_each("case", CASES[:6], ids=[str(sorted(c[0])) for c in CASES[:6]])
def test_compiled(case: Case) -> None:
    torch._dynamo.reset()
    declared, (prediction, target), _ = case
    loss = CrossEntropy(**declared)
    x = prediction.clone().requires_grad_()
    found = []
    for f in (torch.compile(loss, fullgraph=True, backend="aot_eager"), loss):
        out = f(x, target)
        found.append((out, *torch.autograd.grad(out, x)))
    torch.testing.assert_close(*found)


def test_compiled_linear() -> None:
    torch._dynamo.reset()
    loss = LinearCrossEntropy(torch.nn.Linear(3, 5), ignore=-1)
    hidden = torch.randn(4, 3, generator=GENERATOR)
    found = []
    for f in (torch.compile(loss, fullgraph=True, backend="aot_eager"), loss):
        out = f(hidden, Y)
        found.append((out, *torch.autograd.grad(out, list(loss.parameters()))))
    torch.testing.assert_close(*found)


def test_what_does_not_fit_is_refused_where_it_is_declared() -> None:
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"prediction": "scores"}, "prediction takes 'logits', .* or 'binary_probs', got 'scores'"),
        ({"prediction": "hidden"}, "write LinearCrossEntropy"),
        ({"target": "onehot"}, "target takes 'labels', 'probs' or 'sparse_probs' .* got 'onehot'"),
        ({"target": "binary_probs"}, "target takes 'labels', .* where the prediction is logits"),
        ({"prediction": "binary_logits"}, "target takes 'binary_probs' where"),
        ({"target": "probs", "ignore": 0}, "ignore marks labels"),
        ({"prediction": "probs", "z_loss": 0.1}, "z_loss penalises log Z, and probs have none"),
        ({"prediction": "log_probs", "softcap": 3.0}, "softcap caps logits"),
    ]
    yes_no = {"target": "binary_probs", "prediction": "binary_logits"}
    refusals += [
        ({**yes_no, "axis": 1}, "yes/no outcomes have no class axis"),
        ({**yes_no, "class_weight": 3.0}, r"the pair \(negative, positive\)"),
    ]
    for declared, say in refusals:
        with pytest.raises(ValueError, match=say):
            CrossEntropy(**declared)
    with pytest.raises(TypeError, match=r"a module with a weight \[K, D\].*got ReLU"):
        LinearCrossEntropy(torch.nn.ReLU())
    with pytest.raises(ValueError, match="target takes 'labels'"):
        LinearCrossEntropy(torch.nn.Linear(3, 5), target="binary_probs")
    # What a batch brings is refused as `cross_entropy` refuses it.
    with pytest.raises(plogq.LabelError, match="label -1 at event 2"):
        CrossEntropy()(Z, Y)
    with pytest.raises(ValueError, match="reduction takes"):
        CrossEntropy(reduction="average")(Z, Y.clamp_min(0))


@for_each("module", [CrossEntropy, LinearCrossEntropy])
def test_its_example_runs(module: type) -> None:
    text = inspect.getdoc(module) or ""
    examples = doctest.DocTestParser().get_examples(text, module.__name__)
    assert examples
    run(examples, module.__name__, text)
