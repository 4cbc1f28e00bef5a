"""One program by one way, held against the truth, itself, and nonsense where the mass is 0."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import ml_dtypes
import numpy as np

from . import allowed
from .allowed import Precision
from .measures import masses
from .notes import Notes
from .poison import weightless
from .program import Array, Arrays, Program, Stored, Weighted, names_of_q, text, title
from .reference import Slope, Truth, truth


@dataclass
class Outcome:
    """What came back: the value, and gradients by the names of the arrays."""

    value: Array
    gradients: Arrays = field(default_factory=dict)
    changed: tuple[str, ...] = ()


KERNEL = Precision()


# Weights that add up to less, or to more, are brought near 1 where they can be looked at.
_LEVEL = (2.0**-60, 2.0**60)


@dataclass
class Way:
    """One way of running a program: by which kernel, through which transformation.

    `sees` says that weights can be looked at, and `repeats` that it gives the same bits every time;
    `more` are checks of its own; `program` is the program as this way holds it, where it holds
    other arrays than those drawn.
    """

    name: str
    run: Callable[[Program], Outcome]
    precision: Precision = KERNEL
    sees: bool = True
    repeats: bool = True
    poisons: bool = True
    category: str = ""
    more: Callable[[Notes, Program, Truth, str], None] | None = None
    program: Program | None = None

    def kind(self) -> str:
        return self.category or ("formula" if self.precision.formula else "kernel")


@contextmanager
def quietly(notes: Notes, kind: str) -> Iterator[None]:
    """Inside this block a RuntimeWarning is a failure: NumPy's, from inside of the library."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        yield
    for w in seen:
        if issubclass(w.category, RuntimeWarning):
            notes.fail(f"warns: {str(w.message)[:60]} [{kind}]", str(w.message))


def hold(notes: Notes, program: Program, way: Way) -> Outcome | None:
    """Run a program and check everything that is promised of it."""
    kind, detail = f"{title(program)} [{way.kind()}]", text(program)
    outcome = attempt(notes, "refused", kind, program, way)
    if outcome is None:
        return None
    notes.check(not outcome.changed, f"input changed: {kind}", f"{outcome.changed}\n{detail}")
    true = truth(program)
    judge(notes, program, true, outcome, way)
    if way.repeats:
        again = attempt(notes, "refused when run again", kind, program, way)
        if again is not None:
            notes.check(same(outcome, again), f"not the same twice: {kind}", detail)
    if program.poison and way.poisons:
        hold_poisoned(notes, program, way, outcome)
    if way.more is not None:
        try:
            way.more(notes, program, true, kind)
        except Exception as error:
            notes.refused(f"refused [{way.kind()}]", error, f"{kind}\n{detail}")
    return outcome


def attempt(notes: Notes, what: str, kind: str, program: Program, way: Way) -> Outcome | None:
    try:
        with quietly(notes, kind.split()[0]):
            return way.run(program)
    except Exception as error:
        notes.refused(f"{what} [{way.kind()}]", error, f"{kind}\n{text(program)}")
        return None


def judge(notes: Notes, program: Program, true: Truth, outcome: Outcome, way: Way) -> None:
    """The value and every gradient, within what the contract allows."""
    kind, precision = f"{title(program)} [{way.kind()}]", way.precision
    dtype = allowed.loss_dtype(program, precision)
    value = np.asarray(outcome.value)
    notes.check(
        value.dtype == dtype, f"dtype: {kind}", f"{value.dtype} for {dtype}\n{text(program)}"
    )
    if not notes.check(
        value.shape == np.shape(true.value),
        f"shape: {kind}",
        f"{value.shape} for {np.shape(true.value)}\n{text(program)}",
    ):
        return
    if not way.sees and program.reduction == "mean" and not _LEVEL[0] < true.divisor < _LEVEL[1]:
        return  # what float32 carries of such weights, as N6 says
    where = way.kind()
    _compare(
        notes,
        program,
        (f"{program.function}, {where}", f"value: {kind}"),
        (value, true.value, allowed.value(program, true, precision)),
        dtype,
    )
    for name, actual in outcome.gradients.items():
        name, _, place = name.partition("@")
        slope = true.of_q.get(name)
        if place and slope is not None:
            _along_one(notes, program, true, (slope, name, place), actual, way)
            continue
        by_p = slope is None
        slope = true.of_p.get(name) if slope is None else slope
        if slope is None:
            continue
        of = np.dtype(program.arrays[name].dtype)
        notes.check(actual.dtype == of, f"gradient dtype: {kind}", f"{name}\n{text(program)}")
        off = allowed.gradient(program, true, slope, of, precision, absolute=by_p)
        expected = slope.value
        if by_p:
            # Where a cost is ∞ its product with what is 0 is a matter of taste.
            settled = np.isfinite(expected) & np.isfinite(slope.size)
            # A weight times the greatest of all costs is ∞ on the way, whatever divides it then.
            if "extreme" in program.traits or true.divisor == 0 or not _all_finite(true.value):
                settled &= False
            actual, expected = (np.where(settled, x, 0) for x in (actual, expected))
        elif program.shape is not None:
            # The slope of a power has no value where the loss is ∞ or NaN.
            settled = np.isfinite(expected)
            actual, expected = (np.where(settled, x, 0) for x in (actual, expected))
        actual = _ruled_out(program, name, np.asarray(actual), expected)
        role = "P" if by_p else "Q"
        _compare(
            notes,
            program,
            (f"gradient by {role}, {where}", f"gradient by {role}: {kind}"),
            (actual, expected, off),
            of,
        )


def _along_one(
    notes: Notes, program: Program, true: Truth, which: Any, actual: Array, way: Way
) -> None:
    """The change along one component, which is that component of the gradient."""
    slope, name, at = which
    place = tuple(int(i) for i in at.strip("()").split(",") if i.strip())
    dtype = allowed.loss_dtype(program, way.precision)
    off = allowed.gradient(program, true, slope, dtype, way.precision)
    expected = slope.value[place]
    # It goes through a gradient of the scores' own type.
    off = np.asarray(off)[place] + 2 * allowed.unit(program.arrays[name].dtype) * abs(expected)
    if not np.isfinite(expected) or not np.isfinite(true.losses).all():
        return
    names = (
        f"change along Q, {way.kind()}",
        f"change along {name}: {title(program)} [{way.kind()}]",
    )
    _compare(notes, program, names, (actual, expected, off), dtype)


def _all_finite(x: Any) -> bool:
    return bool(np.isfinite(x).all())


def _ruled_out(program: Program, name: str, actual: Array, expected: Any) -> Array:
    """In a row that is NaN, a class that a score of -∞ rules out may keep its 0 (N3)."""
    if not isinstance(program.q, Stored) or name != program.q.array:
        return actual
    free = np.isnan(expected) & np.isneginf(program.arrays[name].astype(float)) & (actual == 0)
    return np.where(free, np.nan, actual)


def _compare(
    notes: Notes, program: Program, names: tuple[str, str], numbers: tuple[Any, ...], dtype: Any
) -> None:
    category, kind = names
    actual, expected, off = numbers
    bad, share = allowed.missed(actual, expected, off, dtype)
    if share.size:
        finite = share[~np.isinf(share)] if np.ndim(share) else share[np.isfinite(share)]
        notes.share(category, float(np.max(np.minimum(finite, 1e9), initial=0.0)))
    detail = ""
    if np.any(bad):
        place = tuple(int(i) for i in np.argwhere(bad)[0]) if np.ndim(bad) else ()
        got, want = np.asarray(actual)[place], np.asarray(expected)[place]
        limit = np.broadcast_to(off, np.shape(expected))[place]
        nature = (
            "NaN"
            if np.isnan(got) != np.isnan(want)
            else "∞"
            if np.isinf(got) or np.isinf(want)
            else ""
        )
        kind = f"{nature} {kind}".strip()
        detail = (
            f"at {place}: got {got!r}, the truth is {want!r}, "
            f"off by {abs(got - want):.3g}, allowed {limit:.3g}; "
            f"{np.count_nonzero(bad)} of {np.size(bad)} are off\n{text(program)}"
        )
    notes.check(not np.any(bad), kind, detail)


def same(a: Outcome, b: Outcome) -> bool:
    """Whether two outcomes are the same to the last bit; one NaN is like another."""
    pairs = [(a.value, b.value), *((a.gradients[n], b.gradients.get(n)) for n in a.gradients)]
    return all(equal(x, y) for x, y in pairs)


def equal(x: Any, y: Any) -> bool:
    if y is None:
        return False
    x, y = (np.asarray(v) for v in (x, y))
    wide = x.astype(np.float64), y.astype(np.float64)
    return x.shape == y.shape and bool(
        ((wide[0] == wide[1]) | np.isnan(wide[0]) & np.isnan(wide[1])).all()
    )


def hold_poisoned(notes: Notes, program: Program, way: Way, clean: Outcome) -> None:
    """The value and all gradients with nonsense at mass 0, which must be those without."""
    kind = f"{title(program)} [{way.kind()}]"
    poisoned = program.poisoned()
    outcome = attempt(notes, "mass 0 refused", kind, poisoned, way)
    if outcome is None:
        return
    shown = text(poisoned)
    in_q = names_of_q(program.q)
    of = f"{title(replace(program, p=None, shape=None)).split()[-1]} [{way.kind()}]"
    good = equal(clean.value, outcome.value)
    detail = f"{kind}\n{clean.value} {outcome.value}\n{shown}"
    notes.check(good, f"mass 0 changes the value: {of}", detail)
    assert program.p is not None
    out = weightless(program.p, program.arrays, program.events)
    mass = masses(program.p, program.arrays, program.events, program.classes)[0].sum(1)
    every = bool((out | (mass != 0)).all())
    for name, before in clean.gradients.items():
        after = outcome.gradients[name]
        role = "Q" if name.partition("@")[0] in in_q else "P"
        if role == "P":
            # Where the value is infinite its slopes by P are 0 · ∞, here and there another.
            if not every or not np.isfinite(np.asarray(clean.value, np.float64)).all():
                continue
            if name in _weights(program):
                # The gradient by a weight of 0 is the loss that it takes out, whatever that is.
                kept = program.arrays[name] != 0
                before, after = before[kept], after[kept]
        detail = f"{kind}, {name}\n{before!r}\n{after!r}\n{shown}"
        notes.check(equal(before, after), f"mass 0 changes the gradient by {role}: {of}", detail)


def _weights(program: Program) -> set[str]:
    found: set[str] = set()
    p: Any = program.p
    while p is not None and hasattr(p, "target"):
        if isinstance(p, Weighted):
            sides = p.classes if isinstance(p.classes, tuple) else (p.classes,)
            found |= {x for x in (p.sample, *sides) if isinstance(x, str)}
        p = p.target
    return found


def hold_second(
    notes: Notes, program: Program, true: Truth, actual: Array, slope: Slope, kind: str
) -> None:
    """A second derivative, whose error the formula's rounding bounds absolutely."""
    name = names_of_q(program.q)[0]
    dtype = program.arrays[name].dtype
    off = allowed.gradient(program, true, slope, dtype, Precision(formula=True))
    off = off + 2 * allowed.unit(dtype) * slope.size
    # It is a sum over the classes of products that are each rounded in this type.
    off = off + 8 * program.classes * allowed.least(dtype, KERNEL)
    # A first gradient that this type cannot hold has no second one.
    most = float(ml_dtypes.finfo(dtype).max)
    settled = np.isfinite(slope.value) & (slope.size < most / 16)
    # Nor has one of weights whose product is beyond it.
    weights = (np.max(abs(program.arrays[n].astype(float)), initial=1) for n in _weights(program))
    settled &= np.prod([np.float64(w) for w in weights]) < most / 1024
    numbers = (np.where(settled, actual, 0), np.where(settled, slope.value, 0), 4 * off)
    names = ("second derivative", f"second derivative: {kind}")
    _compare(notes, program, names, numbers, dtype)
