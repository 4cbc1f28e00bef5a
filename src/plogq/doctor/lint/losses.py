"""Calls of losses: what was given to them, as sightings."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from ..contracts import CONTRACTS, KERAS_STRINGS, Contract, with_logits
from ..facts import Array, Cut, Made, Sighting
from .modules import Module
from .values import (
    NONE,
    Args,
    Const,
    Dict,
    Function,
    Instance,
    List,
    Loss,
    Method,
    Native,
    Partial,
    Record,
    Ref,
    Terms,
    Tuple,
    Unknown,
    UserClass,
    Value,
)  # fmt: skip

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
_NOT_GIVEN = object()


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
        for name in ("from_logits", "reduction", "ignore_index"):
            out.setdefault(name, Unknown(name))
    return out


def made(on: Any, contract: Contract, args: Args) -> Value:
    """A loss of a class, its options set."""
    return Loss(contract, options_of(contract, args), args.node, on.module)


def function(on: Any, contract: Contract, args: Args) -> Value:
    """A call of a loss that is a function."""
    prediction, target = _pair(contract, args)
    options = options_of(contract, args)
    return see(on, contract, options, prediction, target, args.node, args.node, on.module)


def called(on: Any, loss: Loss, args: Args) -> Value:
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
    on: Any,
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
    p = as_array(on, target)
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
    if _means_it(on, seen):
        return out
    on.see(seen, made_at if place is not None else node, made_at, module)
    if known.get("reduction") == "none" or contract.reduces.value.startswith("one loss"):
        return Array(kind="float", by="loss")
    return out


def _means_it(on: Any, seen: Sighting) -> bool:
    """A step of a generator, or the like: nothing to judge."""
    return False


def as_array(on: Any, value: Value | None) -> Array | None:
    """A value as what the rules know of it."""
    if isinstance(value, Array):
        return value
    if isinstance(value, List):
        from .data import of_numbers

        found = of_numbers(on, Args([value], {}, ast.Constant(value=None, lineno=1, col_offset=0)))
        return found if isinstance(found, Array) else None
    return None


# Keras' compile and fit


def keras_loss(on: Any, value: Value, node: ast.expr) -> Value | None:
    """A loss as compile takes it: a string, an object, a function."""
    if isinstance(value, Const) and isinstance(value.value, str):
        name = KERAS_STRINGS.get(value.value)
        if name is None:
            return None
        contract = replace(CONTRACTS[f"keras.losses.{name}"], name=f"'{value.value}'")
        return Loss(contract, {}, node, on.module)
    return value


def keras_seen(on: Any, loss: Value, node: ast.expr, output: Value, target: Value | None) -> None:
    """What a compiled loss sees: an output of the model, and its target where it is known."""
    if isinstance(loss, Loss):
        place = loss.module.place(loss.node)
        see(on, loss.contract, loss.options, output, target, node, loss.node, loss.module, place)
    elif isinstance(loss, Function | Method | Partial | Native | Instance):
        data = Array(Made.DATA, "y_true", on.place(node), batched=True)
        on.call(loss, Args([data if target is None else target, output], {}, node))
    elif isinstance(loss, Ref):
        from .names import canonical

        contract = CONTRACTS.get(canonical(loss.name))
        if contract is not None:
            kept = Loss(contract, {}, node, on.module)
            keras_seen(on, made(on, contract, Args([], {}, node)) if contract.module else kept,
                       node, output, target)  # fmt: skip


def outputs_with(output: Value, given: Value) -> list[tuple[Value, Value]]:
    """The outputs of a model, each beside its part of losses or targets."""
    if isinstance(given, Dict):
        if isinstance(output, Dict):
            return [(output.slots[k], v) for k, v in given.slots.items() if k in output.slots]
        parts = output.items if isinstance(output, Tuple | List) else None
        if parts is None or given.open or len(parts) != len(given.slots):
            return []
        named: dict[Any, Value] = {}
        for part in parts:
            name = getattr(part, "by", "")
            for key in given.slots:
                if isinstance(key, str) and f'"{key}"' in name.replace("'", '"'):
                    named[key] = part
        return [(named[k], v) for k, v in given.slots.items() if k in named]
    if isinstance(given, Tuple | List) and isinstance(output, Tuple | List):
        a, b = output.items, given.items
        if a is None or b is None or len(a) != len(b):
            return []
        return list(zip(a, b, strict=True))
    if isinstance(output, Tuple | List):
        return [(o, given) for o in output.items or ()]
    if isinstance(given, Tuple | List) and given.items is not None and len(given.items) == 1:
        return [(output, given.items[0])]
    return [(output, given)]


def keras_compile(on: Any, output: Value, args: Args) -> Record | None:
    """model.compile(optimizer, loss, metrics): what the loss will see."""
    given = args.get(1, "loss")
    node = args.node
    if isinstance(args.node, ast.Call):
        for k in args.node.keywords:
            if k.arg == "loss":
                node = k.value
        if "loss" not in args.kw and len(args.node.args) > 1:
            node = args.node.args[1]
    if given is None or (isinstance(given, Const) and given.value is None):
        return None
    pairs: list[tuple[Value, Value]] = []
    for out, loss in outputs_with(output, given):
        part = node
        if isinstance(node, ast.List | ast.Tuple) and isinstance(given, List | Tuple):
            at = next((i for i, v in enumerate(given.items or ()) if v is loss), None)
            part = node.elts[at] if at is not None and at < len(node.elts) else node
        if isinstance(node, ast.Dict) and isinstance(given, Dict):
            at = next((i for i, v in enumerate(given.slots.values()) if v is loss), None)
            part = node.values[at] if at is not None and at < len(node.values) else node
        found = keras_loss(on, loss, part)
        if found is None:
            continue
        pairs.append((out, found))
        keras_seen(on, found, part, out, None)
    _metrics(on, pairs, args)
    return Record("compiled", pairs=Tuple(tuple(Tuple(p) for p in pairs)), node=node)


def _metrics(on: Any, pairs: list[tuple[Value, Value]], args: Args) -> None:
    """Metrics with a threshold of 0.5 beside a loss that takes scores."""
    if len(pairs) != 1:
        return
    output, loss = pairs[0]
    if not isinstance(loss, Loss) or not isinstance(output, Array):
        return
    flag = loss.options.get("from_logits")
    if loss.contract.exclusive or not isinstance(flag, Const) or not flag.value:
        return
    if output.made is not Made.SCORES:
        return
    given = args.get(3, "metrics")
    items = on.items(given) if given is not None else None
    if not isinstance(args.node, ast.Call):
        return
    node = next((k.value for k in args.node.keywords if k.arg == "metrics"), args.node)
    nodes = node.elts if isinstance(node, ast.List | ast.Tuple) else []
    for i, item in enumerate(items or ()):
        where = nodes[i] if i < len(nodes) else node
        if _halves(item):
            on.cuts.append(Cut(on.place(where), output, 0.5, on.module.text(where)))


def _halves(metric: Value) -> bool:
    """Whether a metric says yes from 0.5 on."""
    if isinstance(metric, Const):
        return metric.value in ("accuracy", "acc", "binary_accuracy", "BinaryAccuracy")
    return isinstance(metric, Record) and metric.name == "threshold metric"


def keras_fit(on: Any, compiled: Value, args: Args) -> None:
    """model.fit(x, y): the losses again, with their targets."""
    if not isinstance(compiled, Record):
        return
    y = args.get(1, "y")
    if y is None:
        data = args.get(0, "x")
        item = getattr(data, "item", None)
        if isinstance(item, Tuple) and len(item.items) >= 2:
            y = item.items[1]
    if y is None:
        return
    pairs = compiled.slots["pairs"].items
    if len(pairs) == 1:
        output, loss = pairs[0].items
        keras_seen(on, loss, compiled.slots["node"], output, y)
        return
    targets = on.items(y)
    if targets is not None and len(targets) == len(pairs):
        for pair, target in zip(pairs, targets, strict=True):
            keras_seen(on, pair.items[1], compiled.slots["node"], pair.items[0], target)


__all__ = ["NONE", "Terms", "UserClass", "called", "function", "keras_compile", "keras_fit", "made"]
