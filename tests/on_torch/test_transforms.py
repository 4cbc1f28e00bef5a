"""torch.func on every pair: grad, vmap, jvp, jacrev, jacfwd, hessian, and one inside another.

The reference is the textbook's -(p * log_softmax(s)).sum() under the same transform.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.func import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp, vmap

import plogq

from ..together import for_each
from .pairs import PAIRS, Call
from .tensors import on_torch, tensors

Tensor = torch.Tensor

every_pair = for_each(("p", "q"), PAIRS)
FEW = [
    ("Labels-plain", "Logits"),
    ("Labels-smoothed>both_weights>smoothed", "Logits(softcap)"),
    ("Probs-both_weights", "Logits"),
    ("SparseProbs-smoothed", "Probs"),
    ("BinaryProbs(soft)-both_weights", "BinaryLogits"),
    ("Labels-plain", "LinearLogits(bias)"),
]
some_pairs = for_each(("p", "q"), FEW)


def close(got: Any, want: Any) -> None:
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-11)


def along(call: Call, seed: int = 1) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(x.shape, generator=generator, dtype=x.dtype) for x in call.inputs)


@every_pair
def test_grad_of_every_tensor(p: str, q: str) -> None:
    call = Call(p, q)
    every = tuple(range(len(call.inputs)))
    for reduction in ("mean", "sum", "sum_over_batch_size"):
        got = grad(call.by_option(reduction=reduction), every)(*call.inputs)
        leaves = call.leaves()
        want = torch.autograd.grad(call(*leaves, reduction=reduction), leaves)
        close(got, want)
    gradients, value = grad_and_value(call, every)(*call.inputs)
    close(value, call.plainly(*call.inputs))
    close(gradients, grad(call.plainly, every)(*call.inputs))


@every_pair
def test_jvp_along_every_tensor(p: str, q: str) -> None:
    """Forward mode: the change of the losses and of their mean, whose divisor changes as well."""
    call = Call(p, q)
    for reduction in ("none", "mean"):
        ours, theirs = call.by_option(reduction=reduction), _textbook(call, reduction)
        close(jvp(ours, call.inputs, along(call)), jvp(theirs, call.inputs, along(call)))
    # One tensor alone moves; the others have no tangent.
    for i, direction in enumerate(along(call)):

        def one(x: Tensor, i: int = i) -> Tensor:
            inputs = (*call.inputs[:i], x, *call.inputs[i + 1 :])
            return call(*inputs, reduction="none")

        def plainly(x: Tensor, i: int = i) -> Tensor:
            inputs = (*call.inputs[:i], x, *call.inputs[i + 1 :])
            return call.plainly(*inputs, reduction="none")

        given = (call.inputs[i],), (direction,)
        close(jvp(one, *given), jvp(plainly, *given))


def _textbook(call: Call, reduction: str) -> Any:
    return lambda *inputs: call.plainly(*inputs, reduction=reduction)


@some_pairs
def test_jacobians_and_hessians(p: str, q: str) -> None:
    call = Call(p, q, events=(2,))
    every = tuple(range(len(call.inputs)))
    none = call.by_option(reduction="none")
    want = jacrev(_textbook(call, "none"), every)(*call.inputs)
    close(jacrev(none, every)(*call.inputs), want)
    close(jacfwd(none, every)(*call.inputs), want)
    want = hessian(call.plainly, every)(*call.inputs)
    # Forward over reverse, and reverse over reverse.
    close(hessian(call, every)(*call.inputs), want)
    close(jacrev(jacrev(call, every), every)(*call.inputs), want)


@some_pairs
def test_forward_mode_of_vmap(p: str, q: str) -> None:
    """The order of the transforms is the caller's to choose."""
    call = Call(p, q, events=(2,))

    def batched(loss: Any) -> Any:
        return jvp(vmap(loss), *(tuple(x[None] for x in xs) for xs in (call.inputs, along(call))))

    close(batched(call.by_option(reduction="none")), batched(_textbook(call, "none")))


@some_pairs
def test_reverse_mode_of_forward_mode(p: str, q: str) -> None:
    call = Call(p, q, events=(2,))
    every = tuple(range(len(call.inputs)))
    want = hessian(call.plainly, every)(*call.inputs)
    close(jacrev(jacfwd(call, every), every)(*call.inputs), want)


@some_pairs
def test_forward_mode_of_forward_mode(p: str, q: str) -> None:
    """PyTorch gives 0 for this of any Function that has a jvp of its own."""
    call = Call(p, q, events=(2,))
    every = tuple(range(len(call.inputs)))
    want = hessian(call.plainly, every)(*call.inputs)
    close(jacfwd(jacfwd(call, every), every)(*call.inputs), want)


@some_pairs
def test_vjp(p: str, q: str) -> None:
    call = Call(p, q)
    ours, back = vjp(call.by_option(reduction="none"), *call.inputs)
    theirs, want = vjp(_textbook(call, "none"), *call.inputs)
    close(ours, theirs)
    upstream = torch.linspace(-1, 1, ours.numel(), dtype=ours.dtype).view(ours.shape)
    close(back(upstream), want(upstream))


# PyTorch says so of the graph that it folds for the textbook as well.
@pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node")
def test_linearize() -> None:
    """A program of the loss is recorded under forward mode, and run for another direction."""
    call = Call("Probs-both_weights", "Logits")
    ours, along_ours = linearize(call.by_option(reduction="none"), *call.inputs)
    theirs, along_theirs = jvp(_textbook(call, "none"), call.inputs, along(call))
    close(ours, theirs)
    close(along_ours(*along(call)), along_theirs)


@some_pairs
def test_gradients_per_sample(p: str, q: str) -> None:
    """vmap of grad over the events: the rows of what one backward gives for their sum."""
    whole = Call(p, q, events=(5,))
    weight = [n for n in ("weight", "bias") if getattr(whole.q, n, None) is not None]
    of_classes = {id(getattr(whole.q, n)) for n in weight}
    of_classes |= {id(w) for w in _class_weights(whole.p)}
    dims = tuple(None if id(x) in of_classes else 0 for x in whole.inputs)
    index = [x for x in tensors(whole.p) if not x.is_floating_point()]

    def one(inputs: tuple[Tensor, ...], indices: list[Tensor]) -> Tensor:
        given = dict(zip(map(id, whole.inputs), inputs, strict=True))
        given |= dict(zip(map(id, index), indices, strict=True))
        target, prediction = (
            on_torch(r, lambda x: given.get(id(x), x)) for r in (whole.p, whole.q)
        )
        return plogq.cross_entropy(target, prediction, reduction="sum")

    got = vmap(grad(one), in_dims=(dims, 0))(whole.inputs, index)
    for i in range(5):
        leaves = [
            x.detach().clone() if d is None else x[i].detach().clone()
            for x, d in zip(whole.inputs, dims, strict=True)
        ]
        leaves = [x.requires_grad_() for x in leaves]
        loss = one(tuple(leaves), [x[i] for x in index])
        want = torch.autograd.grad(loss, leaves)
        close([g[i] for g in got], list(want))


def _class_weights(p: Any) -> list[Tensor]:
    inner = _class_weights(p.target) if hasattr(p, "target") else []
    own = getattr(p, "class_weight", None)
    return [*inner, own] if isinstance(own, Tensor) else inner


@for_each("axis", [0, 1, -1])
def test_vmap_over_any_axis_of_the_scores(axis: int) -> None:
    z = torch.randn(3, 4, 5, dtype=torch.float64).movedim(0, axis)
    y = torch.tensor([0, 3, 1, 4])

    def loss(scores: Tensor) -> Tensor:
        return plogq.cross_entropy(plogq.Labels(y), plogq.Logits(scores), reduction="none")

    got = vmap(loss, in_dims=axis)(z)
    want = torch.stack([loss(scores) for scores in z.movedim(axis, 0)])
    close(got, want)


def test_vmap_over_labels_alone() -> None:
    z = torch.randn(4, 5, dtype=torch.float64)
    y = torch.randint(0, 5, (6, 4))

    def loss(labels: Tensor) -> Tensor:
        return plogq.cross_entropy(plogq.Labels(labels, ignore=2), plogq.Logits(z))

    close(vmap(loss)(y), torch.stack([loss(labels) for labels in y]))


def test_vmap_of_vmap() -> None:
    z = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    p = torch.softmax(torch.randn(2, 3, 4, 5, dtype=torch.float64), -1)

    def loss(masses: Tensor, scores: Tensor) -> Tensor:
        return plogq.cross_entropy(plogq.Probs(masses), plogq.Logits(scores), reduction="none")

    close(vmap(vmap(loss))(p, z), loss(p, z))


def test_a_label_out_of_range_under_vmap_is_nan_for_that_event_alone() -> None:
    """Values cannot be looked at there (N5): never a wrapped index, never 0, never another's."""
    z = torch.zeros(4, 1, 3)
    y = torch.tensor([[0], [3], [-1], [2]])

    def loss(labels: Tensor, scores: Tensor) -> Tensor:
        return plogq.cross_entropy(plogq.Labels(labels), plogq.Logits(scores), reduction="sum")

    got = vmap(loss)(y, z)
    assert got.isnan().tolist() == [False, True, True, False]
    ignored = vmap(
        lambda a, b: plogq.cross_entropy(
            plogq.Labels(a, ignore=-1), plogq.Logits(b), reduction="none"
        )
    )(y, z)
    assert ignored.isnan().flatten().tolist() == [False, True, False, False]
    assert ignored[2] == 0


def test_a_label_out_of_range_under_grad_is_an_error_or_nan() -> None:
    z = torch.zeros(2, 3)

    def loss(scores: Tensor, y: Tensor) -> Tensor:
        return plogq.cross_entropy(plogq.Labels(y), plogq.Logits(scores), reduction="sum")

    try:
        got = grad(loss)(z, torch.tensor([0, 5]))
    except plogq.LabelError:
        return
    assert got[1].isnan().all()


def test_functional_call_of_a_model() -> None:
    """The way per-sample gradients of a model are written."""
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    parameters = dict(model.named_parameters())
    x, y = torch.randn(6, 4), torch.randint(0, 3, (6,))

    def loss(parameters: Any, x: Tensor, y: Tensor) -> Tensor:
        scores = torch.func.functional_call(model, parameters, (x[None],))
        return plogq.cross_entropy(plogq.Labels(y[None]), plogq.Logits(scores))

    each = vmap(grad(loss), in_dims=(None, 0, 0))(
        {k: v.detach() for k, v in parameters.items()}, x, y
    )
    whole = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(model(x)), reduction="sum")
    want = torch.autograd.grad(whole, list(parameters.values()))
    for name, w in zip(parameters, want, strict=True):
        torch.testing.assert_close(each[name].sum(0), w, rtol=1e-5, atol=1e-6)


def test_forward_mode_over_a_backward() -> None:
    """A Hessian-vector product by dual numbers through an ordinary backward."""
    import torch.autograd.forward_ad as forward

    z = torch.randn(3, 4, dtype=torch.float64)
    v = torch.randn(3, 4, dtype=torch.float64)
    y = plogq.Labels(torch.tensor([0, 1, 3]))
    with forward.dual_level():
        dual = forward.make_dual(z.clone().requires_grad_(), v)
        loss = plogq.cross_entropy(y, plogq.Logits(dual), reduction="sum")
        (gradient,) = torch.autograd.grad(loss, dual, create_graph=True)
        product = forward.unpack_dual(gradient).tangent
    q = torch.softmax(z, -1)
    close(product, q * v - q * (q * v).sum(-1, keepdim=True))


def test_entropy_and_divergence_under_transforms() -> None:
    p = torch.softmax(torch.randn(3, 4, dtype=torch.float64), -1)
    z = torch.randn(3, 4, dtype=torch.float64)

    def divergence(masses: Tensor, scores: Tensor) -> Tensor:
        with plogq.validation("off"):
            return plogq.kl_divergence(plogq.Probs(masses), plogq.Logits(scores), reduction="sum")

    def textbook(masses: Tensor, scores: Tensor) -> Tensor:
        return (masses * (masses.log() - torch.log_softmax(scores, -1))).sum()

    close(grad(divergence, (0, 1))(p, z), grad(textbook, (0, 1))(p, z))
    close(vmap(divergence)(p, z), vmap(textbook)(p, z))
    tangents = (torch.randn_like(p), torch.randn_like(z))
    close(jvp(divergence, (p, z), tangents), jvp(textbook, (p, z), tangents))
    close(
        vmap(grad(lambda s: plogq.log_normalizer(plogq.Logits(s)).sum()))(z), torch.softmax(z, -1)
    )
