"""PyTorch, as the suites ask: autograd's ways, by the C++ kernels and by the formula."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

import plogq

from .. import bounds, makers
from ..suite.apart import Apart
from ..suite.framework import Array, Framework, Named, named
from . import tensors

# Besides one loss per event and the gradient of their sum: the sum, which is one step of autograd;
# a gradient that is to be differentiated again; and torch.func.
PATHS = ("cpu", "formula", "cpu/at once", "formula/at once", "cpu/twice", "cpu/torch.func")


class Torch(Framework):
    name = "torch"
    chunks = ("float64", "float32")
    ways = tensors.WAYS
    paths = PATHS
    long_rows = (2, 5, 64, 1000, 4097, 2**18)
    device = "cpu"
    # What C++ does is NumPy's; of each part that a measure can have, one meets every prediction.
    pairs = (
        *((p, q) for p in makers.TARGETS for q in ("Logits", "Probs")),
        *((p, q) for p in makers.BINARY_TARGETS for q in makers.BINARY_PREDICTIONS),
        ("Labels-both_weights", "LinearLogits(bias)"),
        ("SparseProbs-smoothed", "LinearLogits(softcap)"),
        ("Probs-plain", "LogProbs"),
        ("Labels-smoothed", "Logits(softcap)"),
    )

    def put(self, x: Any) -> Any:
        if np.asarray(x).dtype.name.startswith("float8"):
            return torch.from_numpy(x.view(np.uint8)).view(getattr(torch, x.dtype.name))
        return tensors.tensor(x, self.device)

    def get(self, x: Any) -> Array:
        return tensors.array(x)

    @contextmanager
    def by(self, way: str) -> Iterator[None]:
        with tensors.by(way.split("/")[0]):
            yield

    def pull(
        self,
        way: str,
        f: Callable[..., Any],
        *held: Any,
        of: Sequence[int] | None = None,
        weights: Any = None,
        create_graph: bool = False,
        **options: Any,
    ) -> tuple[Any, list[list[Array | None]]]:
        apart = Apart(held)
        inputs, wanted = [self.put(x) for x in apart.arrays], apart.floats(of)
        for i in wanted:
            inputs[i].requires_grad_()
        with self.by(way):
            value = f(*apart.together(inputs), **options)
            values = value if isinstance(value, tuple) else (value,)
            flows = weights if isinstance(weights, tuple) else (weights,) * len(values)
            gradients = torch.autograd.grad(
                values,
                [inputs[i] for i in wanted],
                [
                    torch.ones_like(v) if w is None else torch.as_tensor(w, device=v.device).to(v)
                    for v, w in zip(values, flows, strict=True)
                ],
                create_graph=create_graph,
                materialize_grads=True,
            )
        found = tuple(map(self.get, values))
        nested = apart.nested(of, wanted, [self.get(g) for g in gradients])
        return (found if isinstance(value, tuple) else found[0]), nested

    def results(self, way: str, p: Any, q: Any, **options: Any) -> tuple[Array, Named]:
        _, _, path = way.partition("/")
        if path == "at once":
            losses = self.call(way, plogq.cross_entropy, p, q, reduction="none")
            _, gradient = super().results(way, p, q, reduction="sum", **options)
            return losses, gradient
        if path == "torch.func":
            return self._transformed(way, p, q)
        return super().results(way, p, q, **options, **({"create_graph": True} if path else {}))

    def contract_ways(self, p: str, q: str, layers: str, wrappers: Sequence[str]) -> Sequence[str]:
        """Scores still to be made have one kernel."""
        ways = super().contract_ways(p, q, layers, wrappers)
        return ways[:1] if q.startswith("Linear") else ways

    def leaves(self, way: str, pairs: set[tuple[str, str]]) -> bool:
        return way == "formula" and all(q.startswith("Linear") for _, q in pairs)

    def twice(
        self, way: str, p: Any, q: Any, f: Callable[..., Any] = plogq.cross_entropy, **options: Any
    ) -> Named:
        apart = Apart((q,))
        inputs = [self.put(x).requires_grad_() for x in apart.arrays]
        with self.by(way):
            loss = f(self.on(p), *apart.together(inputs), **options)
            first = torch.autograd.grad(loss, inputs, create_graph=True)
            second = torch.autograd.grad(sum(g.square().sum() for g in first), inputs)
        return named(q, [self.get(g) for g in second])

    def _transformed(self, way: str, p: Any, q: Any) -> tuple[Array, Named]:
        apart = Apart((q,))

        def total(given: Any) -> Any:
            losses = plogq.cross_entropy(self.on(p), *apart.together(given), reduction="none")
            return losses.sum(), losses

        with self.by(way):
            given = [self.put(x) for x in apart.arrays]
            gradients, losses = torch.func.grad(total, has_aux=True)(given)
        return self.get(losses), named(q, [self.get(g) for g in gradients])

    def own_loss(self, scores: Array, y: Array) -> float:
        return torch.nn.functional.cross_entropy(self.put(scores), self.put(y)).item()

    def reached(self, way: str, check: Any, classes: int = 2) -> Any:
        """Among the subnormals PyTorch's exp is off by up to three spacings."""
        if way.startswith("formula"):
            more = 3 * bounds.least(bounds.loss_dtype(check.dtype))
            check.allowed = np.where(check.allowed > 0, check.allowed + more, 0.0)
        return check


FRAMEWORK = Torch()
