"""A program from a seed: P and Q of any kind, shape, type and value, and what is asked of them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import values
from .program import (
    Array,
    Arrays,
    Labels,
    Linear,
    Prediction,
    Probs,
    Program,
    Shape,
    Smoothed,
    Sparse,
    Stored,
    Target,
    Weighted,
    YesNo,
    YesNoScores,
    base,
)
from .values import Rng, pick

EVENTS = ((), (0,), (1,), (2,), (5,), (2, 3), (3, 0), (17,), (2, 2, 2), (64,))
EVENT_SHARES = (1, 1, 2, 3, 5, 4, 0.5, 4, 1, 1)
CLASSES = (2, 3, 5, 10, 33, 127, 128, 129, 1000, 2500)
CLASS_SHARES = (3, 5, 5, 4, 2, 1, 1, 1, 1, 0.5)


@dataclass(frozen=True)
class Limits:
    """What a framework can be asked: its shapes, its types, and how often something large."""

    events: tuple[tuple[int, ...], ...] = EVENTS
    event_shares: tuple[float, ...] = EVENT_SHARES
    classes: tuple[int, ...] = CLASSES
    class_shares: tuple[float, ...] = CLASS_SHARES
    integers: tuple[np.dtype[Any], ...] = values.INTEGERS
    floats: tuple[np.dtype[Any], ...] = values.FLOATS
    narrow: bool = False  # weights are float32
    siblings: int = 1  # programs of the same shapes and other values, where to compile is dear
    large: float = 0.0  # the share of programs of a million scores, which threads divide


def rng_of(part: str, seed: int) -> Rng:
    """The numbers that a seed stands for in a part."""
    return np.random.default_rng([zlib.crc32(part.encode()), seed])


def program(rng: Rng, limits: Limits) -> Program:
    """One program, drawn."""
    function = pick(
        rng, {"cross_entropy": 12, "kl_divergence": 2, "entropy": 2, "log_normalizer": 1}
    )
    events, classes = size(rng, limits)
    arrays: Arrays = {}
    traits: set[str] = set()
    yes_no = rng.random() < 0.22
    drawn = _Draw(rng, limits, events, 2 if yes_no else classes, arrays, traits, function)
    q = None if function == "entropy" else drawn.yes_no_scores() if yes_no else drawn.prediction()
    p = None
    if function != "log_normalizer":
        p = drawn.wrapped(drawn.yes_no() if yes_no else drawn.target())
    drawn_program = Program(function, p, q, arrays, events, drawn.classes, traits=frozenset(traits))
    if function == "log_normalizer":
        return replace(drawn_program, reduction="none")
    return _poisoned(rng, _asked(rng, drawn_program))


def sibling(rng: Rng, drawn: Program) -> Program:
    """A program of the same shapes and types, with other values."""
    arrays: Arrays = {}
    p, q = (None if drawn.p is None else base(drawn.p)), drawn.q
    kind = getattr(q, "kind", "")
    for name, x in drawn.arrays.items():
        if isinstance(p, Labels) and name == p.index:
            y = rng.integers(0, drawn.classes, x.shape).astype(x.dtype)
            arrays[name] = np.where(rng.random(x.shape) < 0.2, x.reshape(-1)[:1].sum(), y)
            arrays[name] = arrays[name].astype(x.dtype)
        elif name == getattr(q, "array", "") and kind in ("Logits", "BinaryLogits"):
            of = pick(rng, {k: v for k, v in values.SCORES.items() if k not in _ODD})
            arrays[name] = values.scores(rng, 1, max(x.size, 1), x.dtype, of)[0, : x.size]
            arrays[name] = arrays[name].reshape(x.shape)
        elif name.startswith("sample") and x.dtype.kind == "f":
            arrays[name] = (rng.uniform(0, 2, x.shape) * (rng.random(x.shape) < 0.7)).astype(
                x.dtype
            )
    if isinstance(p, Labels) and p.ignore is None:
        at = p.index
        arrays[at] = rng.integers(0, drawn.classes, arrays[at].shape).astype(arrays[at].dtype)
    changed = replace(drawn.with_arrays(arrays), poison={})
    return _poisoned(rng, changed)


_ODD = ("extreme", "infinite", "undefined")


def size(rng: Rng, limits: Limits) -> tuple[tuple[int, ...], int]:
    if rng.random() < limits.large:
        return [((9,), 1 << 17), ((1 << 12,), 260), ((3,), 400_000)][int(rng.integers(3))]
    shares = np.array(limits.event_shares, float)
    events = limits.events[int(rng.choice(len(shares), p=shares / shares.sum()))]
    shares = np.array(limits.class_shares, float)
    classes = limits.classes[int(rng.choice(len(shares), p=shares / shares.sum()))]
    return events, min(classes, 300) if len(events) == 1 and events[0] > 17 else classes


def _asked(rng: Rng, drawn: Program) -> Program:
    """A reduction, a normalizer, a z-loss, focal or poly."""
    reduction = ["mean", "sum", "none", "sum_over_batch_size"][int(rng.integers(4))]
    if "extreme" in drawn.traits:
        reduction = "none"  # a sum of two of the greatest numbers is ∞ in any type
    found = replace(drawn, reduction=reduction)
    if reduction in ("mean", "sum") and rng.random() < 0.2:
        found = replace(found, normalizer=float(rng.choice([1.0, 3.0, 0.25, 1000.0])))
    has_z = getattr(drawn.q, "kind", "Logits") in ("Logits", "BinaryLogits")
    if drawn.function != "cross_entropy":
        return found
    # log²Z of the greatest numbers is greater than any.
    if has_z and not {"+∞", "far", "extreme"} & drawn.traits and rng.random() < 0.15:
        return replace(found, z_loss=float(rng.choice([1e-4, 0.1, 2.0])))
    assert drawn.p is not None
    if rng.random() < 0.12 and not _weighed(drawn.p):
        name = "focal" if rng.random() < 0.7 else "poly"
        amount = float(rng.choice([0.0, 0.5, 1.0, 2.0, 3.5]))
        return replace(found, reduction="none", normalizer=None, shape=Shape(name, amount))
    return found


def _weighed(p: Target) -> bool:
    while isinstance(p, Smoothed | Weighted):
        if isinstance(p, Weighted):
            return True
        p = p.target
    return False


@dataclass
class _Draw:
    """P and Q of one size; arrays are put down under a name as they are drawn."""

    rng: Rng
    limits: Limits
    events: tuple[int, ...]
    classes: int
    arrays: Arrays
    traits: set[str]
    function: str

    @property
    def n(self) -> int:
        return int(np.prod(self.events, dtype=int))

    def dtype(self) -> np.dtype[Any]:
        found = values.float_dtype(self.rng)
        return found if found in self.limits.floats else np.dtype(np.float32)

    def put(self, name: str, x: Array) -> str:
        self.arrays[name] = np.asarray(x)
        return name

    def on_axis(self, rows: Array) -> tuple[Array, int]:
        """[N, K] rows in the shape of the events, with the classes on some axis."""
        whole = rows.reshape(*self.events, self.classes)
        axis = int(self.rng.integers(whole.ndim)) if self.rng.random() < 0.4 else whole.ndim - 1
        named = axis if self.rng.random() < 0.5 else axis - whole.ndim
        return np.ascontiguousarray(np.moveaxis(whole, -1, axis)), named

    def prediction(self) -> Prediction:
        if self.function == "log_normalizer":
            kind = pick(self.rng, {"Logits": 3, "LinearLogits": 1})
        else:
            kind = pick(self.rng, {"Logits": 8, "LogProbs": 2, "Probs": 3, "LinearLogits": 2})
        if kind == "LinearLogits":
            return self.linear()
        dtype, n, k, softcap = self.dtype(), self.n, self.classes, None
        if kind == "Probs":
            x = values.distributions(self.rng, n, k, dtype)
        elif kind == "LogProbs":
            x = values.log_probabilities(self.rng, n, k, dtype)
        else:
            of = pick(self.rng, values.SCORES)
            self.traits.add(of)
            x = values.scores(self.rng, n, k, dtype, of)
            if self.rng.random() < 0.12 and of not in ("far", "extreme"):
                softcap = float(self.rng.choice([1.0, 5.0, 30.0, 50.0, 1000.0]))
            if (x.astype(float) == np.inf).any():
                self.traits.add("+∞")
        whole, axis = self.on_axis(x)
        return Stored(kind, self.put("q", whole), axis, softcap)

    def linear(self) -> Linear:
        rng, features, dtype = self.rng, int(self.rng.choice([1, 2, 7, 16])), self.dtype()
        spread = float(rng.choice([0.3, 1.0, 4.0]))
        hidden = rng.normal(size=(*self.events, features)).astype(dtype)
        weight = (rng.normal(size=(self.classes, features)) * spread).astype(dtype)
        bias = None
        if rng.random() < 0.5:
            bias = self.put("bias", rng.normal(size=self.classes).astype(dtype))
        softcap = float(rng.choice([5.0, 30.0])) if rng.random() < 0.15 else None
        return Linear(self.put("hidden", hidden), self.put("weight", weight), bias, softcap)

    def target(self) -> Target:
        rng, k = self.rng, self.classes
        kind = pick(rng, {"Labels": 6, "Probs": 4, "SparseProbs": 2})
        if self.function == "entropy" and kind == "Labels":
            kind = "Probs"
        if kind == "Labels":
            y, ignore = values.labels(rng, self.events, k, self.limits.integers)
            return Labels(self.put("p", y), ignore)
        dtype = self.dtype()
        if kind == "Probs":
            whole, axis = self.on_axis(values.distributions(rng, self.n, k, dtype))
            return Probs(self.put("p", whole), axis)
        t = int(rng.integers(1, 6))
        index, _ = values.labels(rng, (*self.events, t), k, self.limits.integers)
        index = np.where((index >= 0) & (index < k), index, 0).astype(index.dtype)
        if t > 1 and rng.random() < 0.4:
            index[..., 1] = index[..., 0]  # the same class twice
        probs = values.distributions(rng, self.n, t, dtype).reshape(index.shape)
        if rng.random() < 0.3 and self.function == "cross_entropy":
            probs = (probs.astype(float) * 0.5).astype(dtype)  # what a teacher's top classes leave
        return Sparse(self.put("index", index), self.put("p", probs))

    def yes_no(self) -> Target:
        kind = pick(self.rng, {"bool": 2, "integer": 2, "float": 4})
        if kind == "float":
            return YesNo(self.put("p", values.unit_interval(self.rng, self.events, self.dtype())))
        y = self.rng.integers(0, 2, self.events)
        integers = self.limits.integers
        dtype = bool if kind == "bool" else integers[int(self.rng.integers(len(integers)))]
        return YesNo(self.put("p", np.asarray(y).astype(dtype)))

    def yes_no_scores(self) -> YesNoScores:
        logits = self.function == "log_normalizer" or self.rng.random() < 0.65
        dtype = self.dtype()
        if not logits:
            q = values.unit_interval(self.rng, self.events, dtype)
            return YesNoScores("BinaryProbs", self.put("q", q))
        of = pick(self.rng, values.SCORES)
        self.traits.add(of)
        z = values.scores(self.rng, self.n, 1, dtype, of).reshape(self.events)
        if (z.astype(float) == np.inf).any():
            self.traits.add("+∞")
        return YesNoScores("BinaryLogits", self.put("q", z))

    def wrapped(self, p: Target) -> Target:
        """P in up to three wrappers, in any order."""
        for depth in range(int(self.rng.choice(4, p=[0.4, 0.35, 0.17, 0.08]))):
            # The entropy of a few classes, smoothed, needs to know how many there are in all.
            unknown = self.function == "entropy" and isinstance(base(p), Sparse)
            if self.rng.random() < 0.45 and not unknown:
                epsilon = float(self.rng.choice([0.0, 1e-8, 0.01, 0.1, 0.5, 1.0]))
                p = Smoothed(p, epsilon)
            else:
                p = self.weighted(p, depth)
        return p

    def weighted(self, p: Target, depth: int) -> Weighted:
        # Products of hidden states add up in the input's own range.
        rng, narrow = self.rng, self.limits.narrow or depth > 0 or "hidden" in self.arrays
        which = int(rng.integers(1, 4))
        sample = classes = None
        if which & 1:
            sample = self.put(f"sample{depth}", values.weights(rng, self.events, narrow))
        if which & 2:
            if not isinstance(base(p), YesNo):
                weight = values.weights(rng, (self.classes,), narrow or which == 3)
                classes = self.put(f"classes{depth}", weight)
            elif rng.random() < 0.3 and self.events:
                each = values.weights(rng, self.events[-1:], True)
                classes = (float(rng.choice([0.0, 1.0, 2.5])), self.put(f"yes{depth}", each))
            else:
                classes = tuple(float(rng.choice([0.0, 0.5, 1.0, 3.0])) for _ in range(2))
        return Weighted(p, sample, classes)


def _poisoned(rng: Rng, drawn: Program) -> Program:
    """Nonsense for the places that have mass 0: the result must not change."""
    from .poison import poison

    return replace(drawn, poison=poison(rng, drawn)) if drawn.p is not None else drawn
