"""Programs on NumPy arrays: every instruction set and the formula, in any layout of memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

import plogq
from plogq.kernels import table
from plogq.native import processor

from . import build, layouts
from .allowed import Precision
from .checks import Outcome, Way, same
from .draw import Limits
from .notes import Notes
from .program import Array, Arrays, Linear, Program, text
from .reference import Truth
from .values import Rng

LIMITS = Limits(large=0.002)
PROMISED = 1 << 20  # scores from which on threads divide the work


@contextmanager
def threads(count: int) -> Iterator[None]:
    """PLOGQ_NUM_THREADS for a block."""
    before = os.environ.get("PLOGQ_NUM_THREADS")
    os.environ["PLOGQ_NUM_THREADS"] = str(count)
    try:
        yield
    finally:
        if before is None:
            del os.environ["PLOGQ_NUM_THREADS"]
        else:
            os.environ["PLOGQ_NUM_THREADS"] = before


def kernels(rng: Rng, program: Program) -> str:
    """Which kernel runs: the default, one of an instruction set, or the formula."""
    sets = processor.instruction_sets()
    return ["default", *sets, "formula"][int(rng.integers(len(sets) + 2))]


@contextmanager
def by(kernel: str) -> Iterator[None]:
    """Inside this block this kernel runs."""
    with ExitStack() as stack:
        if kernel == "formula":
            stack.enter_context(table.using("formula"))
        elif kernel != "default":
            stack.enter_context(processor.instruction_set(kernel))
        yield


def is_formula(kernel: str, program: Program) -> bool:
    """Whether the formula runs: where it was asked for, for entropies, and where kernels refuse."""
    given = {name: x.copy() for name, x in program.arrays.items()}
    return kernel == "formula" or build.chosen(program, given) == "formula"


def frozen(given: dict[str, Array]) -> dict[str, bytes]:
    return {name: x.tobytes() for name, x in given.items()}


def changes(before: dict[str, bytes], given: dict[str, Array], but: str = "") -> tuple[str, ...]:
    return tuple(n for n, x in given.items() if n != but and x.tobytes() != before[n])


def ways(rng: Rng, program: Program) -> Iterator[Way]:
    kernel, seed = kernels(rng, program), int(rng.integers(1 << 30))
    out = [None, None, "own", "scores"][int(rng.integers(4))]
    level = "off" if rng.random() < 0.1 else "on"
    count = int(rng.integers(1, 5))

    def run(program: Program) -> Outcome:
        lay = np.random.default_rng(seed)
        given = {name: layouts.laid_out(lay, x) for name, x in program.arrays.items()}
        with by(kernel), threads(count), plogq.validation(level):
            return run_with(program, given, out)

    formula = is_formula(kernel, program)
    yield Way(kernel, run, Precision(formula=formula), more=_by_threads(run, kernel))


def run_with(program: Program, given: Arrays, out: Any) -> Outcome:
    before = frozen(given)
    value = build.value(program, given)
    changed = changes(before, given)
    if program.function != "cross_entropy" or program.shape is not None:
        return Outcome(np.asarray(value), {}, changed)
    q = program.q
    written = "" if isinstance(q, Linear) or q is None else q.array
    into: Any = None
    if written and out == "own":
        into = np.empty_like(given[written])
    elif written and out == "scores" and given[written].flags.writeable:
        into = "scores"
    loss, gradients = build.value_and_grad(program, given, into)
    if not same(Outcome(np.asarray(value)), Outcome(np.asarray(loss))):
        changed = (*changed, f"value_and_grad gives {loss!r} where cross_entropy gives {value!r}")
    if isinstance(into, np.ndarray) and gradients[written] is not into:
        changed = (*changed, "the gradient did not go into out")
    changed += (
        changes(before, given, written if into == "scores" else "")
        if into is None or isinstance(into, str)
        else ()
    )
    gradients = {n: np.asarray(g) for n, g in gradients.items()}
    return Outcome(np.asarray(value), gradients, changed)


def _by_threads(run: Any, kernel: str) -> Any:
    def more(notes: Notes, program: Program, true: Truth, kind: str) -> None:
        if max((x.size for x in program.arrays.values()), default=0) < PROMISED:
            return
        found = []
        for count in (1, 2, 3, 4):
            given = {name: x.copy() for name, x in program.arrays.items()}
            with by(kernel), threads(count):
                found.append(run_with(program, given, None))
        good = all(same(found[0], other) for other in found[1:])
        notes.check(good, f"threads change the result: {kind}", text(program))

    return more
