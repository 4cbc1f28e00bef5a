"""What the suites ask of a framework, and how a framework says what it cannot do."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import plogq
from plogq.frameworks import autodiff
from plogq.pairing import prepare

from .. import bounds, makers
from ..rebuilt import HELD
from ..together import one_by_one
from .apart import changed

Array = npt.NDArray[Any]
Function = Callable[..., Any]

# Two backgrounds with different class weights: the kernels say that they do not do these.
TWO_BACKGROUNDS = "smoothed>both_weights>smoothed"
# One of each part that P and Q can have.
PAIRS: tuple[tuple[str, str], ...] = (
    ("Labels-plain", "Logits"),
    ("Labels(ignore)-class_weight>smoothed", "Logits(softcap)"),
    ("Probs-both_weights", "Logits"),
    ("Probs-plain", "Probs"),
    ("SparseProbs-both_weights", "LogProbs"),
    ("SparseProbs-smoothed>both_weights>smoothed", "Logits"),
    ("Labels-both_weights", "LinearLogits(bias)"),
    ("BinaryProbs(soft)-both_weights", "BinaryLogits"),
    ("BinaryProbs(bool)-smoothed", "BinaryProbs"),
)


@dataclass(frozen=True)
class Cannot:
    """What a framework does not do: why, and a check that it is so."""

    why: str
    check: Callable[[], None]


def needs(*names: str) -> Callable[[Function], Function]:
    """A test of something that a framework may be unable to do, and then says so by its name."""

    def decorate(test: Function) -> Function:
        @wraps(test)
        def either(self: Any, *given: Any, **named: Any) -> None:
            for name in names:
                if name in self.framework.cannot:
                    self.framework.cannot[name].check()
                    return
            test(self, *given, **named)

        return either

    return decorate


class Framework:
    """A framework as the suites use it; the arrays that go in and come out are NumPy's.

    `ways` are the kernels and the kinds of program that a pair can go by, `quick` those that every
    law goes, `paths` the ways together with those of differentiating. A `loss` and a gradient are
    of a function of representations: `call` gives the value, `pull` the gradients as well.
    """

    name = ""
    ways: tuple[str, ...] = ()
    slow: tuple[str, ...] = ()
    dtypes: tuple[Any, ...] = bounds.DTYPES
    few: tuple[Any, ...] = bounds.DTYPES
    targets: tuple[str, ...] = tuple(makers.TARGETS)
    predictions: tuple[str, ...] = tuple(makers.PREDICTIONS)
    yes_no: tuple[str, ...] = tuple(makers.BINARY_PREDICTIONS)
    pairs: tuple[tuple[str, str], ...] = PAIRS
    examples = 25
    many = 3000
    lengths: tuple[int, ...] = (130,)
    long_rows: tuple[int, ...] = (2, 1000, 20_011)
    # Whether every case is a program to be made, or takes long: laws then take fewer.
    thin = False
    # The types of which LinearLogits go in chunks of events, and not in tiles of classes.
    chunks: tuple[str, ...] = ()
    # Whether that is because each form of a pair is a program.
    programs = False
    cannot: dict[str, Cannot]

    def __init__(self) -> None:
        self.cannot = {}
        self._programs: dict[Any, Any] = {}

    def program(self, key: Any, f: Function, make: Callable[[], Any]) -> Any:
        """The program that is kept for this key; what a test defines for itself is not kept."""
        if "<locals>" in getattr(f, "__qualname__", "<locals>"):
            return make()
        if key not in self._programs:
            self._programs[key] = make()
        return self._programs[key]

    def some(self, values: Sequence[Any], step: int = 3) -> Sequence[Any]:
        """Of the cases of one law those that are taken; fewer where each is a program."""
        return values[::step] if self.thin else values

    @property
    def two(self) -> tuple[Any, ...]:
        """One dtype that is wide and one that is not, or all of them."""
        return (bounds.DTYPES[1], bounds.BFLOAT16) if self.thin else self.dtypes

    @property
    def quick(self) -> tuple[str, ...]:
        return self.ways[:1]

    @property
    def main(self) -> tuple[str, ...]:
        """Ways that differ in the kernel or the kind of program, not in how it is cut."""
        return self.ways

    @property
    def paths(self) -> tuple[str, ...]:
        return self.ways

    @property
    def widest(self) -> np.dtype[Any]:
        return self.dtypes[0]

    def takes(self, p: Any, q: Any) -> bool:
        """Whether a pair has kernels here at all, of those that this adapter is about."""
        return True

    def put(self, x: Any) -> Any:
        """An array of the framework with these values and this dtype."""
        raise NotImplementedError

    def get(self, x: Any) -> Array:
        return np.asarray(x)

    def on(self, r: Any) -> Any:
        """The same P or Q, or array, with arrays of the framework."""
        return changed(r, self.put)

    @contextmanager
    def by(self, way: str) -> Iterator[None]:
        """Inside this block what runs eagerly goes this way."""
        yield

    def call(self, way: str, f: Function, *held: Any, **options: Any) -> Any:
        """f(*held, **options) by this way."""
        with self.by(way):
            found = f(*map(self.on, held), **options)
        return tuple(map(self.get, found)) if isinstance(found, tuple) else self.get(found)

    def pull(
        self,
        way: str,
        f: Function,
        *held: Any,
        of: Sequence[int] | None = None,
        weights: Any = None,
        **options: Any,
    ) -> tuple[Any, list[list[Array | None]]]:
        """The value of f, and for all or those `of` them, the gradients of arrays (integers: None).

        f gives an array, or a tuple of them; `weights` are what flows back to each, ones if None.
        """
        raise NotImplementedError

    def results(self, way: str, p: Any, q: Any, **options: Any) -> tuple[Array, Any]:
        """H(p, q), one number per event unless asked otherwise, and the gradient in Q's arrays."""
        options = {"reduction": "none"} | options
        value, (gradients,) = self.pull(way, plogq.cross_entropy, p, q, of=(1,), **options)
        return value, named(q, gradients)

    def twice(self, way: str, p: Any, q: Any, f: Function = plogq.cross_entropy,
              **options: Any) -> Named:  # fmt: skip
        """The gradient, in Q's arrays, of the sum of the squares of the gradient there of the loss,
        or of another function f of P and Q."""
        raise NotImplementedError

    def columns(self, way: str) -> bool:
        """Whether what holds in rows is asked of columns too, where it is no matter of kernels."""
        return not self.programs

    def slow_rows(self, way: str) -> bool:
        """Whether every row of scores takes so long that few are taken."""
        return False

    def both(
        self, way: str, p: Any, q: Any, d_loss: Any, d_log_z: Any
    ) -> tuple[Array, Array, Named, str]:
        """Losses, log Z, the gradient of their weighted sums in Q's arrays, and the kernel."""
        kernels: list[str] = []

        def found(p: Any, q: Any) -> Any:
            pair = prepare(p, q)
            kernels.append(pair.kernel.name)
            return autodiff.losses(pair.xp, pair.kernel, pair.measure, pair.scores, True)

        weights = np.asarray(d_loss), np.asarray(d_log_z)
        (loss, log_z), (gradients,) = self.pull(way, found, p, q, of=(1,), weights=weights)
        return loss, log_z, named(q, gradients), kernels[0]

    def contract_ways(self, p: str, q: str, layers: str, wrappers: Sequence[str]) -> Sequence[str]:
        """The ways by which the contract is held for a pair; `layers` wrap P."""
        return self.ways if layers in wrappers else ()

    def contract_dtypes(self, p: str, q: str, way: str) -> Sequence[Any]:
        return self.dtypes

    def leaves(self, way: str, pairs: set[tuple[str, str]]) -> bool:
        """Whether this way has nothing to do with any of these pairs."""
        return False

    def shaped_pairs(self, way: str) -> list[tuple[Any, str]]:
        """The dtypes and predictions that are taken with classes on each axis."""
        dtypes = [d for d in self.dtypes if d != np.float16]
        return [(d, q) for d in dtypes for q in makers.STORED]

    def kernel(self, p: str, q: str, way: str, dtype: Any) -> str:
        """The name of the kernel that a pair is to have."""
        if way in ("formula", "xla", "steps"):
            return "formula"
        refused = TWO_BACKGROUNDS in p and not p.startswith("Binary")
        if q.startswith("Linear"):
            return "linear" if refused or dtype.name not in self.chunks else "chunked"
        return "formula" if refused else "cpu"

    def reached_of(self, q: str, way: str, check: Any) -> Any:
        """The bound for a kind of prediction."""
        return self.reached(way, check)

    def unit_of_divergence(self, dtype: Any) -> float:
        """u of what the difference of two predictions is computed in: float64, where there is."""
        return bounds.unit(np.float64)

    def own_loss(self, scores: Array, y: Array) -> float:
        """What the framework's own cross-entropy makes of labels."""
        raise NotImplementedError

    def flushes(self, way: str) -> bool:
        """Whether this way takes subnormal numbers for 0."""
        return False

    def smallest(self, way: str, dtype: Any) -> float:
        """The least number that this way does not take for 0 as it is put in."""
        return 0.0

    def reached(self, way: str, check: Any, classes: int = 2) -> Any:
        """The bound of N1 or N2 that this way is held to."""
        return check


class Named(SimpleNamespace):
    """Arrays under the names of Q's own; a bias that is not there is None."""

    def __getattr__(self, name: str) -> Any:
        if name == "bias":
            return None
        raise AttributeError(name)


def named(q: Any, gradients: Sequence[Any]) -> Named:
    """Gradients under the names of Q's arrays."""
    q = getattr(q, "prediction", q)
    names = [n for n in HELD if getattr(q, n, None) is not None]
    return Named(**dict(zip(names, gradients, strict=True)))


class Suite:
    """Tests over the ways and dtypes of `framework`, which a test asks for by a parameter's name.

    `way`: every way; `main_way`: those that differ in more than how they are cut; `quick_way`:
    those that laws go; `path`: ways of differentiating besides; `dtype`: every dtype; `few_dtype`:
    those that a law takes; `two_dtype`: one that is wide and one that is not; and what has an
    `every_...`. Each way is a test, and goes through all the rest one by one.
    """

    framework: Framework

    def __init_subclass__(cls) -> None:
        """A suite that is bound to a framework has tests that take lists of cases."""
        for name in dir(cls) if "framework" in vars(cls) else ():
            if name.startswith("test_"):
                test = getattr(cls, name)
                for parameter in inspect.signature(test).parameters:
                    if parameter in DTYPES or hasattr(cls, f"every_{parameter}"):
                        test = one_by_one(parameter, test)
                setattr(cls, name, test)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        framework = self.framework
        ways = {"way": framework.ways, "quick_way": framework.quick, "path": framework.paths}
        ways["main_way"] = framework.main
        for name in metafunc.fixturenames:
            if name in ways:
                slow = [(w, w.split("/")[0] in framework.slow) for w in ways[name]]
                marks = [pytest.param(w, marks=pytest.mark.slow if s else ()) for w, s in slow]
                metafunc.parametrize(name, marks)
            elif name in DTYPES:
                metafunc.parametrize(name, [DTYPES[name](framework)], ids=[name])
            elif hasattr(self, f"every_{name}"):
                metafunc.parametrize(name, self.cases(name, getattr(self, f"every_{name}")()))

    def cases(self, name: str, values: Iterable[Any]) -> list[Any]:
        """Names, or tuples of names; those that end with a way are together with others of it."""
        groups: dict[str, list[Any]] = {}
        for v in values:
            way = v[-1] if isinstance(v, tuple) and v[-1] in self.framework.ways else name
            groups.setdefault(way, []).append(v)
        slow = {w: pytest.mark.slow if w in self.framework.slow else () for w in groups}
        return [pytest.param(group, id=w, marks=slow[w]) for w, group in groups.items()]


DTYPES: dict[str, Callable[[Framework], Sequence[Any]]] = {
    "dtype": lambda framework: framework.dtypes,
    "few_dtype": lambda framework: framework.few,
    "two_dtype": lambda framework: framework.two,
}
