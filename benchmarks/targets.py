"""The figures to reach, each a sentence that judges what was measured."""

from __future__ import annotations

from dataclasses import dataclass

from .case import OURS, Outcomes, Target, Verdict


@dataclass(frozen=True, slots=True)
class Faster(Target):
    """Ours, or another way to call it, is at least `times` as fast as a contender."""

    than: str
    times: float
    who: str = OURS

    def judge(self, outcomes: Outcomes) -> Verdict:
        ours, other = outcomes.median(self.who), outcomes.median(self.than)
        title = _title(outcomes, self.than)
        goal = f"≥ {self.times:g}× {title}" if self.times > 1 else f"no slower than {title}"
        if self.who != OURS:
            goal = f"{_title(outcomes, self.who)}: {goal}"
        if ours is None or other is None:
            return _unmeasured(goal, outcomes, self.than)
        ratio = other / ours
        return Verdict(goal, f"{ratio:.2f}×", ratio >= self.times)


@dataclass(frozen=True, slots=True)
class Within(Target):
    """Ours, or another row, takes at most `times` the time of a contender that does less."""

    of: str
    times: float
    who: str = OURS

    def judge(self, outcomes: Outcomes) -> Verdict:
        ours, other = outcomes.median(self.who), outcomes.median(self.of)
        goal = f"≤ {self.times:g}× the time of {_title(outcomes, self.of)}"
        if self.who != OURS:
            goal = f"{_title(outcomes, self.who)}: {goal}"
        if ours is None or other is None:
            return _unmeasured(goal, outcomes, self.of)
        ratio = ours / other
        return Verdict(goal, f"{ratio:.2f}×", ratio <= self.times)


@dataclass(frozen=True, slots=True)
class RateOf(Target):
    """Ours moves at least a share of the bytes a second that a contender moves."""

    of: str
    share: float

    def judge(self, outcomes: Outcomes) -> Verdict:
        ours, full = outcomes.rate(OURS), outcomes.rate(self.of)
        goal = f"≥ {self.share:.0%} of the bandwidth of {_title(outcomes, self.of)}"
        if ours is None or full is None:
            return _unmeasured(goal, outcomes, self.of)
        return Verdict(goal, f"{ours / full:.1%}", ours / full >= self.share)


@dataclass(frozen=True, slots=True)
class Rate(Target):
    """Ours does at least so much a second, on a machine of a kind."""

    per_s: float
    of: str  # what it is told in, with the kind of machine

    def judge(self, outcomes: Outcomes) -> Verdict:
        ours, goal = outcomes.rate(OURS), f"≥ {self.of}"
        if ours is None:
            return _unmeasured(goal, outcomes, OURS)
        return Verdict(goal, f"{ours / self.per_s:.0%} of it", ours >= self.per_s)


@dataclass(frozen=True, slots=True)
class Shared(Target):
    """Ours, on `parts` processors, takes at most `times` its share of the time on one."""

    of: str
    parts: int
    times: float

    def judge(self, outcomes: Outcomes) -> Verdict:
        ours, other = outcomes.median(OURS), outcomes.median(self.of)
        goal = f"≤ {self.times:g}× 1/{self.parts} of the time of {_title(outcomes, self.of)}"
        if ours is None or other is None:
            return _unmeasured(goal, outcomes, self.of)
        ratio = ours * self.parts / other
        return Verdict(goal, f"{ratio:.2f}×", ratio <= self.times)


@dataclass(frozen=True, slots=True)
class LessMemory(Target):
    """Ours takes at most a share of the memory of a contender."""

    of: str
    share: float

    def judge(self, outcomes: Outcomes) -> Verdict:
        goal = f"memory ≤ {self.share:.0%} of that of {_title(outcomes, self.of)}"
        ours, other = outcomes.rows.get(OURS), outcomes.rows.get(self.of)
        if ours is None or other is None or ours.memory is None or not other.memory:
            return _unmeasured(goal, outcomes, self.of)
        share = ours.memory / other.memory
        measured = f"{_mb(ours.memory)} and {_mb(other.memory)}, {share:.0%}"
        return Verdict(goal, measured, share <= self.share)


@dataclass(frozen=True, slots=True)
class Holds(Target):
    """The memory of a row is at most so many bytes."""

    who: str
    bytes: int

    def judge(self, outcomes: Outcomes) -> Verdict:
        goal = f"{_title(outcomes, self.who)}: ≤ {_mb(self.bytes)}"
        row = outcomes.rows.get(self.who)
        if row is None or row.memory is None:
            return _unmeasured(goal, outcomes, self.who)
        return Verdict(goal, f"{row.memory / 1e6:.2f} MB", row.memory <= self.bytes)


@dataclass(frozen=True, slots=True)
class GradientError(Target):
    """The error of our gradient is at most `times` that of a contender."""

    of: str
    times: float

    def judge(self, outcomes: Outcomes) -> Verdict:
        title = _title(outcomes, self.of)
        goal = f"error of the gradient ≤ {self.times:g}× that of {title}"
        ours, other = outcomes.rows.get(OURS), outcomes.rows.get(self.of)
        if ours is None or other is None or ours.gradient_error is None or not other.gradient_error:
            return _unmeasured(goal, outcomes, self.of)
        ratio = ours.gradient_error / other.gradient_error
        return Verdict(goal, f"{ratio:.3f}×", ratio <= self.times)


@dataclass(frozen=True, slots=True)
class Error(Target):
    """The relative error of ours is at most `bound`."""

    bound: float

    def judge(self, outcomes: Outcomes) -> Verdict:
        goal = f"relative error of the loss ≤ {self.bound:.0e}"
        row = outcomes.rows.get(OURS)
        if row is None or row.error is None:
            return _unmeasured(goal, outcomes, OURS)
        return Verdict(goal, f"{row.error:.1e}", row.error <= self.bound)


@dataclass(frozen=True, slots=True)
class Memory(Target):
    """Extra memory, besides the gradients that are returned, is at most a share of the scores'."""

    share: float

    def judge(self, outcomes: Outcomes) -> Verdict:
        goal = f"extra memory ≤ {self.share:.0%} of the scores' {_mb(outcomes.score_bytes)}"
        row = outcomes.rows.get(OURS)
        if row is None or row.memory is None:
            return _unmeasured(goal, outcomes, OURS)
        share = row.memory / outcomes.score_bytes
        return Verdict(goal, f"{_mb(row.memory)}, {share:.1%}", share <= self.share)


@dataclass(frozen=True, slots=True)
class OverGradients(Target):
    """The peak of memory is at most `times` that of the gradients, and of a workspace with them."""

    times: float
    workspace: int = 0

    def judge(self, outcomes: Outcomes) -> Verdict:
        gradients = outcomes.result_bytes + self.workspace
        whose = "the gradients' and the workspace's" if self.workspace else "the gradients'"
        goal = f"memory ≤ {self.times:g}× {whose} {_mb(gradients)}"
        row = outcomes.rows.get(OURS)
        if row is None or row.memory is None:
            return _unmeasured(goal, outcomes, OURS)
        ratio = row.memory / gradients
        return Verdict(goal, f"{_mb(row.memory)}, {ratio:.2f}×", ratio <= self.times)


@dataclass(frozen=True, slots=True)
class Flat(Target):
    """Cost per element over all contenders: the greatest at most `times` the least."""

    times: float

    def judge(self, outcomes: Outcomes) -> Verdict:
        goal = f"flat within {self.times - 1:.0%}"
        costs = [row.median / row.elements for row in outcomes.rows.values() if row.samples]
        if not costs:
            return _unmeasured(goal, outcomes, OURS)
        ratio = max(costs) / min(costs)
        return Verdict(goal, f"greatest / least = {ratio:.2f}", ratio <= self.times)


@dataclass(frozen=True, slots=True)
class SameMemory(Target):
    """Two contenders that differ in size take the same memory, within `times`."""

    small: str
    large: str
    times: float

    def judge(self, outcomes: Outcomes) -> Verdict:
        goal = f"memory flat in the rows (≤ {self.times:g}× of a tenth of them)"
        small, large = (outcomes.rows.get(name) for name in (self.small, self.large))
        if small is None or large is None or not small.memory or large.memory is None:
            return _unmeasured(goal, outcomes, OURS)
        measured = f"{_mb(small.memory)} and {_mb(large.memory)}"
        return Verdict(goal, measured, large.memory <= self.times * small.memory)


def _title(outcomes: Outcomes, name: str) -> str:
    row = outcomes.rows.get(name)
    return name if row is None else row.title


def _unmeasured(goal: str, outcomes: Outcomes, name: str) -> Verdict:
    return Verdict(goal, outcomes.left_out.get(name, "not measured"), None)


def _mb(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
