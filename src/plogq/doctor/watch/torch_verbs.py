"""Which verb a PyTorch function is, and how its arguments are read."""

from __future__ import annotations

from typing import Any

from ..lint.verbs import VERBS

LOSSES = {
    "cross_entropy": ("F.cross_entropy", "CrossEntropyLoss"),
    "nll_loss": ("F.nll_loss", "NLLLoss"),
    "binary_cross_entropy": ("F.binary_cross_entropy", "BCELoss"),
    "binary_cross_entropy_with_logits": ("F.binary_cross_entropy_with_logits",
                                         "BCEWithLogitsLoss"),
    "kl_div": ("F.kl_div", "KLDivLoss"),
    "multilabel_soft_margin_loss": ("F.multilabel_soft_margin_loss", "MultiLabelSoftMarginLoss"),
    "ctc_loss": ("F.ctc_loss", "CTCLoss"),
}  # fmt: skip
# The names of arguments behind the two arrays.
POSITIONS = {
    "cross_entropy": ("weight", "size_average", "ignore_index", "reduce", "reduction",
                      "label_smoothing"),
    "nll_loss": ("weight", "size_average", "ignore_index", "reduce", "reduction"),
    "binary_cross_entropy": ("weight", "size_average", "reduce", "reduction"),
    "binary_cross_entropy_with_logits": ("weight", "size_average", "reduce", "reduction",
                                         "pos_weight"),
    "kl_div": ("size_average", "reduce", "reduction", "log_target"),
    "multilabel_soft_margin_loss": ("weight", "size_average", "reduce", "reduction"),
    "ctc_loss": ("input_lengths", "target_lengths", "blank", "reduction", "zero_infinity"),
}  # fmt: skip

# Functions that make facts where nothing is known of their arguments.
SOURCES = frozenset(
    [
        "linear",
        "matmul",
        "mm",
        "bmm",
        "addmm",
        "einsum",
        "softmax",
        "gumbel_softmax",
        "log_softmax",
        "softmin",
        "sigmoid",
        "sigmoid_",
        "expit",
        "logsigmoid",
        "tanh",
        "relu",
        "relu_",
        "relu6",
        "softplus",
        "argmax",
        "argmin",
        "exp",
        "logsumexp",
        "one_hot",
        "rand",
        "eye",
        "zeros",
        "zeros_like",
        "ones",
        "ones_like",
        "full_like",
        "full",
        "empty",
        "scatter",
        "scatter_",
        "bincount",
        "sign",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "max",
        "min",
    ]
)
CONVOLUTIONS = {
    f"conv{kind}{n}d": n for kind in ("", "_transpose") for n in (1, 2, 3)
}  # fmt: skip
_POOLS = frozenset(
    f"{kind}_pool{n}d" for kind in ("avg", "max", "adaptive_avg", "adaptive_max") for n in (1, 2, 3)
)
RESIZED = _POOLS | {"interpolate", "upsample", "grid_sample"}
_OTHER = frozenset(
    [
        "addmm",
        "softmin",
        "__getitem__",
        "__setitem__",
        "__rsub__",
        "__rdiv__",
        "__rtruediv__",
        "__rmul__",
        "__radd__",
        "__rmatmul__",
        "masked_fill",
        "masked_fill_",
        "bernoulli_",
        "rand",
        "eye",
        "zeros",
        "zeros_like",
        "ones",
        "ones_like",
        "full_like",
        "full",
    ]
)
# What gives numbers and shapes, not arrays.
_NOTHING = frozenset(
    [
        "size",
        "dim",
        "ndimension",
        "item",
        "tolist",
        "backward",
        "stride",
        "numel",
        "is_contiguous",
        "apply_",
        "map_",
        "isnan",
        "isfinite",
        "abs",
        "square",
        "pow",
        "sqrt",
        "var",
        "std",
        "norm",
        "cumsum",
        "all",
        "any",
    ]
)
_REFLECTED = {"__rsub__": "sub", "__rdiv__": "div", "__rtruediv__": "div", "__rmul__": "mul",
              "__radd__": "add", "__rmatmul__": "matmul"}  # fmt: skip
_PROPERTIES = {"T": "T", "mT": "mT", "H": "H", "mH": "mH", "data": "detach"}
# In place, and nothing is known afterwards.
_LOST = frozenset(
    [
        "zero_",
        "fill_",
        "copy_",
        "normal_",
        "uniform_",
        "random_",
        "exponential_",
        "index_fill_",
        "index_add_",
        "index_copy_",
        "index_put_",
        "masked_scatter_",
        "scatter_add_",
        "pow_",
        "sqrt_",
        "floor_divide_",
        "addcmul_",
        "addcdiv_",
        "lerp_",
        "set_",
        "resize_",
        "geometric_",
        "log_normal_",
        "cauchy_",
        "bernoulli_",
    ]
)


class Plan:
    """What to do at a function: its verb, whether it is a loss, what it forgets."""

    __slots__ = ("inplace", "kind", "name", "source", "swapped")

    def __init__(
        self, kind: str, name: str, source: bool = False, inplace: bool = False,
        swapped: bool = False,
    ) -> None:  # fmt: skip
        self.kind, self.name, self.source = kind, name, source
        self.inplace, self.swapped = inplace, swapped


def plan_of(func: Any, functional: Any) -> Plan | None:
    """The plan for a function; None: there is nothing to see."""
    name = getattr(func, "__name__", "").removeprefix("special_")
    if name == "__get__":
        name = _PROPERTIES.get(getattr(getattr(func, "__self__", None), "__name__", ""), "")
        return Plan("verb", name) if name else None
    if name in LOSSES and getattr(functional, name, None) is func:
        return Plan("loss", name)
    if name in _REFLECTED:
        return Plan("verb", _REFLECTED[name], swapped=True)
    if name in ("__getitem__", "__setitem__"):
        return Plan(name.strip("_"), name)
    if name in _NOTHING:
        return None
    inplace = name.endswith("_") and not name.endswith("__")
    if name in _LOST:
        return Plan("lost", name, inplace=True)
    bare = name.rstrip("_") if inplace else name
    if name.startswith("__") and name.endswith("__"):
        bare = name.strip("_")
        bare = {"truediv": "div"}.get(bare, bare[1:] if bare.startswith("i") else bare)
        inplace = name.startswith("__i")
    if bare in CONVOLUTIONS:
        return Plan("conv", bare, True)
    if bare in RESIZED:
        return Plan("resized", bare)
    for known in (name, bare):
        if known in VERBS or known in _OTHER:
            return Plan("verb", known, bare in SOURCES, inplace)
    return Plan("lost", name, inplace=True) if inplace else None
