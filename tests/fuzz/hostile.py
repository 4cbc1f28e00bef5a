"""What no one should pass: arrays of every odd kind, wrong types for every argument.

A result, or a PlogqError, ValueError or TypeError with a sentence. Nothing that shows internals,
no crash, no warning, and an array that was given is the array that it was.
"""

from __future__ import annotations

import decimal
import fractions
import warnings
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

import plogq

from .notes import Notes
from .values import Rng

Maker = Callable[[Rng, Any], Any]
SENTENCES = (plogq.PlogqError, ValueError, TypeError)


class Odd:
    """An object that says no to whatever it is asked."""

    def __getattr__(self, name: str) -> Any:
        raise ValueError(f"{name} of an object that says no")

    def __repr__(self) -> str:
        return "Odd()"


class Duck:
    """Something with a shape and a dtype that is no array."""

    shape, dtype, ndim = (2, 3), np.dtype(np.float64), 2


class Interface:
    """An array by its interface alone, as other libraries have them."""

    def __init__(self, x: Any) -> None:
        self.__array_interface__ = x.__array_interface__
        self.held = x


class Subclass(np.ndarray[Any, Any]):
    """An array that is not of NumPy's own class."""


def _huge_strides(rng: Rng, x: Any) -> Any:
    small = np.zeros(1, np.asarray(x).dtype)
    return np.lib.stride_tricks.as_strided(small, np.shape(x), (0,) * np.ndim(x))


def _masked(rng: Rng, x: Any) -> Any:
    return np.ma.masked_array(x, np.asarray(x) == np.asarray(x).reshape(-1)[:1].sum())


def _swapped(rng: Rng, x: Any) -> Any:
    return np.asarray(x).astype(np.asarray(x).dtype.newbyteorder())


def _sparse(rng: Rng, x: Any) -> Any:
    from scipy import sparse

    return sparse.csr_array(np.atleast_2d(np.asarray(x, float)))


def _tensor(rng: Rng, x: Any) -> Any:
    import sys

    torch = sys.modules.get("torch")
    return np.asarray(x) if torch is None else torch.empty(np.shape(x), device="meta")


MAKERS: tuple[Maker, ...] = (
    lambda rng, x: None,
    lambda rng, x: Odd(),
    lambda rng, x: Duck(),
    lambda rng, x: object,
    lambda rng, x: "2.0",
    lambda rng, x: b"\xff\x00",
    lambda rng, x: {0: 5.0, 1: 2.0},
    lambda rng, x: {1.0, 2.0},
    lambda rng, x: iter([1.0, 2.0]),
    lambda rng, x: (v for v in (0, 1)),
    lambda rng, x: range(2),
    lambda rng, x: float("nan"),
    lambda rng, x: float("inf"),
    lambda rng, x: -1,
    lambda rng, x: 2**64,
    lambda rng, x: -(2**70),
    lambda rng, x: 10**400,
    lambda rng, x: 1j,
    lambda rng, x: True,
    lambda rng, x: decimal.Decimal("0.5"),
    lambda rng, x: fractions.Fraction(1, 2),
    lambda rng, x: np.float32(0.5),
    lambda rng, x: np.array(0.5),
    lambda rng, x: np.array([]),
    lambda rng, x: np.array([0.5, 0.5]),
    lambda rng, x: [[1.0, 2.0], [3.0]],
    lambda rng, x: [[None, 1.0, 2.0]] * 2,
    lambda rng, x: np.asarray(x).astype(object),
    lambda rng, x: np.asarray(x).astype(str),
    lambda rng, x: np.asarray(x).astype("S3"),
    lambda rng, x: np.asarray(x).astype(complex),
    lambda rng, x: np.asarray(x).astype(np.longdouble),
    lambda rng, x: np.zeros(np.shape(x), [("a", "f4"), ("b", "i4")]),
    lambda rng, x: np.zeros(np.shape(x), "datetime64[s]"),
    lambda rng, x: np.zeros(np.shape(x), "timedelta64[s]"),
    lambda rng, x: np.zeros(np.shape(x), "V5"),
    lambda rng, x: np.asarray(x).astype(ml_dtypes.float8_e5m2),
    lambda rng, x: np.asarray(x).astype(ml_dtypes.int4),
    lambda rng, x: np.asarray(x).astype(bool),
    lambda rng, x: np.asarray(x).astype(np.int8),
    lambda rng, x: np.asarray(x).view(Subclass),
    lambda rng, x: np.asmatrix(np.atleast_2d(np.asarray(x)).reshape(-1, 3)[:2]),
    lambda rng, x: Interface(np.asarray(x)),
    lambda rng, x: memoryview(np.asarray(x)),
    lambda rng, x: np.asarray(x).reshape((1,) * int(rng.integers(20, 60)) + np.shape(x)),
    lambda rng, x: np.zeros((0, 3)),
    lambda rng, x: np.zeros((2, 0)),
    lambda rng, x: np.zeros((1 << 40, 0)),
    lambda rng, x: np.broadcast_to(np.float64(0.5), (1 << 12, 1 << 12)),
    lambda rng, x: np.full(np.shape(x), np.iinfo(np.int64).min),
    lambda rng, x: np.full(np.shape(x), 2**64 - 1, np.uint64),
    lambda rng, x: np.full(np.shape(x), np.nan),
    lambda rng, x: np.full(np.shape(x), np.inf),
    lambda rng, x: np.full(np.shape(x), -1.0),
    _huge_strides,
    _masked,
    _swapped,
    _sparse,
    _tensor,
)


def check(
    rng: Rng,
    notes: Notes,
    good: dict[str, Any] | None = None,
    makers: tuple[Maker, ...] | None = None,
) -> None:
    """One call with one argument, or now and then two, that is not what it should be."""
    good, makers = good or GOOD, makers or MAKERS
    places = dict(good)
    changed: list[str] = []
    name = list(CALLS)[int(rng.integers(len(CALLS)))]
    call, takes = CALLS[name]
    if good is not GOOD and "grad" in name:
        return  # for arrays without autodiff
    for _ in range(2 if rng.random() < 0.2 else 1):
        place = takes[int(rng.integers(len(takes)))]
        which = int(rng.integers(len(makers)))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                places[place] = makers[which](rng, good[place])
        except Exception:
            return  # there is no such thing of this kind
        changed.append(f"{place} = {_short(places[place])} (maker {which})")
    detail = f"{name} with {', '.join(changed)}"
    where = f"hostile: {name.split('(')[0]}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", RuntimeWarning)
            call(places)
    except SENTENCES as error:
        shown = str(error)
        plain = isinstance(error, plogq.PlogqError) or not _internal(shown)
        start = shown.split(" instances of")[0].split(" did not contain")[0][:40]
        kind = f"{where}: shows internals: {start}"
        notes.check(bool(shown) and plain, kind, f"{detail}\n{shown}")
    except Exception as error:
        notes.refused(where, error, detail)
    else:
        notes.check(True, where)


def _internal(sentence: str) -> bool:
    """Whether a sentence was written for those who wrote the code."""
    marks = (
        "unexpected keyword",
        "positional argument",
        "object is not subscriptable",
        "has no attribute",
        "unsupported operand",
        "not supported between",
        "incompatible function arguments",
        "object cannot be interpreted",
        "ufunc",
        "only length-1 arrays",
        "only 0-dimensional arrays",
        "truth value of an array",
        "object is not callable",
        "must be real number, not",
        "could not convert string to float",
    )
    return any(m in sentence for m in marks)


def _short(x: Any) -> str:
    if isinstance(x, np.ndarray):
        shape = x.shape if x.ndim < 5 else f"{x.ndim} axes"
        return f"{type(x).__name__} {x.dtype} {shape}"
    if isinstance(x, Odd) or hasattr(type(x), "shape"):
        return f"{type(x).__name__} {'' if isinstance(x, Odd) else getattr(x, 'dtype', '')}"
    return f"{type(x).__name__} {str(x)[:40]}"


GOOD: dict[str, Any] = {
    "labels": np.array([1, 0]),
    "ignore": -1,
    "scores": np.array([[2.0, 5.0, 1.0], [7.0, 1.0, 0.5]]),
    "probs": np.array([[0.5, 0.25, 0.25], [0.0, 0.5, 0.5]]),
    "index": np.array([[0, 1], [2, 0]]),
    "few": np.array([[0.5, 0.5], [0.75, 0.25]]),
    "yes": np.array([1.0, 0.0]),
    "z": np.array([2.0, -1.0]),
    "hidden": np.array([[1.0, 2.0], [0.5, -1.0]]),
    "weight": np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
    "bias": np.array([0.0, 0.5, 1.0]),
    "sample": np.array([1.0, 2.0]),
    "classes": np.array([1.0, 2.0, 0.5]),
    "sides": (1.0, 2.0),
    "epsilon": 0.1,
    "axis": -1,
    "softcap": 30.0,
    "filter": 0.001,
    "reduction": "mean",
    "normalizer": 2.0,
    "z_loss": 0.1,
    "gamma": 2.0,
    "out": np.zeros((2, 3)),
    "losses": np.array([0.5, 1.0]),
    "p": plogq.Labels([1, 0]),
    "q": plogq.Logits([[2.0, 5.0, 1.0], [7.0, 1.0, 0.5]]),
}
Places = dict[str, Any]
CALLS: dict[str, tuple[Callable[[Places], Any], tuple[str, ...]]] = {
    "cross_entropy(Labels, Logits)": (
        lambda a: plogq.cross_entropy(
            plogq.Labels(a["labels"], ignore=a["ignore"]),
            plogq.Logits(a["scores"], axis=a["axis"], softcap=a["softcap"]),
            reduction=a["reduction"],
            normalizer=a["normalizer"],
            z_loss=a["z_loss"],
        ),
        ("labels", "ignore", "scores", "axis", "softcap", "reduction", "normalizer", "z_loss"),
    ),
    "value_and_grad(Weighted, Logits)": (
        lambda a: plogq.value_and_grad(
            plogq.Weighted(
                plogq.Labels(a["labels"]), sample_weight=a["sample"], class_weight=a["classes"]
            ),
            plogq.Logits(a["scores"]),
            out=a["out"],
        ),
        ("labels", "sample", "classes", "scores", "out"),
    ),
    "value_and_grad(Smoothed, Probs)": (
        lambda a: plogq.value_and_grad(
            plogq.Smoothed(plogq.Probs(a["probs"], axis=a["axis"]), a["epsilon"]),
            plogq.Probs(a["probs"], axis=a["axis"]),
        ),
        ("probs", "axis", "epsilon"),
    ),
    "kl_divergence(SparseProbs, LogProbs)": (
        lambda a: plogq.kl_divergence(
            plogq.SparseProbs(a["index"], a["few"]), plogq.LogProbs(-abs(a["scores"]))
        ),
        ("index", "few"),
    ),
    "cross_entropy(BinaryProbs, BinaryLogits)": (
        lambda a: plogq.cross_entropy(
            plogq.Weighted(
                plogq.BinaryProbs(a["yes"]), sample_weight=a["sample"], class_weight=a["sides"]
            ),
            plogq.BinaryLogits(a["z"]),
        ),
        ("yes", "sample", "sides", "z"),
    ),
    "value_and_grad(Labels, LinearLogits)": (
        lambda a: plogq.value_and_grad(
            plogq.Labels(a["labels"]),
            plogq.LinearLogits(
                a["hidden"],
                a["weight"],
                a["bias"],
                softcap=a["softcap"],
                gradient_filter=a["filter"],
            ),
        ),
        ("labels", "hidden", "weight", "bias", "softcap", "filter"),
    ),
    "entropy(Probs)": (
        lambda a: plogq.entropy(plogq.Smoothed(plogq.Probs(a["probs"]), a["epsilon"])),
        ("probs", "epsilon"),
    ),
    "log_normalizer(BinaryLogits)": (
        lambda a: (plogq.log_normalizer(plogq.BinaryLogits(a["z"])), plogq.log_normalizer(a["q"])),
        ("z", "q"),
    ),
    "focal": (
        lambda a: (plogq.focal(a["losses"], a["gamma"]), plogq.poly(a["losses"], a["epsilon"])),
        ("losses", "gamma", "epsilon"),
    ),
    "cross_entropy(p, q)": (
        lambda a: (plogq.explain(a["p"], a["q"]), plogq.cross_entropy(a["p"], a["q"])),
        ("p", "q"),
    ),
}
