"""What the doctor says of the corpus where it runs: all that runs here is found, nothing else."""

from __future__ import annotations

import pytest

from .judged import judged, said
from .programs import programs
from .running import framework


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("torch", 370),
        ("tensorflow", 20),
        ("sklearn", 20),
        pytest.param("jax", 50, marks=pytest.mark.slow),
    ],
)
def test_the_programs_of_the_corpus_are_judged_as_they_should_be(name: str, least: int) -> None:
    of = [p for p in programs() if framework(p) == name]
    assert judged(said(name), of) >= least
