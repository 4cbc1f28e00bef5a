"""plogq on a GPU beside PyTorch and the fused libraries, at the shapes of real models.

Everything of a case is measured in one run: the contenders, and what the same GPU reaches in a copy
of the scores or in the matrix products alone. The inputs are made on the device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from math import prod
from typing import Any

from . import machine
from .case import OURS, Case, Contender, Target, Work
from .peers import PEERS
from .targets import Faster, OverGradients, Rate, RateOf, Within

DEVICE = "cuda"
EVENTS = 8192
MODELS = {  # features, classes
    "llama": ("Llama 3 8B", 4096, 128256),
    "gemma": ("Gemma 2 2B", 2304, 256000),
    "qwen": ("Qwen 2.5 7B", 3584, 152064),
}

# The row, the peer that fills it, and its title where that is not the peer's.
Row = tuple[str, str] | tuple[str, str, str]

_FUSED_STORED: tuple[Row, ...] = (("liger", "cuda.liger"), ("quack", "cuda.quack"))
_STORED: tuple[Row, ...] = (
    (OURS, "cuda.plogq"),
    ("torch", "cuda.torch"),
    ("torch.compile", "cuda.compile"),
)
_COPY: Row = ("copy", "cuda.copy")

_FORWARD: tuple[Row, ...] = (
    (OURS, "cuda.plogq"),
    ("plogq.tiles", "cuda.tiles"),
    ("torch", "cuda.torch", "PyTorch eager, unfused"),
    ("torch.compile", "cuda.compile", "PyTorch compiled, unfused"),
    ("torch.fused", "cuda.fused"),
    ("liger", "cuda.liger"),
    ("cce", "cuda.cce"),
    ("quack", "cuda.quack"),
    ("products", "cuda.products", "one matrix product, the scores"),
)
_BOTH: tuple[Row, ...] = (
    (OURS, "cuda.plogq"),
    ("plogq.tiles", "cuda.tiles"),
    ("plogq.filter", "cuda.filter"),
    *_FORWARD[2:6],
    ("cce", "cuda.cce", "Cut Cross-Entropy, its own filter"),
    ("cce.whole", "cuda.cce.whole"),
    ("quack", "cuda.quack"),
    ("products", "cuda.products", "three matrix products"),
)

_PARTS = {"forward": "the loss alone", "backward": "backward() alone", "both": "loss and backward"}


def absent() -> str | None:
    """Why nothing of this group can be measured here."""
    try:
        import torch
    except ImportError:
        why = "PyTorch is not installed"
    else:
        if torch.cuda.is_available():
            return None
        why = "no CUDA device was found"
    return f"The group gpu is left out: {why}, so nothing of it was measured."


def _made(module: str, name: str, *given: Any) -> Callable[[], Any]:
    """What a function of a module that needs PyTorch makes, when it is asked for."""
    return lambda: getattr(import_module(f".{module}", __package__), name)(*given)


def _contenders(
    rows: Sequence[Row], kind: str, given: Sequence[Callable[[], Any]], elements: dict[str, int]
) -> tuple[Contender, ...]:
    """Contenders on the same inputs; `elements` has those that count otherwise than their case."""
    return tuple(
        Contender(
            name,
            title[0] if title else PEERS[peer].title,
            PEERS[peer].work(kind)(*given),
            needs=PEERS[peer].needs,
            own_clock=True,
            elements=elements.get(name),
        )
        for name, peer, *title in rows
    )


@dataclass(frozen=True, slots=True)
class Stored:
    """One row: a part of `Labels × Logits` of a shape, who takes part, and what is to be reached.

    Bytes are counted once for the loss (the scores are read) and twice for the gradient (they are
    read, and it is written). A row of 64 events is counted in scores instead.
    """

    name: str
    of: str
    part: str
    shape: tuple[int, int]
    quick: tuple[int, int]
    contenders: Sequence[Row]
    targets: Sequence[Target] = ()
    dtype: str = "bfloat16"

    @property
    def large(self) -> bool:
        return self.shape[0] == EVENTS

    def work(self, device: str, quick: bool) -> Work:
        shape = self.quick if quick else self.shape
        size = (2 if self.dtype == "bfloat16" else 4) * prod(shape)
        moved = {"forward": 1, "backward": 2, "both": 3}[self.part] * size
        given = (
            _made("device", "clock", device, self.large),
            _made("device_inputs", "scores", shape, self.dtype, device),
            _made("device_inputs", "labels", *shape, device),
        )
        return Work(
            _contenders(self.contenders, f"labels_{self.part}", given, {"copy": 2 * size}),
            elements=moved if self.large else prod(shape),
            reference=_made("device_inputs", "exact", shape, self.dtype, device),
            result_bytes=0 if self.part == "forward" else size,
            input_bytes=size,
            score_bytes=size,
            close=_made("device_inputs", "forget"),
        )

    def case(self, device: str) -> Case:
        events, classes = self.shape
        return Case(
            self.name,
            f"GPU, `Labels × Logits`, {_PARTS[self.part]}, {events}×{classes} {self.dtype}"
            f"{self.of}",
            partial(self.work, device),
            self.targets,
            memory=False,
            unit="GB/s" if self.large else "G elements/s",
            held="peak memory",
            over_results=self.large and self.part != "forward",
            yardstick=("copy", "copy bandwidth") if self.large else None,
            absent=absent,
            machine=_machine,
        )


@dataclass(frozen=True, slots=True)
class Linear:
    """One row: a part of `Labels × LinearLogits` at the shape of a model.

    Operations are those that the result needs: one matrix product for the loss, and three with the
    gradients, though a method that keeps no scores makes them twice.
    """

    name: str
    of: str
    part: str
    shape: tuple[int, int, int]
    contenders: Sequence[Row]
    targets: Sequence[Target] = ()
    quick: tuple[int, int, int] = (128, 32, 2000)
    dtype: str = "bfloat16"

    def work(self, device: str, quick: bool) -> Work:
        shape = self.quick if quick else self.shape
        events, features, classes = shape
        product = 2 * prod(shape)
        parameters = 2 * (events * features + classes * features)
        whole = self.part == "both"
        given = (
            _made("device", "clock", device, True),
            _made("device_inputs", "hidden", shape, self.dtype, device),
            _made("device_inputs", "weight", shape, self.dtype, device),
            _made("device_inputs", "labels", events, classes, device),
        )
        exact = _made("device_inputs", "exact_linear", shape, self.dtype, device)
        return Work(
            _contenders(
                self.contenders,
                f"linear_{self.part}",
                given,
                {"products": (3 if whole else 1) * product},
            ),
            elements=(3 if whole else 1) * product,
            reference=lambda: exact()[0],
            gradient_error=partial(_weight_error, shape, self.dtype, device) if whole else None,
            result_bytes=parameters if whole else 0,
            input_bytes=parameters,
            score_bytes=2 * events * classes,
            close=_made("device_inputs", "forget"),
        )

    def case(self, device: str) -> Case:
        shape = "×".join(map(str, self.shape))
        return Case(
            self.name,
            f"GPU, `Labels × LinearLogits`, {_PARTS[self.part]}, scores as sharp as a trained "
            f"model's, {shape} {self.dtype}{self.of}",
            partial(self.work, device),
            self.targets,
            memory=False,
            unit="TFLOP/s",
            scale=1e12,
            held="peak memory",
            over_results=self.part == "both",
            yardstick=("products", "the products' rate"),
            absent=absent,
            machine=_machine,
        )


def _weight_error(shape: tuple[int, int, int], dtype: str, device: str, gradients: Any) -> float:
    return _made("device_inputs", "weight_error", shape, dtype, device, gradients)()


def _machine() -> dict[str, Any]:
    return {"gpu": machine.gpu()}


def _stored(model: str) -> list[Stored]:
    title, _, classes = MODELS[model]
    share = (RateOf("copy", 0.9),) if model == "llama" else ()
    # Liger-Kernel makes its gradient with the loss: its backward() alone would say nothing.
    parts: dict[str, tuple[Sequence[Row], Sequence[Target]]] = {
        "forward": ((*_STORED, *_FUSED_STORED, _COPY), share),
        "backward": ((*_STORED, _FUSED_STORED[1], _COPY), share),
        "both": ((*_STORED, *_FUSED_STORED, _COPY), ()),
    }
    return [
        Stored(
            _name("gpu-stored", part, model),
            f" ({title})",
            part,
            (EVENTS, classes),
            (128, 2000),
            contenders,
            targets,
        )
        for part, (contenders, targets) in parts.items()
    ]


def _workspace(events: int, features: int, classes: int) -> int:
    """What a chunk of scores takes by default, and the float32 sum where there are several."""
    scores, room = 2 * events * classes, 4 * features * classes
    return scores if scores <= room else scores // -(-scores // room) + room


def _linear(model: str) -> list[Linear]:
    title, features, classes = MODELS[model]
    asked: Sequence[Target] = (
        (
            Rate(600e12, "600 TFLOP/s, on an H100"),
            OverGradients(1.1, _workspace(EVENTS, features, classes)),
            Faster("torch", 1),
            Within("products", 1.1),
            Faster("cce", 1, who="plogq.filter"),
        )
        if model != "qwen"
        else ()
    )
    return [
        Linear(
            _name("gpu-linear", part, model),
            f" ({title})",
            part,
            (EVENTS, features, classes),
            contenders,
            targets,
        )
        for part, contenders, targets in (("forward", _FORWARD, ()), ("both", _BOTH, asked))
    ]


def _name(group: str, part: str, model: str) -> str:
    return "-".join([group, *([] if part == "both" else [part]), model])


def _small() -> list[Stored]:
    shape, everyone = (64, 1000), (*_STORED, *_FUSED_STORED)
    return [
        Stored(name, ", one call", part, shape, shape, everyone, (Faster("torch", 1),), "float32")
        for name, part in (("gpu-small-forward", "forward"), ("gpu-small", "both"))
    ]


# What a figure is to be reached in comes first: the time of a GPU may end at any case.
_FIRST = (
    "gpu-linear-llama",
    "gpu-linear-gemma",
    "gpu-stored-forward-llama",
    "gpu-stored-backward-llama",
    "gpu-small",
    "gpu-small-forward",
)


def cases(device: str = DEVICE) -> tuple[Case, ...]:
    rows: list[Stored | Linear] = [row for model in MODELS for row in _stored(model)]
    rows += _small()
    rows += [row for model in MODELS for row in _linear(model)]
    named = {row.name: row for row in rows}
    return tuple(named[name].case(device) for name in dict.fromkeys((*_FIRST, *named)))


def stand_ins() -> tuple[Case, ...]:
    """The same cases on the processor and its clock: for trying what measures them."""
    return tuple(replace(case, absent=lambda: None, machine=dict) for case in cases("cpu"))


CASES = cases()
