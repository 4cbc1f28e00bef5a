"""What the doctor says of Keras's programs where they run, on every backend."""

from __future__ import annotations

import pytest

from .judged import judged, said
from .programs import Program, programs
from .running import framework

pytestmark = pytest.mark.slow


def test_the_programs_of_the_corpus_are_judged_as_they_should_be() -> None:
    of = [p for p in programs() if framework(p) == "keras"]
    assert judged(said("keras"), of) >= 110


def of_each_rule(several: list[Program]) -> list[Program]:
    """The first misuse of each rule, their twins, and some that look alike."""
    seen: set[str] = set()
    chosen: list[Program] = []
    alike: list[Program] = []
    for program in several:
        rules = {*program.expected, *program.undecidable}
        if not rules <= seen:
            chosen.append(program)
        elif not rules and not program.name.endswith("-twin"):
            alike.append(program)
        seen |= rules
    twins = {f"{p.name}-twin" for p in chosen}
    return [*chosen, *(p for p in several if p.name in twins), *alike[::3]]


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_keras_is_judged_alike_on_every_backend(backend: str) -> None:
    """What of a framework's own is watched; how the rules judge is one for all backends."""
    several = [p for p in programs() if framework(p) == "keras" and "tf." not in p.text]
    of = of_each_rule(several)
    assert len({rule for p in of for rule in (*p.expected, *p.undecidable)}) >= 10
    found = said("keras", *(p.name for p in of), KERAS_BACKEND=backend)
    assert judged(found, of) >= 25
