"""Models of PyTorch's libraries: torchvision, timm, transformers."""

from __future__ import annotations

import re
from typing import Any

from ....facts import Array, Made
from ...machine import Machine
from ...values import (
    Args,
    Dict,
    Model,
    Native,
    Record,
    Tuple,
    Unknown,
    Value,
    length_of,
)

_HF = re.compile(r"^(TF|Flax)?[A-Z]\w*?(For\w+|LMHeadModel|DoubleHeadsModel)$")


_TORCHVISION_HEADS = ("fc", "classifier", "head", "heads")


def _scores(on: Machine, args: Args, width: Any, rank: int = 2, by: str = "") -> Array:
    shape = (*(None,) * (rank - 1), width)
    return Array(Made.SCORES, by or on.module.text(args.node), on.place(args.node), -1, width,
                 shape=shape, kind="float", batched=True)  # fmt: skip


def torchvision_model(on: Machine, head: str, last: str, args: Args) -> Value:
    """A model of torchvision."""
    if "detection" in head or not last[:1].islower():
        return Unknown()
    if "segmentation" in head:
        k = args.constant(None, "num_classes", default=21)
        width = k if isinstance(k, int) else None
        out = Array(Made.SCORES, on.module.text(args.node), on.place(args.node), 1, width,
                    shape=(None, width, None, None), kind="float", batched=True)  # fmt: skip
        return Model(Dict({"out": out, "aux": out}))
    if last == "get_model" or last.startswith(("list_", "get_")):
        return Unknown()
    k = args.constant(None, "num_classes", default=1000)
    return Model(_scores(on, args, k if isinstance(k, int) else None), _TORCHVISION_HEADS)


def timm_model(on: Machine, args: Args) -> Value:
    """A model of timm."""
    k = args.constant(None, "num_classes", default=1000)
    if k == 0 or args.constant(None, "features_only", default=False) is not False:
        return Unknown()
    return Model(_scores(on, args, k if isinstance(k, int) else None), _TORCHVISION_HEADS)


def transformers_model(on: Machine, name: str, args: Args) -> Value:
    """A model of transformers', by the head that its name says."""
    parts = name.split(".")
    cls = next((p for p in parts[1:] if _HF.match(p)), None)
    if cls is None:
        return Unknown()
    if parts[-1] not in ("from_pretrained", "from_config", cls):
        return Unknown()
    k = args.get(None, "num_labels")
    width = length_of(k) if k is not None else None
    rank = 2 if "SequenceClassification" in cls or "ImageClassification" in cls or (
        "MultipleChoice" in cls) else 3 if "Token" in cls or "LM" in cls or (
        "Generation" in cls) else 0  # fmt: skip
    text = cls

    def call(on: Machine, given: Args) -> Value:
        place = on.place(given.node)
        shape = None if rank == 0 else (*(None,) * (rank - 1), width)
        if "QuestionAnswering" in text:
            one = Array(Made.SCORES, f"{text}(…).start_logits", place, kind="float", batched=True)
            return Record("hf output", start_logits=one, end_logits=one, loss=Unknown())
        logits = Array(Made.SCORES, f"{text}(…).logits", place, -1, width, shape=shape,
                       kind="float", batched=True)  # fmt: skip
        first: Value = Unknown() if "labels" in given.kw or given.open else logits
        return Record("hf output", logits=logits, loss=Unknown(), items=Tuple((first,)))

    return Record("hf model", __call__=Native(call, cls))
