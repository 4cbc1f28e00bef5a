"""The table of rules: a function from what was seen to a verdict, its docstring its page."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from ..facts import Seen
from ..findings import Finding, Level, Verdict

Judged = TypeVar("Judged", bound=Seen)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its code, its name, its level where it is certain, and whom it speaks for."""

    code: str
    name: str
    level: Level
    of: type
    judge: Callable[..., Verdict | None]
    hides: tuple[str, ...]  # rules that would only say the same mistake over again

    @property
    def page(self) -> str:
        """What the rule is about: the docstring of its function."""
        return inspect.getdoc(self.judge) or ""

    @property
    def title(self) -> str:
        """The first line of its page."""
        return self.page.partition("\n")[0]


RULES: dict[str, list[Rule]] = {}


def rule(
    code: str, name: str, level: Level, of: type[Judged], hides: tuple[str, ...] = ()
) -> Callable[[Callable[[Judged], Verdict | None]], Callable[[Judged], Verdict | None]]:
    """Enter a function as a rule; a code may have one function for each kind of sighting.

    Raises:
        ValueError: two rules of one code for the same kind of sighting, or of two names.
    """

    def entered(judge: Callable[[Judged], Verdict | None]) -> Callable[[Judged], Verdict | None]:
        known = RULES.setdefault(code, [])
        if any(r.of is of or r.name != name for r in known):
            raise ValueError(f"{code} is entered twice for {of.__name__}, or under two names")
        known.append(Rule(code, name, level, of, judge, hides))
        return judge

    return entered


def judge(seen: Seen) -> Iterator[Finding]:
    """What the rules say of a sighting; a rule that another one hides is silent."""
    said: list[tuple[Rule, Verdict]] = []
    for known in RULES.values():
        for r in known:
            if isinstance(seen, r.of):
                verdict = r.judge(seen)
                if verdict is not None:
                    said.append((r, verdict))
    hidden = {code for r, _ in said for code in r.hides}
    for r, v in said:
        if r.code not in hidden:
            yield Finding(
                r.code, r.name, v.level or r.level, seen.place, v.message, v.fix, v.evidence,
                v.head, v.option,
            )  # fmt: skip
