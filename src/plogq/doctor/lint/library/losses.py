"""Calls of losses: what was given to them, as sightings."""

from __future__ import annotations

import ast
from typing import Any

from ...contracts import Contract, with_logits
from ...facts import Array, Sighting
from ..machine import Machine
from ..modules import Module
from ..supposed import suppose
from ..values import (
    Args,
    Const,
    List,
    Loss,
    Unknown,
    Value,
)
from .data.numbers import of_numbers

# The places of options among the positions: functions first, then constructors.
_POSITIONS: dict[str, tuple[str, ...]] = {
    "F.cross_entropy": ("", "", "weight", "size_average", "ignore_index", "reduce", "reduction",
                        "label_smoothing"),
    "F.nll_loss": ("", "", "weight", "size_average", "ignore_index", "reduce", "reduction"),
    "F.binary_cross_entropy": ("", "", "weight", "size_average", "reduce", "reduction"),
    "F.binary_cross_entropy_with_logits": ("", "", "weight", "size_average", "reduce", "reduction",
                                           "pos_weight"),
    "F.kl_div": ("", "", "size_average", "reduce", "reduction", "log_target"),
    "nn.CrossEntropyLoss": ("weight", "size_average", "ignore_index", "reduce", "reduction",
                            "label_smoothing"),
    "nn.NLLLoss": ("weight", "size_average", "ignore_index", "reduce", "reduction"),
    "nn.BCELoss": ("weight", "size_average", "reduce", "reduction"),
    "nn.BCEWithLogitsLoss": ("weight", "size_average", "reduce", "reduction", "pos_weight"),
    "F.ctc_loss": ("", "", "", "", "blank", "reduction"),
    "nn.CTCLoss": ("blank", "reduction"),
    "nn.KLDivLoss": ("size_average", "reduce", "reduction", "log_target"),
    "keras.losses.CategoricalCrossentropy": ("from_logits", "label_smoothing", "axis"),
    "keras.losses.SparseCategoricalCrossentropy": ("from_logits", "ignore_class"),
    "keras.losses.BinaryCrossentropy": ("from_logits", "label_smoothing", "axis"),
    "keras.losses.categorical_crossentropy": ("", "", "from_logits", "label_smoothing", "axis"),
    "keras.losses.sparse_categorical_crossentropy": ("", "", "from_logits", "ignore_class", "axis"),
    "keras.losses.binary_crossentropy": ("", "", "from_logits", "label_smoothing", "axis"),
    "keras.backend.categorical_crossentropy": ("", "", "from_logits", "axis"),
    "keras.backend.sparse_categorical_crossentropy": ("", "", "from_logits", "axis"),
    "keras.backend.binary_crossentropy": ("", "", "from_logits"),
    "keras.ops.categorical_crossentropy": ("", "", "from_logits", "axis"),
    "keras.ops.sparse_categorical_crossentropy": ("", "", "from_logits", "axis"),
    "keras.ops.binary_crossentropy": ("", "", "from_logits"),
    "tf.nn.softmax_cross_entropy_with_logits": ("", "", "axis"),
    "optax.softmax_cross_entropy": ("", "", "axis"),
    "optax.softmax_cross_entropy_with_integer_labels": ("", "", "axis"),
}  # fmt: skip


_OPTIONS = frozenset(
    [
        "reduction",
        "ignore_index",
        "label_smoothing",
        "from_logits",
        "axis",
        "ignore_class",
        "log_target",
        "weight",
        "pos_weight",
        "dim",
        "size_average",
        "reduce",
    ]
)

# No option of these says whether a loss takes scores or probabilities.
_ONE_MEANING = ("torch", "tf.nn", "optax", "sklearn")


def options_of(contract: Contract, args: Args) -> dict[str, Value]:
    """The options that a call or a constructor was given, by name."""
    out: dict[str, Value] = {}
    for at, name in enumerate(_POSITIONS.get(contract.name, ())):
        if name and at < len(args.pos):
            out[name] = args.pos[at]
    for name, value in args.kw.items():
        if name in _OPTIONS:
            out["axis" if name == "dim" and contract.peer != "torch" else name] = value
    if args.open:
        hidden = ("reduction", "ignore_index")
        for name in hidden if contract.peer in _ONE_MEANING else ("from_logits", *hidden):
            out.setdefault(name, Unknown(name))
    return out


def made(on: Machine, contract: Contract, args: Args) -> Value:
    """A loss of a class, its options set."""
    return Loss(contract, options_of(contract, args), args.node, on.module)


def function(on: Machine, contract: Contract, args: Args) -> Value:
    """A call of a loss that is a function."""
    prediction, target = _pair(contract, args)
    options = options_of(contract, args)
    return see(on, contract, options, prediction, target, args.node, args.node, on.module)


def called(on: Machine, loss: Loss, args: Args) -> Value:
    """A call of a loss object."""
    prediction, target = _pair(loss.contract, args)
    return see(on, loss.contract, loss.options, prediction, target, args.node, loss.node,
               loss.module)  # fmt: skip


def _pair(contract: Contract, args: Args) -> tuple[Value | None, Value | None]:
    first, second = contract.target_first, not contract.target_first
    target = args.get(0 if first else 1, *contract.target)
    prediction = args.get(0 if second else 1, *contract.prediction)
    if args.open and (target is None or prediction is None):
        return None, None
    return prediction, target


def see(
    on: Machine,
    contract: Contract,
    options: dict[str, Value],
    prediction: Value | None,
    target: Value | None,
    node: ast.expr,
    made_at: ast.expr,
    module: Module,
    place: Any = None,
) -> Value:
    """Note a sighting, if enough is known of the loss."""
    q = as_array(on, prediction)
    p = None if contract.unaligned else as_array(on, target)
    out = Array(shape=(), kind="float", by="loss")
    flag = options.get("from_logits")
    if flag is not None:
        if not isinstance(flag, Const):
            return out
        if flag.value:
            contract = with_logits(contract)
    known: dict[str, object] = {}
    for name, value in options.items():
        if name in ("weight", "pos_weight", "from_logits"):
            continue
        known[name] = value.value if isinstance(value, Const) else "?"
    if known.get("size_average") is False:
        known["reduction"] = "sum"
    if known.get("reduce") is False:
        known["reduction"] = "none"
    w = options.get("weight") or options.get("pos_weight")
    seen = Sighting(
        contract, place or on.place(node), q, p, known, w if isinstance(w, Array) else None
    )
    call = made_at if place is not None else node
    on.see(seen, call, made_at, module)
    if place is None:
        given = _argument(contract, node)
        on.supposed += [(s, call, module) for s in suppose(seen, prediction, given, seen.place)]
    if known.get("reduction") == "none" or contract.reduces.value.startswith("one loss"):
        return Array(kind="float", by="loss")
    return out


def _argument(contract: Contract, node: ast.expr) -> ast.expr | None:
    """The code of the prediction in a call of a loss."""
    if not isinstance(node, ast.Call):
        return None
    named = {k.arg: k.value for k in node.keywords}
    at = 1 if contract.target_first else 0
    if at < len(node.args) and not any(isinstance(a, ast.Starred) for a in node.args[: at + 1]):
        return node.args[at]
    return next((named[name] for name in contract.prediction if name in named), None)


def as_array(on: Machine, value: Value | None) -> Array | None:
    """A value as what the rules know of it."""
    if isinstance(value, Array):
        return value
    if isinstance(value, List):
        found = of_numbers(on, Args([value], {}, ast.Constant(value=None, lineno=1, col_offset=0)))
        return found if isinstance(found, Array) else None
    return None
