"""The fuzzer's own reference against 60 digits, and the fuzzer against a library that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import plogq

from ..together import for_each
from . import allowed, draw, layouts, plain, report, runner
from .checks import Way, equal, hold
from .notes import Failure, Notes
from .on_numpy import LIMITS, ways
from .plain import mp
from .program import Program, text
from .reference import second_slope, truth

SMALL = draw.Limits(
    events=((), (2,), (3,)), event_shares=(1, 1, 1), classes=(2, 3, 5), class_shares=(1, 1, 1)
)
UNTAMED = {"extreme", "far", "infinite", "undefined", "shifted"}


def tame(seed: int, reduction: str) -> Program | None:
    """A small program whose numbers are all finite."""
    program = draw.program(draw.rng_of("reference", seed), SMALL)
    if program.function != "cross_entropy" or program.shape or UNTAMED & program.traits:
        return None
    program = replace(program, reduction=reduction, normalizer=None)
    finite = np.isfinite(truth(program).losses.astype(float)).all()
    return program if finite else None


def test_losses_are_those_of_60_digits() -> None:
    checked = 0
    for seed in range(400):
        program = tame(seed, "none")
        if program is None:
            continue
        with mp.workdps(200):
            expected = plain.losses(plain.exact(program))
        for got, want in zip(truth(program).losses, expected, strict=True):
            high = float(got)
            both = mp.mpf(high) + mp.mpf(float(got - np.longdouble(high)))
            assert abs(both - want) <= mp.mpf(2) ** -56 * abs(want), text(program)
            checked += 1
    assert checked > 300


def test_gradients_are_differences_of_60_digits() -> None:
    checked = 0
    for seed in range(300):
        program = tame(seed, "sum" if seed % 2 else "mean")
        if program is None:
            continue
        found = truth(program)
        if found.divisor == 0:
            continue
        for name, slope in (found.of_q | found.of_p).items():
            x = program.arrays[name]
            if x.dtype.kind in "iub" or not np.isfinite(float(slope.size.max(initial=0))):
                continue
            at = tuple(seed % n for n in x.shape)
            expected = plain.slope(program, name, at)
            # Where P or Q is 0, a step to either side of it leaves what is defined.
            if not mp.isfinite(expected) or isinstance(expected, mp.mpc):
                continue
            error = abs(mp.mpf(float(slope.value[at])) - expected)
            assert error <= 1e-14 * float(slope.size[at]), f"{name}\n{text(program)}"
            checked += 1
    assert checked > 150


def test_second_derivatives_are_differences_of_the_first() -> None:
    checked = 0
    for seed in range(400):
        program = tame(seed, "mean")
        if program is None or program.z_loss or getattr(program.q, "softcap", None):
            continue
        if getattr(program.q, "kind", "") not in ("Logits", "BinaryLogits"):
            continue
        z = program.arrays["q"].astype(np.float64)
        along = np.random.default_rng(seed).normal(size=z.shape)
        ends = [
            truth(program.with_arrays({"q": z + s * 1e-6 * along})).of_q["q"].value for s in (1, -1)
        ]
        slope = second_slope(program.with_arrays({"q": z}), along)
        assert np.all(abs((ends[0] - ends[1]) / 2e-6 - slope.value) <= 1e-6 * slope.size + 1e-12)
        checked += 1
    assert checked > 20


def test_a_program_is_a_function_of_its_seed() -> None:
    for seed in range(50):
        one, other = (draw.program(draw.rng_of("numpy", seed), LIMITS) for _ in range(2))
        assert text(one) == text(other)
        assert all(equal(x, other.poison[n]) for n, x in one.poison.items())


def test_nonsense_at_mass_0_leaves_the_truth_as_it_is() -> None:
    poisoned = 0
    for seed in range(300):
        program = draw.program(draw.rng_of("numpy", seed), SMALL)
        if program.poison:
            poisoned += 1
            assert equal(truth(program).value, truth(program.poisoned()).value), text(program)
    assert poisoned > 40


@for_each("layout", layouts.NUMPY)
def test_a_layout_changes_no_number(layout: str) -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    for seed in range(9):
        assert np.array_equal(layouts.laid_out(np.random.default_rng(seed), x, (layout,)), x)


def test_what_is_missed() -> None:
    exact = np.array([1.0, np.inf, np.nan, 0.0, 4e38], np.longdouble)
    given = np.array([1.0, np.inf, np.nan, 0.0, np.inf], np.float32)
    assert not allowed.missed(given, exact, 1e-9, np.float32)[0].any()
    for place, wrong in ((0, 1.1), (1, 3.0), (2, 1.0), (3, np.nan), (4, -np.inf)):
        other = given.copy()
        other[place] = wrong
        assert list(np.flatnonzero(allowed.missed(other, exact, 1e-9, np.float32)[0])) == [place]


def log_softmax_in_its_own_type(p: Any, q: Any, **options: Any) -> Any:
    """What most libraries compute, where the pair is labels and logits."""
    if not isinstance(p, plogq.Labels) or not isinstance(q, plogq.Logits) or q.softcap:
        return right(p, q, **options)
    if options.get("z_loss") or options["reduction"] != "none":
        return right(p, q, **options)
    z = np.moveaxis(np.asarray(q.scores), q.axis, -1)
    z = z.astype(np.float64 if z.dtype == np.float64 else np.float32)
    with np.errstate(all="ignore"):
        shifted = z - z.max(-1, keepdims=True, initial=-np.inf)
        log_q = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    index = np.asarray(p.index)
    kept = np.array([int(y) != p.ignore for y in index.reshape(-1)], bool).reshape(index.shape)
    at = np.where(kept, index, 0).astype(np.int64)[..., None]
    return np.where(kept, -np.take_along_axis(log_q, at, -1)[..., 0], 0).astype(z.dtype)


def slightly_more(p: Any, q: Any, **options: Any) -> Any:
    found = right(p, q, **options)
    return found * found.dtype.type(1 + 1e-4)


def of_one_type(p: Any, q: Any, **options: Any) -> Any:
    return np.float64(right(p, q, **options))


def never_the_same(p: Any, q: Any, **options: Any) -> Any:
    found = right(p, q, **options)
    return found * found.dtype.type(1 + np.random.default_rng().normal() * 1e-7)


def writes_to_its_input(p: Any, q: Any, **options: Any) -> Any:
    found, x = right(p, q, **options), getattr(q, "scores", None)
    if x is not None and x.size and x.flags.writeable:
        x.reshape(-1)[:1] += 1
    return found


def raises(p: Any, q: Any, **options: Any) -> Any:
    raise IndexError("index 7 is out of bounds")


right = plogq.cross_entropy


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        (log_softmax_in_its_own_type, "value: "),
        (slightly_more, "value: "),
        (of_one_type, "dtype: "),
        (never_the_same, "not the same twice: "),
        (writes_to_its_input, "input changed: "),
        (raises, "refused [kernel]: IndexError"),
    ],
)
def test_a_wrong_loss_is_found(
    wrong: Callable[..., Any], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a few programs, by its kind; the right one is not accused of it."""
    clean, found = Notes("numpy"), Notes("numpy")
    for seed in range(150):
        hold_plain(seed, clean)
    monkeypatch.setattr(plogq, "cross_entropy", wrong)
    for seed in range(150):
        hold_plain(seed, found)
        if any(k.startswith(kind) for k in found.kinds):
            break
    assert not [k for k in clean.kinds if k.startswith(kind)], report.failures(clean)
    assert [k for k in found.kinds if k.startswith(kind)], found.kinds


def hold_plain(seed: int, notes: Notes) -> None:
    """A program of labels and stored scores of one type, and all that is checked of it."""
    rng = draw.rng_of("plain", seed)
    program = draw.program(
        rng, replace(SMALL, floats=(np.dtype("f4"),), integers=(np.dtype("i8"),))
    )
    if type(program.p).__name__ != "Labels" or getattr(program.q, "kind", "") != "Logits":
        return
    if program.function == "cross_entropy":
        program = replace(program, poison={})
        notes.seed = seed
        for way in ways(rng, program):
            hold(notes, program, way)


def test_a_wrong_gradient_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(p: Any, q: Any, **options: Any) -> Any:
        loss, gradient = value_and_grad(p, q, **options)
        gradient.scores[...] = np.where(abs(gradient.scores) < 1e-3, 0, gradient.scores)
        return loss, gradient

    value_and_grad = plogq.value_and_grad
    monkeypatch.setattr(plogq, "value_and_grad", wrong)
    found = Notes("numpy")
    for seed in range(150):
        hold_plain(seed, found)
    assert [k for k in found.kinds if k.startswith("gradient by Q: ")], found.kinds


def test_a_way_that_forgets_the_weights_is_found() -> None:
    """One that gives the clean answer, and another one where nonsense has mass 0."""
    found = Notes("numpy")
    for seed in range(60):
        rng = draw.rng_of("numpy", seed)
        program = draw.program(rng, SMALL)
        for way in ways(rng, program):
            clean = way.run

            def run(p: Program, clean: Any = clean, own: Any = program) -> Any:
                outcome = clean(own)
                return replace(outcome, value=outcome.value + (0 if p is own else 1))

            hold(found, program, Way(way.name, run, way.precision))
    assert [k for k in found.kinds if k.startswith("mass 0 changes the value")], found.kinds


@pytest.mark.slow
def test_a_process_that_dies_is_a_failure_with_its_seed() -> None:
    notes = runner.run("no such part", seed=41, programs=2, minutes=2, processes=1)
    assert notes.programs == 2
    assert sum(notes.kinds.values()) == 2
    (kind,) = notes.kinds
    assert kind.startswith("dies: exit code 1 ModuleNotFoundError")
    assert notes.first[kind].command() == "python -m tests.fuzz no such part --only 41"


def test_the_table_goes_between_the_markers(tmp_path: Path) -> None:
    notes = Notes("numpy", programs=1234, checks=5678, worst={"value": 0.5})
    notes.counted["value"] = 9
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write(page, [(notes, 60.0)], "python -m tests.fuzz numpy")
    written = page.read_text()
    assert "old" not in written
    assert "| numpy | 1,234 | 5,678 | 0 | 1 |" in written
    assert "| numpy | value | 9 | 0.5 |" in written
    assert written.startswith("before\n")
    assert written.endswith("after\n")
    page.write_text("no markers")
    with pytest.raises(ValueError, match="no <!-- table: fuzz -->"):
        report.write(page, [], "")


def test_failures_are_grouped_by_kind_and_kept_through_json() -> None:
    notes = Notes("jax", seed=7)
    for event in (1, 22):
        notes.refused("refused", plogq.LabelError(f"label 3 at event ({event}, 0)"), "detail")
    notes.fail("value: x", "seen")
    again = Notes.from_json("jax", notes.as_json())
    assert again.kinds == {"refused: LabelError: label # at event #": 2, "value: x": 1}
    assert again.first["value: x"] == Failure("value: x", "jax", 7, "seen")
    assert "python -m tests.fuzz jax --only 7" in report.failures(again)
