"""What the doctor says of Keras's programs where they run, on every backend."""

from __future__ import annotations

import pytest

from .judged import judged, said
from .programs import Program, programs
from .running import framework

pytestmark = pytest.mark.slow


def of_keras(*, tensorflow: bool) -> list[Program]:
    """Programs of Keras, those that call TensorFlow besides or the others."""
    return [p for p in programs() if framework(p) == "keras" and ("tf." in p.text) == tensorflow]


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


def test_the_programs_of_the_corpus_are_judged_as_they_should_be() -> None:
    """On PyTorch, where nothing is compiled, all that are not bound to TensorFlow."""
    of = of_keras(tensorflow=False)
    found = said("keras", *(p.name for p in of), KERAS_BACKEND="torch")
    assert judged(found, of) >= 140


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_keras_is_judged_alike_on_every_backend(backend: str) -> None:
    """What of a framework's own is watched; how the rules judge is one for all backends."""
    of = of_each_rule(of_keras(tensorflow=False))
    assert len({rule for p in of for rule in (*p.expected, *p.undecidable)}) >= 10
    if backend == "tensorflow":
        of += of_keras(tensorflow=True)
    found = said("keras", *(p.name for p in of), KERAS_BACKEND=backend)
    assert judged(found, of) >= (80 if backend == "tensorflow" else 25)
