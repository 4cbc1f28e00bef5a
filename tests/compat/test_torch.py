"""torch's losses under plogq: every quirk by name, against torch itself."""

from __future__ import annotations

import copy
import doctest
import inspect
import math
import pickle
import warnings
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.func import grad, hessian, jvp, vmap

import plogq
import plogq.compat.torch as compat

from ..test_docs import run
from ..together import for_each

NAN, INF = float("nan"), float("inf")
LABELS = torch.tensor([0, 4, -100, 2])
WEIGHT = torch.tensor([0.5, 1.0, 3.0, 0.0, 2.0])
REDUCTIONS = ("mean", "sum", "none")
# torch.func and forward mode are written in what torch itself has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
IGNORED = "ignore:reduction. 'mean' divides"


def scores(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype) * 3


def outcome(f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, list[Any]]:
    """What f returns, and the gradients of the tensors that want one."""
    given = [x.detach().requires_grad_(x.requires_grad) if _float(x) else x for x in args]
    out = f(*given, **kwargs)
    wanted = [x for x in given if _float(x) and x.requires_grad]
    return out, list(torch.autograd.grad(out.sum(), wanted)) if wanted else []


def _float(x: Any) -> bool:
    return isinstance(x, torch.Tensor) and x.is_floating_point()


def agree(name: str, *args: Any, **kwargs: Any) -> torch.Tensor:
    """Values, gradients, dtypes and shapes are torch's; returns the value."""
    ours = outcome(getattr(compat, name), args, kwargs)
    theirs = outcome(getattr(F, name), args, kwargs)
    torch.testing.assert_close(ours, theirs, equal_nan=True)
    return ours[0]


@for_each("reduction", REDUCTIONS)
@for_each("smoothing", [0.0, 0.1, 1.0])
@for_each("weight", [None, WEIGHT.double()], ids=["alike", "weighted"])
@for_each("ignore_index", [-100, 4, 2, 99])
def test_class_weights_smoothing_and_ignored_labels_together(
    reduction: str, smoothing: float, weight: Any, ignore_index: int
) -> None:
    y = LABELS.where(LABELS != -100, ignore_index)
    options = {"ignore_index": ignore_index, "reduction": reduction}
    x = scores(4, 5).requires_grad_()
    agree("cross_entropy", x, y, weight, label_smoothing=smoothing, **options)
    agree("nll_loss", x, y, weight, **options)
    images, masks = scores(2, 5, 3, 2).requires_grad_(), y[:2, None, None].expand(2, 3, 2)
    agree("cross_entropy", images, masks, weight, label_smoothing=smoothing, **options)


@for_each("weight", [None, WEIGHT.double()], ids=["alike", "weighted"])
@for_each("smoothing", [0.0, 0.1])
def test_where_everything_is_ignored_the_mean_is_nan_and_its_gradient_0(
    weight: Any, smoothing: float
) -> None:
    x, y = scores(3, 5).requires_grad_(), torch.full((3,), -100)
    out = agree("cross_entropy", x, y, weight, label_smoothing=smoothing)
    assert out.isnan()
    (slope,) = torch.autograd.grad(compat.cross_entropy(x, y, weight, label_smoothing=smoothing), x)
    assert not slope.any()
    assert agree("cross_entropy", x, y, weight, reduction="sum", label_smoothing=smoothing) == 0


@for_each("reduction", REDUCTIONS)
def test_no_events(reduction: str) -> None:
    nothing = torch.zeros(0, dtype=torch.int64)
    for x, y in ((scores(0, 5), nothing), (scores(0, 5, 2), nothing.reshape(0, 1).expand(0, 2))):
        agree("cross_entropy", x.requires_grad_(), y, reduction=reduction)
        agree("nll_loss", x, y, reduction=reduction)
    agree("cross_entropy", scores(0, 5).requires_grad_(), scores(0, 5), reduction=reduction)
    q = torch.zeros(0, 2, requires_grad=True)
    for name in ("binary_cross_entropy", "binary_cross_entropy_with_logits"):
        agree(name, q, torch.zeros(0, 2), reduction=reduction)
    if reduction != "mean":
        agree("kl_div", q, torch.zeros(0, 2), reduction=reduction)


@for_each("reduction", REDUCTIONS)
@for_each("classes", [0, 1])
def test_fewer_than_two_classes(classes: int, reduction: str) -> None:
    x, rows = scores(3, classes, 2).requires_grad_(), torch.ones(3, classes, 2).double()
    agree("cross_entropy", x, rows, reduction=reduction, label_smoothing=0.1 * classes)
    if classes:
        y = torch.tensor([[0, -100], [0, 0], [-100, 0]])
        agree("cross_entropy", x, y, WEIGHT[1:2].double(), reduction=reduction)
        agree("nll_loss", x, y, reduction=reduction)
    with pytest.raises(IndexError, match="out of bounds"):
        compat.cross_entropy(x, torch.full((3, 2), classes))


def test_uint8_labels_are_compared_with_ignore_index_as_numbers() -> None:
    """156 and -100 are the same byte."""
    x, y = scores(2, 200).requires_grad_(), torch.tensor([156, 3], dtype=torch.uint8)
    agree("cross_entropy", x, y, reduction="none")
    agree("nll_loss", x, y, ignore_index=156)


def test_one_event_without_a_batch() -> None:
    x, y = scores(5).requires_grad_(), torch.tensor(3)
    for reduction in REDUCTIONS:
        agree("cross_entropy", x, y, reduction=reduction)
        agree("nll_loss", x, y, WEIGHT.double() + 1, reduction=reduction)
        agree("cross_entropy", x, scores(5).softmax(0), reduction=reduction)
        # With an axis of its own, of which torch has the value and no gradient.
        for name in ("cross_entropy", "nll_loss"):
            agree(name, x.detach(), y.reshape(1), reduction=reduction)


@for_each("reduction", REDUCTIONS)
@for_each("smoothing", [0.0, 0.2])
@for_each("weight", [None, WEIGHT.double()], ids=["alike", "weighted"])
def test_probability_targets_of_any_mass(reduction: str, smoothing: float, weight: Any) -> None:
    """The mean divides by events, and smoothing spreads a / K, whatever a row sums to."""
    x, t = scores(4, 5, 3).requires_grad_(), (scores(4, 5, 3, seed=1).abs()).requires_grad_()
    agree("cross_entropy", x, t, weight, reduction=reduction, label_smoothing=smoothing)
    agree("cross_entropy", x, t - 2, weight, reduction=reduction, label_smoothing=smoothing)


def test_a_negative_smoothing_is_none_and_a_negative_weight_counts() -> None:
    x, y = scores(4, 5).requires_grad_(), torch.tensor([0, 4, 1, 2])
    agree("cross_entropy", x, y, label_smoothing=-0.3)
    agree("cross_entropy", x, y, WEIGHT.double() - 1.25, label_smoothing=0.1)


DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


@for_each("left", DTYPES, ids=str)
@for_each("right", DTYPES, ids=str)
@pytest.mark.filterwarnings(IGNORED)
def test_dtypes_of_the_result(left: torch.dtype, right: torch.dtype) -> None:
    x, t = torch.tensor([[0.5, 0.25]]), torch.tensor([[0.75, 0.25]])
    calls: list[tuple[str, Any]] = [
        ("cross_entropy", (x.to(left), t.to(right))),
        ("cross_entropy", (x.to(left), t.to(left), t[0].to(right))),
        ("cross_entropy", (x.to(left), torch.tensor([1]))),
        ("nll_loss", (x.to(left), torch.tensor([1]))),
        ("binary_cross_entropy", (x.to(left), t.to(left), t.to(right))),
        ("binary_cross_entropy_with_logits", (x.to(left), t.to(right), t)),
        ("kl_div", (x.to(left), t.to(right))),
    ]
    for name, args in calls:
        for reduction in REDUCTIONS:
            out = getattr(compat, name)(*args, reduction=reduction)
            expected = getattr(F, name)(*args, reduction=reduction)
            assert out.dtype is expected.dtype, name
            torch.testing.assert_close(out, expected, rtol=1e-2, atol=1e-2)


def test_under_autocast_the_losses_are_float32() -> None:
    x, y = scores(4, 5, dtype=torch.bfloat16), torch.tensor([0, 4, 1, 2])
    q = x.sigmoid()
    with torch.autocast("cpu", torch.bfloat16):
        for name, args in (
            ("cross_entropy", (x, y)),
            ("nll_loss", (x, y)),
            ("binary_cross_entropy", (q, q)),
            ("binary_cross_entropy_with_logits", (x, q)),
        ):
            assert getattr(compat, name)(*args).dtype is torch.float32, name
            assert getattr(F, name)(*args).dtype is torch.float32
    assert compat.cross_entropy(x, y).dtype is torch.bfloat16


@for_each("t", [0.0, 1.0, 0.3])
@for_each("dtype", [torch.float32, torch.float64], ids=str)
def test_bce_at_the_ends(t: float, dtype: torch.dtype) -> None:
    """The logarithms stop at -100, and the gradient's denominator at 1e-12."""
    ends = [0.0, 1.0, 1e-44, 1e-30, 1e-13, 1e-7, 0.5, 1 - 2.0**-24, 1 - 2.0**-53]
    x = torch.tensor(ends, dtype=dtype, requires_grad=True)
    agree("binary_cross_entropy", x, torch.full_like(x, t).detach(), reduction="none")
    agree("binary_cross_entropy", x, torch.full_like(x, t).detach(), torch.rand(9).to(dtype))


def test_bce_weights_broadcast_to_the_input_and_not_beyond() -> None:
    x = scores(4, 5).sigmoid().requires_grad_()
    t, z = scores(4, 5, seed=2).sigmoid(), scores(4, 5, seed=3).requires_grad_()
    for weight in (torch.tensor(2.0), WEIGHT, torch.rand(4, 1), torch.rand(4, 5).double()):
        for reduction in REDUCTIONS:
            agree("binary_cross_entropy", x, t, weight, reduction=reduction)
            name = "binary_cross_entropy_with_logits"
            agree(name, z, t, weight, reduction=reduction, pos_weight=weight + 1)
            agree(name, z, t, reduction=reduction, pos_weight=weight.reshape(-1)[:1])
    for name in ("binary_cross_entropy", "binary_cross_entropy_with_logits"):
        refused(name, x, t, torch.rand(3, 4, 5))
        refused(name, x, t, torch.rand(3))


def test_gradients_of_targets() -> None:
    z, t = scores(4, 5).requires_grad_(), scores(4, 5, seed=2).sigmoid().requires_grad_()
    agree("binary_cross_entropy_with_logits", z, t, WEIGHT, pos_weight=WEIGHT + 1)
    agree("binary_cross_entropy", z.sigmoid(), t, WEIGHT)


def test_elementwise_losses_of_a_single_number() -> None:
    half, z = torch.tensor(0.5), torch.tensor(0.7, requires_grad=True)
    for reduction in REDUCTIONS:
        agree("binary_cross_entropy", z, half, half, reduction=reduction)
        agree("binary_cross_entropy_with_logits", z, half, half, None, None, reduction, half)
    agree("kl_div", z, half, reduction="batchmean")


@for_each("reduction", [*REDUCTIONS, "batchmean"])
@for_each("log_target", [False, True])
@pytest.mark.filterwarnings(IGNORED)
def test_kl_div(reduction: str, log_target: bool) -> None:
    x = scores(4, 5).log_softmax(1).requires_grad_()
    t = scores(4, 5, seed=1).softmax(1).requires_grad_()
    kwargs = {"reduction": reduction, "log_target": log_target}
    agree("kl_div", x, t, **kwargs)
    agree("kl_div", x, t[:1], **kwargs)
    agree("kl_div", x[0], t, **kwargs)
    # It is 0 where the target is 0, and NaN where it is negative.
    agree("kl_div", x, torch.eye(5)[:4].double(), **kwargs)
    agree("kl_div", x, -t.detach(), **kwargs)
    agree("kl_div", x, scores(4, 5).detach(), **kwargs)


@for_each(
    ("size_average", "reduce", "reduction"),
    [(None, True, "mean"), (False, None, "sum"), (True, False, "none"), (True, True, "mean")],
)
def test_deprecated_arguments_warn_in_torchs_words(
    size_average: Any, reduce: Any, reduction: str
) -> None:
    x, y = scores(4, 5), torch.tensor([0, 4, 1, 2])
    q = x.sigmoid()
    old = {"size_average": size_average, "reduce": reduce}
    for name, args in (
        ("cross_entropy", (x, y)),
        ("nll_loss", (x, y)),
        ("binary_cross_entropy", (q, q)),
        ("binary_cross_entropy_with_logits", (x, q)),
        ("kl_div", (x, q)),
    ):
        found, said = [], []
        for library in (compat, F):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                found.append(getattr(library, name)(*args, **old))
            said.append([(str(w.message), w.category) for w in caught])
        torch.testing.assert_close(*found)
        assert said[0] == said[1]
        assert f"use reduction='{reduction}'" in said[0][0][0]
        module = {"cross_entropy": "CrossEntropyLoss", "nll_loss": "NLLLoss"}.get(name)
        if module:
            with pytest.warns(UserWarning, match="size_average and reduce"):
                assert getattr(compat, module)(**old).reduction == reduction


def test_warnings_about_reductions() -> None:
    x, y = scores(4, 5), torch.tensor([0, 4, 1, 2])
    with pytest.warns(UserWarning, match="elementwise_mean.*deprecated"):
        out = compat.cross_entropy(x, y, reduction="elementwise_mean")
    assert out == compat.cross_entropy(x, y)
    for library in (compat, F):
        with pytest.warns(UserWarning, match=r"^reduction: 'mean' divides the total loss by both "):
            library.kl_div(x, x.softmax(1))


def refused(name: str, *args: Any, say: str | None = None, **kwargs: Any) -> None:
    """Both refuse it, ours with torch's type of error or one below it."""
    kinds = (RuntimeError, ValueError, IndexError, TypeError)
    with pytest.raises(kinds) as theirs:
        getattr(F, name)(*args, **kwargs)
    with pytest.raises(theirs.type, match=say):
        getattr(compat, name)(*args, **kwargs)


def test_refused_as_torch_refuses_with_what_to_write_instead() -> None:
    x, y, rows = scores(3, 5), torch.tensor([0, 1, 2]), scores(3, 5).softmax(1)
    image = scores(2, 5, 4, 4)
    for index in (torch.int32, torch.int16, torch.int8, torch.bool, torch.float32):
        refused("cross_entropy", x, y.to(index), say=r"Long or Byte.*target\.long\(\)")
        refused("nll_loss", x, y.to(index), say="Long or Byte")
    refused("cross_entropy", x, rows.long(), say="Expected floating point type.*without axis 1")
    refused("cross_entropy", x, rows, ignore_index=0, say="row of zeros")
    refused("cross_entropy", x, y, label_smoothing=1.5, say="between 0.0 and 1.0. Got: 1.5")
    refused("cross_entropy", x, rows, label_smoothing=1.5)
    for t in (y, rows):
        refused("cross_entropy", x, t, WEIGHT[:4].double(), say="all 5 classes or no classes")
        refused("cross_entropy", x, t, reduction="batchmean", say="not a valid value")
    refused("cross_entropy", x, y, WEIGHT, say=r"Double but found Float.*weight\.to")
    refused("cross_entropy", x, y[:2], say="batch_size")
    refused("cross_entropy", x, y[:, None], say="multi-target not supported")
    refused("cross_entropy", x[0], y, say="must have size 1")
    refused("cross_entropy", image, torch.zeros(2, 4, 3).long(), say=r"got \[2, 4, 3\]")
    refused("cross_entropy", image, torch.zeros(2, 4).long())
    refused("cross_entropy", x.long(), y, say=r"input\.float\(\)")
    refused("nll_loss", x.long(), y, say=r"input\.float\(\)")
    refused("cross_entropy", x, [0, 1, 2], say=r"must be Tensor, not list.*as_tensor\(target\)")
    refused("cross_entropy", x.numpy(), y, say="argument 'input'")
    refused("cross_entropy", x, y, [1.0] * 5, say="argument 'weight'")
    q = x.sigmoid()
    refused("binary_cross_entropy", q + 0.5, q, say="these look like scores")
    refused("binary_cross_entropy", q, q + 0.5, say="all elements of target should be")
    refused("binary_cross_entropy", q * NAN, q, say="all elements of input should be")
    refused("binary_cross_entropy", q, q.float(), say=r"Found dtype Float.*target\.to")
    refused("binary_cross_entropy", q, q[:1], say="Please ensure they have the same size")
    refused("binary_cross_entropy_with_logits", x, q[:1], say="must be the same as input size")
    refused("binary_cross_entropy_with_logits", x, y[:, None].expand(3, 5), say=r"target\.to")
    refused("binary_cross_entropy_with_logits", x.long(), q)
    refused("kl_div", x, y[:, None], reduction="sum", say=r"write x\.float\(\)")
    refused("kl_div", x, q[:2], reduction="sum")
    refused("kl_div", x, q, reduction="average", say="not a valid value")


def test_a_label_outside_the_classes_is_an_index_error_that_names_it() -> None:
    x = scores(3, 5)
    for label in (5, -1):
        for kwargs in ({}, {"label_smoothing": 0.1}, {"weight": WEIGHT.double()}):
            y = torch.tensor([0, label, 1])
            refused("cross_entropy", x, y, say=f"label {label} at event 1", **kwargs)
    with pytest.raises(IndexError, match="mark it with ignore_index=-1 if it means missing"):
        compat.nll_loss(x, torch.tensor([-1, 0, 0]))


def test_second_derivatives() -> None:
    x, y, w = scores(3, 4).requires_grad_(), torch.tensor([0, 3, -100]), WEIGHT[:4].double() + 1
    q, t = (scores(3, 4, seed=i).sigmoid().requires_grad_() for i in (1, 2))
    calls = [
        (lambda x: compat.cross_entropy(x, y, w, label_smoothing=0.1), (x,)),
        (lambda x, t: compat.cross_entropy(x, t, w, label_smoothing=0.1), (x, t)),
        (lambda x: compat.nll_loss(x, y, w, reduction="none"), (x,)),
        (lambda q, t: compat.binary_cross_entropy(q, t, w), (q, t)),
        (lambda x, t: compat.binary_cross_entropy_with_logits(x, t, w, pos_weight=w), (x, t)),
        (lambda x, t: compat.kl_div(x, t, reduction="batchmean"), (x, t)),
        (lambda x, t: compat.kl_div(x, t, reduction="none", log_target=True), (x, t)),
        (lambda x, m: compat.linear_cross_entropy(x, m, y, weight=w), (x, scores(4, 4))),
    ]
    for f, inputs in calls:
        given = [v.detach().requires_grad_() for v in inputs]
        assert torch.autograd.gradcheck(f, given, check_forward_ad=True)
        assert torch.autograd.gradgradcheck(f, given)


@pytest.mark.filterwarnings(IGNORED)
def test_torch_func() -> None:
    """Gradients per sample, Hessians and forward mode."""
    x, y, w = scores(4, 5), torch.tensor([0, 4, 1, 2]), WEIGHT.double()
    q, t = x.sigmoid(), scores(4, 5, seed=1).sigmoid()
    matrix = scores(5, 5, seed=4)

    def results(library: Any) -> list[Any]:
        found = [
            vmap(grad(lambda a, b: library.cross_entropy(a, b, w, label_smoothing=0.1)))(x, y),
            vmap(grad(library.cross_entropy))(x, t),
            vmap(grad(lambda a, b: library.nll_loss(a, b, w)))(x, y),
            hessian(lambda a: library.cross_entropy(a, y, w))(x),
            vmap(grad(lambda a, b: library.linear_cross_entropy(a, matrix, b)))(x, y),
            *jvp(lambda m: library.linear_cross_entropy(x, m, y), (matrix,), (matrix,)),
        ]
        for name in ("binary_cross_entropy", "binary_cross_entropy_with_logits", "kl_div"):
            f = getattr(library, name)
            found += [vmap(grad(f))(q, t), *jvp(f, (q, t), (x, x)), hessian(f)(q, t)]
        return found

    torch.testing.assert_close(results(compat), results(F))


def test_what_differs_from_torch() -> None:
    """Where torch's number is wrong or nothing, ours is right; each is on the docs page."""
    x = torch.tensor([[40.0, 0.0]])
    assert F.cross_entropy(x, torch.tensor([0])) == 0.0
    exact = math.log1p(math.exp(-40.0))
    assert compat.cross_entropy(x, torch.tensor([0])).item() == pytest.approx(exact, rel=1e-6)
    ruled_out, certain = torch.tensor([[0.0, -INF]]), torch.tensor([[1.0, 0.0]])
    assert F.cross_entropy(ruled_out, certain).isnan()
    assert compat.cross_entropy(ruled_out, certain) == 0.0
    impossible = (torch.tensor([-INF, -1.0]), torch.tensor([0.0, 1.0]))
    assert F.kl_div(*impossible, reduction="sum").isnan()
    assert compat.kl_div(*impossible, reduction="none").tolist() == [0.0, 1.0]
    none = torch.tensor([-1.0]), torch.tensor([-INF])
    assert F.kl_div(*none, reduction="sum", log_target=True).isnan()
    assert compat.kl_div(*none, reduction="sum", log_target=True) == 0.0
    # Labels whose weights are all 0: NaN as torch's, with the gradient 0 in place of NaN.
    z = scores(2, 2).requires_grad_()
    y, weightless = torch.tensor([1, 1]), torch.tensor([1.0, 0.0]).double()
    slopes = [torch.autograd.grad(L.cross_entropy(z, y, weightless), z)[0] for L in (compat, F)]
    assert not slopes[0].any()
    assert slopes[1].isnan().all()
    # Class weights have gradients.
    w = WEIGHT.double().requires_grad_()
    with pytest.raises(RuntimeError, match="not differentiable"):
        F.cross_entropy(scores(2, 5), y, w)
    assert torch.autograd.gradcheck(lambda w: compat.cross_entropy(scores(2, 5), y, w), w + 1)
    for shape in ((5,), ()):
        z, pos = scores(*shape), torch.ones(shape).double().requires_grad_()
        with pytest.raises(RuntimeError, match="not differentiable"):
            F.binary_cross_entropy_with_logits(z, z.sigmoid(), pos_weight=pos)
        assert torch.autograd.gradcheck(
            lambda w, z=z: compat.binary_cross_entropy_with_logits(z, z.sigmoid(), w, pos_weight=w),
            pos,
        )
    # The target's gradient of the clamped BCE is that of the value that is returned.
    t = torch.tensor([0.5], requires_grad=True)
    slopes = [
        torch.autograd.grad(L.binary_cross_entropy(torch.zeros(1), t), t)[0] for L in (compat, F)
    ]
    assert slopes == [torch.tensor([100.0]), torch.tensor([INF])]


def test_linear_cross_entropy_never_stores_scores_where_it_can() -> None:
    x, m, y = scores(4, 3).requires_grad_(), scores(5, 3).requires_grad_(), LABELS
    b = scores(5).requires_grad_()
    options = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=2)
    for kwargs in (
        {"weight": WEIGHT.double(), "label_smoothing": 0.1},
        {"ignore_index": 4, "reduction": "none"},
        {"reduction": "sum"},
    ):
        agree("linear_cross_entropy", x, m, y.clamp_min(0), linear_bias=b, **kwargs)
        found = [
            compat.linear_cross_entropy(x, m, y.clamp_min(0), options=o, **kwargs)
            for o in (None, options)
        ]
        assert torch.equal(*found)
    agree("linear_cross_entropy", x, m, scores(4, 5).softmax(1), linear_bias=b)
    agree("linear_cross_entropy", x[0], m, torch.tensor(4))
    agree("linear_cross_entropy", x, m.reshape(5, 1, 3), y[:, None])
    agree("linear_cross_entropy", x, m[:1], torch.zeros(4).long())
    chosen = plogq.explain(plogq.Labels(y.clamp_min(0)), plogq.LinearLogits(x, m, b)).chosen
    assert chosen == "chunked"
    refused("linear_cross_entropy", x[None], m, y, say="flatten")
    refused("linear_cross_entropy", x, m[0], y, say="torch.nn.Linear has it")
    refused("linear_cross_entropy", x, m.T, y, say="expected equal input and linear_weight")
    refused("linear_cross_entropy", x, m, y, linear_bias=b[:4], say="expected linear_bias shape")
    refused("linear_cross_entropy", x[0], m.reshape(5, 1, 3), y, say="requires batched input")
    refused("linear_cross_entropy", x, m, scores(4, 5).softmax(1), ignore_index=1)
    refused("linear_cross_entropy", x, m.float(), y)
    refused("linear_cross_entropy", x, m, y + 5)


MODULES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("CrossEntropyLoss", {"weight": WEIGHT, "ignore_index": 3, "label_smoothing": 0.1}),
    ("NLLLoss", {"weight": WEIGHT, "ignore_index": 1, "reduction": "sum"}),
    ("BCELoss", {"weight": WEIGHT}),
    ("BCEWithLogitsLoss", {"weight": WEIGHT, "pos_weight": WEIGHT + 1}),
    ("KLDivLoss", {"reduction": "batchmean", "log_target": True}),
    ("LinearCrossEntropyLoss", {"in_features": 5, "num_classes": 4, "bias": True}),
)


@for_each(("name", "kwargs"), MODULES, ids=[name for name, _ in MODULES])
def test_modules_are_torchs_in_all_but_the_arithmetic(name: str, kwargs: dict[str, Any]) -> None:
    ours, theirs = getattr(compat, name)(**kwargs), getattr(torch.nn, name)(**kwargs)
    assert isinstance(ours, getattr(torch.nn, name))
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert {n for n, _ in ours.named_buffers()} == {n for n, _ in theirs.named_buffers()}
    ours.load_state_dict(theirs.state_dict())
    x = scores(4, 5, dtype=torch.float32)
    x = x.sigmoid().requires_grad_()
    y = torch.tensor([0, 2, 1, 2]) if "index" in str(kwargs) or "Linear" in name else x.detach()
    expected = outcome(theirs, (x, y), {})
    for module in (ours, copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        torch.testing.assert_close(outcome(module, (x, y), {}), expected)


@for_each("name", compat.__all__)
def test_every_name_says_what_it_is_and_its_example_runs(name: str) -> None:
    text = inspect.getdoc(getattr(compat, name)) or ""
    assert text.startswith(f"`torch.nn.{'' if name.endswith('Loss') else 'functional.'}{name}`")
    examples = doctest.DocTestParser().get_examples(text, name)
    assert bool(examples) != name.endswith("Loss")
    if examples:
        run(examples, name, text)
