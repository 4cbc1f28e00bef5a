"""torch.compile(fullgraph=True): no graph break, eager's numbers, and the same errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    SparseProbs,
    Weighted,
    cross_entropy,
)

Tensor = torch.Tensor
Tensors = dict[str, Tensor]
Make = Callable[..., Any]

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Nothing compiled for one test is there for the next."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()


N, K, D = 4, 5, 3


def tensors(n: int = N, dtype: torch.dtype = torch.float64, seed: int = 1) -> Tensors:
    g = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=g, dtype=torch.float64).to(dtype)

    y = torch.randint(0, K, (n,), generator=g)
    index = torch.stack([y, (y + 2) % K], -1)
    return {
        "y": y,
        "padded": torch.where(torch.arange(n) % 3 == 1, -100, y),
        "p": torch.softmax(normal(n, K).double(), -1).to(dtype),
        "index": index,
        "top": torch.softmax(normal(n, 3).double(), -1)[:, :2].to(dtype),
        "sample": torch.rand(n, generator=g, dtype=torch.float64),
        "classes": torch.rand(K, generator=g, dtype=torch.float64) + 0.5,
        "z": normal(n, K),
        "q": torch.softmax(normal(n, K).double(), -1).to(dtype),
        "h": normal(n, D),
        "w": normal(K, D),
        "b": normal(K),
        "yes": torch.rand(n, K, generator=g, dtype=torch.float64).to(dtype),
        "each": torch.rand(n, K, generator=g, dtype=torch.float64),
    }


TARGETS: dict[str, Make] = {
    "Labels": lambda t: Labels(t["y"]),
    "Labels(ignore)": lambda t: Labels(t["padded"], ignore=-100),
    "Probs": lambda t: Probs(t["p"]),
    "SparseProbs": lambda t: SparseProbs(t["index"], t["top"]),
}
WRAPPERS: dict[str, Make] = {
    "plain": lambda p, t: p,
    "smoothed": lambda p, t: Smoothed(p, 0.1),
    "sample_weight": lambda p, t: Weighted(p, sample_weight=t["sample"]),
    "class_weight>smoothed": lambda p, t: Smoothed(Weighted(p, class_weight=t["classes"]), 0.1),
    "smoothed>both_weights>smoothed": lambda p, t: Smoothed(
        Weighted(Smoothed(p, 0.1), sample_weight=t["sample"], class_weight=t["classes"]), 0.25
    ),
}
PREDICTIONS: dict[str, Make] = {
    "Logits": lambda t: Logits(t["z"]),
    "Logits(softcap)": lambda t: Logits(t["z"], softcap=2.0),
    "LogProbs": lambda t: LogProbs(t["z"].log_softmax(-1)),
    "Probs": lambda t: Probs(t["q"]),
    "LinearLogits": lambda t: LinearLogits(t["h"], t["w"]),
    "LinearLogits(bias, softcap)": lambda t: LinearLogits(t["h"], t["w"], t["b"], softcap=2.0),
}
BINARY_TARGETS: dict[str, Make] = {
    "BinaryProbs": lambda t: BinaryProbs(t["yes"]),
    "BinaryProbs(bool)": lambda t: BinaryProbs(t["yes"] > 0.5),
    "smoothed": lambda t: Smoothed(BinaryProbs(t["yes"]), 0.1),
    "weighted": lambda t: Weighted(
        BinaryProbs(t["yes"]), sample_weight=t["each"], class_weight=(0.5, 2.0)
    ),
    "weights as arrays": lambda t: Weighted(
        BinaryProbs(t["yes"]), class_weight=(1.0, t["classes"])
    ),
}
BINARY_PREDICTIONS: dict[str, Make] = {
    "BinaryLogits": lambda t: BinaryLogits(t["z"]),
    "BinaryProbs": lambda t: BinaryProbs(t["q"]),
}
OF_P = ("p", "top", "sample", "classes", "yes", "each")
OF_Q = ("z", "q", "h", "w", "b")


def recorded(t: Tensors, names: tuple[str, ...] = (*OF_P, *OF_Q)) -> Tensors:
    return {k: x.clone().requires_grad_(k in names) for k, x in t.items()}


def gradients(loss: Tensor, t: Tensors) -> dict[str, Tensor | None]:
    leaves = {k: x for k, x in t.items() if x.requires_grad}
    found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    return dict(zip(leaves, found, strict=True))


def close(got: Any, want: Any) -> None:
    torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-12)


def same_as_eager(run: Make, t: Tensors, names: tuple[str, ...], **options: Any) -> None:
    """Every loss of `run`, and the gradient of their weighted sum, compiled and not."""
    compiled = torch.compile(run, fullgraph=True, **{"backend": "aot_eager", **options})
    ours, theirs = recorded(t, names), recorded(t, names)
    got, want = compiled(ours), run(theirs)
    for i, (a, b) in enumerate(zip(got, want, strict=True)):
        close((i, a), (i, b))

    def total(losses: Any) -> Tensor:
        return sum((i + 1) * (x * torch.arange(1, x.numel() + 1).view(x.shape)).sum()
                   for i, x in enumerate(losses))  # fmt: skip

    close(gradients(total(got), ours), gradients(total(want), theirs))


def test_every_target_wrapper_and_prediction() -> None:
    """Every target in every wrapper, and nearly all of both with every prediction.

    All in one graph, a compilation costs seconds: what breaks it is named by its line.
    """

    def run(t: Tensors) -> list[Tensor]:
        predictions = list(PREDICTIONS.values())
        return [
            cross_entropy(
                wrap(target(t), t), predictions[(i + j) % len(predictions)](t), reduction="none"
            )
            for i, target in enumerate(TARGETS.values())
            for j, wrap in enumerate(WRAPPERS.values())
        ]

    same_as_eager(run, tensors(), OF_Q)


def test_gradients_of_targets() -> None:
    """Of probabilities, of weights, and of the mean's divisor, with each kind of prediction."""

    def run(t: Tensors) -> list[Tensor]:
        both = Weighted(
            Smoothed(Probs(t["p"]), 0.1), sample_weight=t["sample"], class_weight=t["classes"]
        )
        sparse = SparseProbs(t["index"], t["top"])
        scores, stored, linear = (
            PREDICTIONS[name](t) for name in ("Logits", "Probs", "LinearLogits(bias, softcap)")
        )
        pairs = ((both, scores), (sparse, scores), (both, linear), (sparse, stored))
        return [cross_entropy(p, q) for p, q in pairs]

    same_as_eager(run, tensors(), (*OF_P, *OF_Q))


@pytest.mark.parametrize("prediction", BINARY_PREDICTIONS)
def test_every_binary_target(prediction: str) -> None:
    """What probabilities are given for one of each kind only: the target is made as for scores."""
    targets = list(BINARY_TARGETS.values())[:: 1 if prediction == "BinaryLogits" else 2]

    def run(t: Tensors) -> list[Tensor]:
        q = BINARY_PREDICTIONS[prediction](t)
        return [cross_entropy(p(t), q, reduction="none") for p in targets]

    same_as_eager(run, tensors(), (*OF_P, *OF_Q) if prediction == "BinaryLogits" else OF_Q)


def test_every_reduction_and_option() -> None:
    def run(t: Tensors) -> list[Tensor]:
        q, p = Logits(t["z"]), Labels(t["padded"], ignore=-100)
        each = cross_entropy(Labels(t["y"]), q, reduction="none")
        return [
            cross_entropy(p, q, reduction="sum"),
            cross_entropy(p, q, reduction="sum_over_batch_size"),
            cross_entropy(p, q, z_loss=0.25),
            cross_entropy(p, q, normalizer=3),
            cross_entropy(p, q, normalizer=t["sample"].sum()),
            plogq.kl_divergence(Probs(t["p"]), q),
            plogq.focal(each) + plogq.poly(each),
            plogq.log_normalizer(q),
            plogq.log_normalizer(BinaryLogits(t["z"])),
            plogq.entropy(Probs(t["p"])) * t["z"].sum(),
        ]

    same_as_eager(run, tensors(), OF_Q)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_every_dtype_and_axis(dtype: torch.dtype) -> None:
    def run(t: Tensors) -> list[Tensor]:
        return [
            cross_entropy(Labels(t["y"]), Logits(t["z"])),
            cross_entropy(Probs(t["p"]), Logits(t["z"]), reduction="none"),
            cross_entropy(Labels(t["classes_"]), Logits(t["z"], axis=0), reduction="none"),
            cross_entropy(BinaryProbs(t["yes"]), BinaryLogits(t["z"])),
        ]

    t = {**tensors(dtype=dtype), "classes_": torch.tensor([0, 1, 2, 3, 0])}
    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    ours, theirs = recorded(t, OF_Q), recorded(t, OF_Q)
    got, want = compiled(ours), run(theirs)
    for a, b in zip(got, want, strict=True):
        assert a.dtype is b.dtype
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)
    total = sum(x.sum() for x in got), sum(x.sum() for x in want)
    a, b = gradients(total[0], ours)["z"], gradients(total[1], theirs)["z"]
    assert a is not None
    torch.testing.assert_close(a, b, rtol=2 * torch.finfo(dtype).eps, atol=1e-6)


@pytest.mark.parametrize("mode", ["train", "infer"])
def test_inductor(mode: str) -> None:
    """The backend that is the default, with what surrounds a loss: a model and its optimizer."""

    def run(t: Tensors) -> list[Tensor]:
        scores = torch.tanh(t["h"]) @ t["w"].T + t["b"]
        return [cross_entropy(Smoothed(Labels(t["padded"], ignore=-100), 0.1), Logits(scores))]

    if mode == "train":
        same_as_eager(run, tensors(), OF_Q, backend="inductor")
        return
    t = tensors()
    with torch.no_grad():
        close(torch.compile(run, fullgraph=True)(t), run(t))


def test_dynamic_shapes_are_compiled_once() -> None:
    """A batch of another size is another call, not another compilation."""
    count = 0

    def backend(graph: Any, example: Any) -> Any:
        nonlocal count
        count += 1
        return graph.forward

    def run(t: Tensors) -> Tensor:
        p = Smoothed(Labels(t["padded"], ignore=-100), 0.1)
        q = Logits(t["z"])
        soft = Weighted(Probs(t["p"]), sample_weight=t["sample"])
        return (
            cross_entropy(p, q)
            + cross_entropy(soft, q)
            + cross_entropy(SparseProbs(t["index"], t["top"]), q)
            + cross_entropy(BinaryProbs(t["yes"]), BinaryLogits(t["z"]))
            + cross_entropy(Labels(t["y"]), LinearLogits(t["h"], t["w"]))
        )

    compiled = torch.compile(run, fullgraph=True, dynamic=True, backend=backend)
    for n in (4, 7, 33):
        t = recorded(tensors(n), OF_Q)
        again = recorded(tensors(n), OF_Q)
        got, want = compiled(t), run(again)
        close(got, want)
        close(gradients(got, t), gradients(want, again))
    assert count == 1


OPEN: dict[str, Callable[[Tensors, float], Tensor]] = {
    "share": lambda t, x: cross_entropy(Smoothed(Labels(t["y"]), x), Logits(t["z"])),
    "weight of yes": lambda t, x: cross_entropy(
        Weighted(BinaryProbs(t["yes"]), class_weight=(1.0, x)), BinaryLogits(t["z"])
    ),
    "softcap": lambda t, x: cross_entropy(Labels(t["y"]), Logits(t["z"], softcap=2 * x)),
    "filter": lambda t, x: cross_entropy(
        Labels(t["y"]), LinearLogits(t["h"], t["w"], gradient_filter=x / 8)
    ),
    "z-loss": lambda t, x: cross_entropy(Labels(t["y"]), Logits(t["z"]), z_loss=x),
    "normalizer": lambda t, x: cross_entropy(Labels(t["y"]), Logits(t["z"]), normalizer=3 * x),
    "gamma": lambda t, x: plogq.focal(
        cross_entropy(Labels(t["y"]), Logits(t["z"]), reduction="none"), x
    ).sum(),
}


def test_numbers_that_are_open_while_it_is_compiled() -> None:
    """Each call has the numbers that it is given, and none that was there before."""

    def run(t: Tensors, *numbers: float) -> list[Tensor]:
        return [loss(t, x) for loss, x in zip(OPEN.values(), numbers, strict=True)]

    compiled = torch.compile(run, fullgraph=True, dynamic=True, backend="aot_eager")
    for first in (0.125, 0.25, 0.5):
        numbers = [first + i / 64 for i in range(len(OPEN))]
        ours, theirs = recorded(tensors(), OF_Q), recorded(tensors(), OF_Q)
        got, want = compiled(ours, *numbers), run(theirs, *numbers)
        close(dict(zip(OPEN, got, strict=True)), dict(zip(OPEN, want, strict=True)))
        close(gradients(sum(got), ours), gradients(sum(want), theirs))


def test_marked_dynamic() -> None:
    def run(z: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(Labels(y), Logits(z))

    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    for n in (5, 9):
        t = tensors(n)
        z = t["z"].requires_grad_()
        # An axis that could not be dynamic would be an error here.
        torch._dynamo.mark_dynamic(z, 0)
        torch._dynamo.mark_dynamic(t["y"], 0)
        close(compiled(z, t["y"]), run(z, t["y"]))


def test_representations_may_be_made_outside() -> None:
    def run(p: Any, q: Any) -> Tensor:
        return cross_entropy(p, q)

    t = tensors()
    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    for p in (Labels(t["y"]), Weighted(Smoothed(Labels(t["y"]), 0.1), class_weight=t["classes"])):
        close(compiled(p, Logits(t["z"])), run(p, Logits(t["z"])))


@pytest.mark.parametrize(
    ("bad", "backend"),
    [(K, "eager"), (K, "aot_eager"), (K, "inductor"), (-1, "aot_eager"), (2**40, "aot_eager")],
)
def test_a_label_out_of_range_is_found_when_the_program_runs(bad: int, backend: str) -> None:
    """Before anything outside the row is read, and as in eager: never a wrong number."""

    def run(z: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(Labels(y), Logits(z))

    compiled = torch.compile(run, fullgraph=True, backend=backend)
    z, good = torch.randn(N, K, requires_grad=True), torch.tensor([0, 1, 2, 3])
    want = compiled(z, good)
    wrong = good.clone()
    wrong[2] = bad
    with pytest.raises(
        plogq.LabelError, match=f"label {bad} at event 2 is outside the {K} classes"
    ):
        compiled(z, wrong)
    assert torch.equal(compiled(z, good), want)


def test_an_ignored_label_is_let_through_and_another_is_not() -> None:
    def run(z: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(Labels(y, ignore=-100), Logits(z), reduction="none")

    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    z = torch.randn(3, K)
    assert compiled(z, torch.tensor([0, -100, 2]))[1] == 0
    with pytest.raises(plogq.LabelError, match="label -1 at event 1"):
        compiled(z, torch.tensor([0, -1, 2]))


def test_what_is_wrong_about_shapes_and_dtypes_is_an_error_when_compiled() -> None:
    """PyTorch may wrap it; the sentence is in it."""
    y, z = torch.tensor([0, 1, 2, 3]), torch.randn(N, K)
    for run, says in (
        (lambda: cross_entropy(Labels(y[:2]), Logits(z)), "same events"),
        (lambda: cross_entropy(Labels(z), Logits(z)), "must be integers"),
        (lambda: cross_entropy(Labels(y), Logits(y[:, None])), "floating point"),
        (lambda: cross_entropy(y, z), "Labels"),
    ):
        torch.compiler.reset()
        with pytest.raises(Exception, match=says):
            torch.compile(run, fullgraph=True, backend="eager")()


def test_infinite_scores_compiled() -> None:
    inf = float("inf")

    def run(z: Tensor, y: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
        q = Logits(z)
        return (
            cross_entropy(Labels(y), q, reduction="none"),
            cross_entropy(Probs(p), q, reduction="none"),
        )

    rows = [[0.0, -inf, 1.0], [0.0, inf, 1.0], [-inf, -inf, -inf], [0.0, -inf, 1.0]]
    y = torch.tensor([0, 1, 2, 1])
    p = torch.tensor([[0.5, 0.0, 0.5], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
    found = []
    for function in (run, torch.compile(run, fullgraph=True, backend="aot_eager")):
        z = torch.tensor(rows, requires_grad=True)
        losses = function(z, y, p)
        torch.autograd.backward(losses, [torch.ones(4)] * 2)
        found.append((*losses, z.grad))
    torch.testing.assert_close(found[1], found[0], rtol=1e-6, atol=1e-7, equal_nan=True)


def test_a_gradient_inside_the_compiled_program() -> None:
    """torch.func.grad and vmap(grad) traced, and a step of training as one graph."""

    def loss(z: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(Labels(y), Logits(z), reduction="sum")

    t = tensors()
    z, y = t["z"], t["y"]
    want = torch.softmax(z, -1) - torch.nn.functional.one_hot(y, K)
    compiled = torch.compile(torch.func.grad(loss), fullgraph=True, backend="aot_eager")
    close(compiled(z, y), want)
    each = torch.vmap(torch.func.grad(lambda z, y: loss(z[None], y[None])))
    close(torch.compile(each, fullgraph=True, backend="aot_eager")(z, y), want)


def test_a_second_derivative_of_a_compiled_loss() -> None:
    """aot_autograd refuses double backward, so the graph is run by the eager backend."""
    t = tensors()
    v = torch.randn(N, K, dtype=torch.float64)

    def run(z: Tensor) -> Tensor:
        return cross_entropy(Smoothed(Labels(t["y"]), 0.1), Logits(z))

    def product(loss: Any) -> Tensor:
        z = t["z"].clone().requires_grad_()
        (g,) = torch.autograd.grad(loss(z), z, create_graph=True)
        return torch.autograd.grad((g * v).sum(), z)[0]

    close(product(torch.compile(run, fullgraph=True, backend="eager")), product(run))


def test_autocast_compiled() -> None:
    layer = torch.nn.Linear(D, K)

    def run(x: Tensor, y: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return cross_entropy(Labels(y), Logits(layer(x)))

    t = tensors(dtype=torch.float32)
    got = torch.compile(run, fullgraph=True, backend="aot_eager")(t["h"], t["y"])
    assert got.dtype is torch.float32
    torch.testing.assert_close(got, run(t["h"], t["y"]))
