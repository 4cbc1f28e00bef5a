"""plogq, PyTorch and the fused libraries on a GPU's tensors, timed by a clock of the device.

The parts of a call: "forward" is the loss alone, of inputs that ask for no gradient; "backward" is
backward() alone; "both" is a training step's loss and backward(). `.grad` is cleared in every call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F

from ..case import Run
from ..device import Clock
from . import on_torch
from .torch_nn import compiled, fused, unfused

Tensor = torch.Tensor
Loss = Callable[..., Any]
Prepare = Callable[..., Run]


def _nothing() -> None:
    return None


def _run(
    part: str, loss: Loss, clock: Clock, given: Sequence[Tensor], ready: Callable[[], Any]
) -> Run:
    """Times a part of a call; the last input is the labels, and the others get gradients."""
    if part == "forward":
        plain = [x.detach() for x in given]

        def forward(_: None) -> Tensor:
            with torch.no_grad():
                return loss(*plain)

        return clock.timed(forward, ready)

    leaves = [x.requires_grad_() for x in given[:-1]]

    def value() -> Tensor:
        ready()
        return loss(*given)

    def backward(value: Tensor) -> Any:
        value.backward()
        gradients = tuple(x.grad for x in leaves)
        for x in leaves:
            x.grad = None
        return value.detach(), gradients

    if part == "backward":
        return clock.timed(backward, value)
    return clock.timed(lambda _: backward(loss(*given)), ready)


def _way(kind: str, load: Callable[[], Loss]) -> dict[str, Prepare]:
    """Every part of a way to call a loss, which is loaded when it is prepared."""

    def prepare(part: str, clock: Clock, *given: Tensor) -> Run:
        return _run(part, load(), clock, given, _nothing)

    return _parts(kind, prepare)


def _spoiling(kind: str, load: Callable[[], Loss]) -> dict[str, Prepare]:
    """The same of a loss that writes the gradient over the scores: they are put back before it."""

    def prepare(part: str, clock: Clock, x: Tensor, y: Tensor) -> Run:
        own, x = x.detach().clone(), x.detach()

        def put_back() -> None:
            own.detach().copy_(x)

        return _run(part, load(), clock, (own, y), put_back)

    return _parts(kind, prepare)


def _yardstick(work: Callable[..., Any], *names: str) -> dict[str, Prepare]:
    """Work without a loss, of which nothing is differentiated."""

    def prepare(clock: Clock, *given: Tensor) -> Run:
        plain = [x.detach() for x in given]

        def call(_: None) -> None:
            work(*plain)

        return clock.timed(call)

    return dict.fromkeys(names, prepare)


def _parts(kind: str, prepare: Callable[..., Run]) -> dict[str, Prepare]:
    return {f"{kind}_{part}": partial(prepare, part) for part in ("forward", "backward", "both")}


def _liger() -> Loss:
    from liger_kernel.transformers import LigerCrossEntropyLoss

    return LigerCrossEntropyLoss()


def _liger_linear() -> Loss:
    from liger_kernel.transformers import LigerFusedLinearCrossEntropyLoss

    loss = LigerFusedLinearCrossEntropyLoss()
    return lambda hidden, weight, y: loss(weight, hidden, y)


def _cce(**options: Any) -> Loss:
    from cut_cross_entropy import linear_cross_entropy

    return partial(linear_cross_entropy, **options)


def _quack() -> Loss:
    from quack import cross_entropy

    return cross_entropy


def _quack_linear() -> Loss:
    from quack.linear_cross_entropy import chunked_linear_cross_entropy

    return chunked_linear_cross_entropy


def _one_product(hidden: Tensor, weight: Tensor, y: Tensor) -> None:
    torch.mm(hidden, weight.T)


def _three_products(hidden: Tensor, weight: Tensor, y: Tensor) -> None:
    """The scores, and the two products of the gradients."""
    scores = torch.mm(hidden, weight.T)
    torch.mm(scores, weight)
    torch.mm(scores.T, hidden)


PLOGQ = _way("labels", lambda: on_torch.labels) | _way("linear", lambda: on_torch.linear)
TILES = _way("linear", lambda: on_torch.tiles)
FILTERED = _way("linear", lambda: on_torch.filtered)
EAGER = _way("labels", lambda: F.cross_entropy) | _way("linear", lambda: unfused)
COMPILED = _way("labels", lambda: compiled(F.cross_entropy)) | _way(
    "linear", lambda: compiled(unfused)
)
FUSED = _way("linear", lambda: fused)
LIGER = _spoiling("labels", _liger) | _way("linear", _liger_linear)
CCE = _way("linear", _cce)
CCE_WHOLE = _way("linear", partial(_cce, filter_eps=None))
QUACK = _way("labels", _quack) | _way("linear", _quack_linear)
COPY = _yardstick(lambda x, y: x.clone(), "labels_forward", "labels_backward", "labels_both")
PRODUCTS = _yardstick(_one_product, "linear_forward") | _yardstick(_three_products, "linear_both")
