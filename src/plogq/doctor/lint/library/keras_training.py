"""Keras' compile and fit: which loss sees which output, and which target."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from ...contracts import CONTRACTS, KERAS_STRINGS
from ...facts import Array, Cut, Made
from ..machine import Machine
from ..names import canonical
from ..values import (
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
    Tuple,
    Value,
)
from .losses import made, see


def keras_loss(on: Machine, value: Value, node: ast.expr) -> Value | None:
    """A loss as compile takes it: a string, an object, a function."""
    if isinstance(value, Const) and isinstance(value.value, str):
        name = KERAS_STRINGS.get(value.value)
        if name is None:
            return None
        contract = replace(CONTRACTS[f"keras.losses.{name}"], name=f"'{value.value}'")
        return Loss(contract, {}, node, on.module)
    return value


def keras_seen(
    on: Machine, loss: Value, node: ast.expr, output: Value, target: Value | None
) -> None:
    """What a compiled loss sees: an output of the model, and its target where it is known."""
    if isinstance(loss, Loss):
        place = loss.module.place(loss.node)
        see(on, loss.contract, loss.options, output, target, node, loss.node, loss.module, place)
    elif isinstance(loss, Function | Method | Partial | Native | Instance):
        data = Array(Made.DATA, "y_true", on.place(node), batched=True)
        on.call(loss, Args([data if target is None else target, output], {}, node))
    elif isinstance(loss, Ref):
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


def keras_compile(on: Machine, output: Value, args: Args) -> Record | None:
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
    keys: list[Value] = []
    named = Dict({k: Const(k) for k in given.slots}) if isinstance(given, Dict) else given
    several = zip(outputs_with(output, given), outputs_with(output, named), strict=True)
    for (out, loss), (_, key) in several:
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
        keys.append(key)
        keras_seen(on, found, part, out, None)
    _metrics(on, pairs, args)
    return Record(
        "compiled", pairs=Tuple(tuple(Tuple(p) for p in pairs)), keys=Tuple(tuple(keys)), node=node
    )


def _metrics(on: Machine, pairs: list[tuple[Value, Value]], args: Args) -> None:
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


def keras_fit(on: Machine, compiled: Value, args: Args) -> None:
    """model.fit(x, y): the losses again, with their targets."""
    if not isinstance(compiled, Record):
        return
    y = args.get(1, "y")
    if y is None:
        data = args.get(0, "x")
        item = on.element(data, args.node) if isinstance(data, Instance) else (
            getattr(data, "item", None)
        )  # fmt: skip
        if isinstance(item, Tuple) and len(item.items) >= 2:
            y = item.items[1]
    if y is None:
        return
    if args.get(None, "sample_weight") is not None or _masks(on):
        y = _uncounted(y)
    pairs = compiled.slots["pairs"].items
    if len(pairs) == 1:
        output, loss = pairs[0].items
        keras_seen(on, loss, compiled.slots["node"], output, y)
        return
    targets = on.items(y)
    if isinstance(y, Dict):
        keys = [getattr(key, "value", None) for key in compiled.slots["keys"].items]
        targets = tuple(y.slots[key] for key in keys if key in y.slots)
    if targets is not None and len(targets) == len(pairs):
        for pair, target in zip(pairs, targets, strict=True):
            keras_seen(on, pair.items[1], compiled.slots["node"], pair.items[0], target)


_MASKS = ("mask_zero=True", "Masking(", "compute_mask", "supports_masking")


def _masks(on: Machine) -> bool:
    """Whether a model of this file may take padding out of its losses."""
    return any(word in line for line in on.home.lines for word in _MASKS)


def _uncounted(y: Value) -> Value:
    """Padding that no loss counts is no matter."""
    return y.but(made=Made.LABELS, low=None) if isinstance(y, Array) and (
        y.made is Made.PADDED
    ) else y  # fmt: skip
