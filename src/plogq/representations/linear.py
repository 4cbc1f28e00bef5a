"""LinearLogits: scores that are not computed yet, as what leads to them."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, Never

from .. import checks, elsewhere, options
from ..algebra.scores import Projection
from ..errors import DeviceError, ShapeError
from ..frameworks import Verbs, as_array, verbs
from .base import Look, Prediction
from .predictions import check_softcap


class LinearLogits(Prediction):
    """Logits that are not computed yet: scores = hidden · weightᵀ + bias.

    `hidden` is [*events, D], `weight` [K, D] and `bias` [K], of one floating dtype. The scores are
    made in tiles and thrown away, so that memory never holds events × K of them, in the loss or in
    the gradients.

    With `gradient_filter=c`, gradients of scores of at most c times the weight of their event may
    be left out where they are carried on to hidden and weight, as Cut Cross-Entropy does; the loss
    is as exact as ever. The gradient of an event's hidden is then off by at most
    c · weight · Σ_j |weight_j| over the classes left out, and that of a class's weight by
    c · Σ_n weight_n · |hidden_n| over the events. 2⁻¹² is below what bfloat16 can tell from 0.

    `workspace` is how many bytes the scores may take that are there at a time, of NumPy's arrays
    and PyTorch's. Where it holds the scores of some events, three matrix products make a loss with
    its gradients; 0 asks for tiles, which take the least memory and four products. By default it is
    a small share of what all scores would take, and on a GPU what the weight takes in float32.
    Beside another prediction the scores of a side are made for some events at a time, whatever it
    is.

    With a `group` of torch.distributed, `weight` and `bias` are this rank's slice of the classes,
    in rank order, and every rank has the whole `hidden`; name the group of all ranks too, as
    `torch.distributed.group.WORLD`, since None means that the weight is whole (see
    `ShardedLogits`). A weight that is a DTensor says itself how it is split.

    Raises:
        DtypeError: arrays that are not floating point, or of different dtypes.
        ShapeError: shapes that do not multiply; over ranks, when it is paired.

    Examples:
        >>> import numpy as np, plogq
        >>> hidden, weight = np.eye(2), np.array([[2.0, 0.0], [5.0, 1.0], [1.0, 0.0]])
        >>> loss, grad = plogq.value_and_grad(
        ...     plogq.Labels([1, 1]), plogq.LinearLogits(hidden, weight)
        ... )
        >>> grad.weight.shape
        (3, 2)
    """

    __slots__ = ("bias", "gradient_filter", "group", "hidden", "softcap", "weight", "workspace")
    holds = ("hidden", "weight", "bias")
    settings = ("softcap", "gradient_filter", "group", "workspace")

    def __init__(
        self,
        hidden: Any,
        weight: Any,
        bias: Any = None,
        *,
        softcap: float | None = None,
        gradient_filter: float | None = None,
        group: Any = None,
        workspace: int | None = None,
        **others: Never,
    ) -> None:
        if others:
            known = ("bias", "softcap", "gradient_filter", "group", "workspace")
            elsewhere.refuse_of("LinearLogits", others, "LinearLogits(h, W, b)", *known)
        hidden = as_array(hidden, "LinearLogits hidden")
        weight = as_array(weight, "LinearLogits weight")
        bias = None if bias is None else as_array(bias, "LinearLogits bias")
        self.hidden, self.weight, self.bias = verbs(hidden).autocast(hidden, weight, bias)
        self.softcap = check_softcap(softcap)
        self.gradient_filter = check_filter(gradient_filter)
        self.group = group
        self.workspace = check_workspace(workspace, verbs(self.hidden).name)
        if group is None:
            self.check()
            checks.class_count(verbs(self.weight).shape(self.weight)[0], "LinearLogits")
        elif verbs(self.hidden).name != "torch":
            raise checks.DtypeError(
                f"LinearLogits over a group takes PyTorch tensors, got {type(hidden).__name__}; "
                "for arrays in one process leave the group out"
            )

    def check(self) -> None:
        """Refuse arrays that are not floating point or do not multiply."""
        for role, x in (("hidden", self.hidden), ("weight", self.weight), ("bias", self.bias)):
            if x is not None:
                checks.floating(verbs(x), x, f"LinearLogits {role}", f"write {role}.astype(float)")
        xp = verbs(self.hidden)
        kinds = {verbs(x).name for x in (self.hidden, self.weight, self.bias) if x is not None}
        if len(kinds) > 1:
            raise checks.DtypeError(
                f"LinearLogits takes arrays of one framework, got {' and '.join(sorted(kinds))}; "
                "nothing is moved silently between frameworks, convert one of them"
            )
        places = {xp.place(x) for x in (self.hidden, self.weight, self.bias) if x is not None}
        if len(places) > 1:
            raise DeviceError(
                f"LinearLogits takes arrays on one device, got {' and '.join(sorted(places))}; "
                "nothing is moved silently between devices, write x.to(device)"
            )
        names = {xp.dtype_name(x) for x in (self.hidden, self.weight, self.bias) if x is not None}
        if len(names) > 1:
            raise checks.DtypeError(
                f"LinearLogits takes arrays of one dtype, got {' and '.join(sorted(names))}"
            )
        if self.weight.ndim != 2 or self.hidden.ndim < 1:
            raise ShapeError(
                "LinearLogits takes hidden [*events, D] and weight [K, D], got shapes "
                f"{tuple(self.hidden.shape)} and {tuple(self.weight.shape)}"
            )
        if xp.shape(self.hidden)[-1] != xp.shape(self.weight)[1]:
            hint = (
                "; weight is [K, D], write weight.T"
                if self.hidden.shape[-1] == self.weight.shape[0]
                else ""
            )
            raise ShapeError(
                f"hidden has {self.hidden.shape[-1]} features and weight {self.weight.shape[1]}"
                f" (shapes {tuple(self.hidden.shape)} and {tuple(self.weight.shape)}){hint}"
            )
        if self.bias is not None and xp.shape(self.bias) != xp.shape(self.weight)[:1]:
            raise ShapeError(
                f"bias must have shape ({self.weight.shape[0]},), one number per class, "
                f"got {tuple(self.bias.shape)}"
            )

    def __repr__(self) -> str:
        return (
            f"LinearLogits({self.hidden!r}, {self.weight!r}, {self.bias!r}, "
            f"softcap={self.softcap}, gradient_filter={self.gradient_filter}, group={self.group}, "
            f"workspace={self.workspace})"
        )

    def look(self) -> Look:
        xp, x = verbs(self.hidden), self.hidden
        return Look(xp, x, xp.shape(x)[:-1], x.ndim - 1, xp.shape(self.weight)[0])

    def lower(self, xp: Verbs, mass: Callable[[], Any]) -> Projection:
        return Projection(
            self.hidden,
            self.weight,
            self.bias,
            self.softcap,
            self.gradient_filter,
            self.workspace,
        )

    def possible(self, xp: Verbs) -> Any:
        return None if self.bias is None or self.softcap is not None else self.bias > -inf


def check_filter(least: float | None) -> float | None:
    """A bound on the gradients that may be left out, as a number from 0 to 1, or None."""
    if least is None:
        return None
    share = options.number(least, "gradient_filter", "a share from 0 to 1")
    if not 0.0 <= share < 1.0:
        raise ValueError(f"gradient_filter is a share from 0 to 1, got {share!r}")
    return share


def check_workspace(size: int | None, framework: str) -> int | None:
    """How many bytes scores may take at a time, or None."""
    if size is None:
        return None
    if framework not in ("numpy", "torch"):
        raise ValueError(
            "workspace is for arrays of NumPy and PyTorch; what is compiled for those of "
            f"{framework} has blocks of its own, leave it out"
        )
    size = options.integer(size, "workspace", "a number of bytes")
    if size < 0:
        raise ValueError(f"workspace is a number of bytes from 0 on, got {size}")
    return size
