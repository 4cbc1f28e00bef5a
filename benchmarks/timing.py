"""Contenders timed in turn, A B C A B C …, so that a slow minute of the machine hits all alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from time import perf_counter
from typing import Any

from .case import OURS, Contender, Outcome, Reading, Run, Work

_SAMPLE_SECONDS = 0.02  # a sample is repeated calls until it lasts this long
_MOST_CALLS = 10_000
_BUDGET_SECONDS = 60.0  # past it a contender sits the other rounds out
_LEAST_SAMPLES = 3


@dataclass(slots=True)
class _Runner:
    outcome: Outcome
    run: Run
    own_clock: bool
    calls: int = 1
    spent: float = 0.0

    def warm_up(self) -> Any:
        """Compile, allocate and fill caches; then find how many calls make a sample."""
        result = self.run()
        if not self.own_clock:
            seconds = self._once()
            if seconds < _SAMPLE_SECONDS:  # a single hiccup must not decide
                seconds = min(seconds, self._once(), self._once())
            self.calls = max(1, min(_MOST_CALLS, math.ceil(_SAMPLE_SECONDS / seconds)))
        return result

    def sample(self) -> None:
        if self.own_clock:
            reading = self.run()
            seconds = float(reading)
            if isinstance(reading, Reading):
                self.outcome.memory = reading.memory
        elif self.calls == 1:
            seconds = self._once()
        else:
            start = perf_counter()
            for _ in range(self.calls):
                self.run()
            seconds = (perf_counter() - start) / self.calls
        self.outcome.samples.append(seconds)
        self.spent += seconds * self.calls

    def _once(self) -> float:
        start = perf_counter()
        result = self.run()
        seconds = perf_counter() - start
        del result  # giving memory back is outside the clock, for everyone
        return seconds


def missing(contender: Contender) -> str | None:
    """Why this contender cannot run here, or None."""
    for package in contender.needs:
        try:
            import_module(package)
        except ImportError:
            return f"{package} is not installed"
        except Exception as error:  # installed, but not for this machine
            return f"{package} does not load, {_said(error)}"
    return None


def _exact(work: Work) -> Any:
    """What results are held against; None where that is a peer's, and the peer is not here."""
    try:
        return None if work.reference is None else work.reference()
    except ImportError:
        return None


def measure(
    work: Work, rounds: int, say: Callable[[str], None]
) -> tuple[dict[str, Outcome], dict[str, str]]:
    """Every contender of a case in turn, `rounds` times; and those left out, with the reason."""
    exact = _exact(work)
    left_out: dict[str, str] = {}
    runners: list[_Runner] = []
    for contender in work.contenders:
        why = missing(contender)
        if why is not None:
            left_out[contender.name] = why
            continue
        say(f"warming up {contender.title}")
        outcome = Outcome(contender.name, contender.title, contender.elements or work.elements)
        try:
            runner = _Runner(outcome, contender.prepare(), contender.own_clock)
            result = runner.warm_up()
            if isinstance(result, Reading):
                result = result.result
            outcome.error = _error(result, exact)
            if work.gradient_error is not None and isinstance(result, tuple):
                outcome.gradient_error = work.gradient_error(result[1])
            del result  # the next contender's first call needs no more memory than its others
        except Exception as error:  # a peer that fails must not take the others down
            if contender.name == OURS:
                raise
            left_out[contender.name] = _said(error)
            continue
        runners.append(runner)
    for i in range(rounds):
        say(f"round {i + 1} of {rounds}")
        for runner in runners:
            if runner.spent < _BUDGET_SECONDS or len(runner.outcome.samples) < _LEAST_SAMPLES:
                runner.sample()
    return {r.outcome.name: r.outcome for r in runners}, left_out


def _said(error: Exception) -> str:
    """The kind of an error and the first line of its message, which may be empty."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _error(result: Any, exact: float | None) -> float | None:
    """The relative error of a contender's mean loss."""
    loss = result[0] if isinstance(result, tuple) else result
    if exact is None or loss is None:
        return None
    return abs(float(loss) - exact) / abs(exact)
